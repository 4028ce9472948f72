/* davit logs: what a container wrote. kubectl's flags and words. */
#include "config.h"

#include <string.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/logs.h"
#include "cli/logs_many.h"
#include "cli/remote.h"
#include "protocol/names.h"

/* POD, TYPE/NAME, TYPE NAME, and kubectl's POD CONTAINER. NULL: none, or too much; else the caller's. */
static char *object_of(struct options *options)
{
    const char *const *words = options->words;
    if (options->word_count == 1)
        return mem_strdup(words[0]);
    if (options->word_count != 2)
        return NULL;
    if (resource_by_word(words[0]) != NULL)
        return mem_printf("%s/%s", words[0], words[1]);
    if (options->container != NULL)
        return NULL;
    options->container = words[1];
    return mem_strdup(words[0]);
}

static bool check(const struct options *options, const char *object, struct error *err)
{
    if (options->all_containers && options->container != NULL)
        return error_set(err, ERROR_INVALID, "-c NAME or --all-containers? Give one of them");
    if (options->selector != NULL)
        return options->word_count == 0 || error_set(err, ERROR_INVALID, "the name of a pod, or -l LABELS? Give one of them");
    return object != NULL ||
           error_set(err, ERROR_INVALID, "logs takes the name of one pod, or of one virtual machine as vm/hmi, or -l LABELS");
}

static enum exit_code many(const struct options *options, const char *object, struct error *err)
{
    const char *slash = object != NULL ? strchr(object, '/') : NULL;
    const char *pod = slash != NULL ? slash + 1 : object;
    if (slash != NULL && strncmp(object, "pod/", 4) != 0 && strncmp(object, "pods/", 5) != 0)
        return usage_error(err, "--all-containers is of a pod, or of those of -l LABELS; `davit get pods` lists them");
    if (!remote_is_meant(options) && !options->by_control)
        return usage_error(err, "which node? Give --node N, or --control SOCKET for this device");
    return address_check(options, err) ? logs_many(options, pod, err) : EXIT_CODE_USAGE;
}

enum exit_code verb_logs(const struct options *given, struct error *err)
{
    struct options options = *given;
    struct log_flags flags;
    AUTO_FREE char *object = object_of(&options);
    if (!check(&options, object, err) || !log_flags_read(&options, &flags, err))
        return EXIT_CODE_USAGE;
    if (logs_many_is_meant(&options))
        return many(&options, object, err);
    if (remote_is_meant(&options))
        return logs_remote(&options, object, &flags, err);
    return logs_local(&options, object, &flags, err);
}
