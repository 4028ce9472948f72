/* davit logs: what a container wrote. kubectl's flags and words. */
#include "config.h"

#include "cli/logs.h"
#include "cli/remote.h"

enum exit_code verb_logs(const struct options *options, struct error *err)
{
    struct log_flags flags;
    if (options->word_count != 1)
        return usage_error(err, "logs takes the name of one pod");
    if (!log_flags_read(options, &flags, err))
        return EXIT_CODE_USAGE;
    if (remote_is_meant(options))
        return logs_remote(options, options->words[0], &flags, err);
    return logs_local(options, options->words[0], &flags, err);
}
