/* davit logs: what a container wrote. kubectl's flags and words. */
#include "config.h"

#include "base/memory.h"
#include "cli/logs.h"
#include "cli/remote.h"
#include "cli/vm_word.h"

enum exit_code verb_logs(const struct options *options, struct error *err)
{
    struct log_flags flags;
    bool pair = options->word_count == 2 && vm_word_is_pair(options, 0);
    if (options->word_count != 1 && !pair)
        return usage_error(err, "logs takes the name of one pod, or of one virtual machine as vm/hmi");
    AUTO_FREE char *object = pair ? mem_printf("vm/%s", options->words[1]) : mem_strdup(options->words[0]);
    if (!log_flags_read(options, &flags, err))
        return EXIT_CODE_USAGE;
    if (remote_is_meant(options))
        return logs_remote(options, object, &flags, err);
    return logs_local(options, object, &flags, err);
}
