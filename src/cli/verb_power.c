/* davit start, davit stop: a virtual machine on or off, until the next word or another run strategy. */
#include "config.h"

#include <stdio.h>

#include "base/memory.h"
#include "cli/fleet_act.h"
#include "cli/remote.h"
#include "cli/verbs.h"
#include "cli/vm_word.h"

static enum exit_code each(const struct options *options, const char *verb, const char *doing, const char *done,
                           struct error *err)
{
    if (options->word_count == 0)
        return usage_error(err, "%s what? As: davit %s vm/hmi", verb, verb);
    for (size_t at = 0; at < options->word_count;) {
        char *read = NULL;
        if (!vm_word_read(options, &at, &read, err))
            return EXIT_CODE_USAGE;
        AUTO_FREE char *object = read;
        AUTO_FREE char *title = vm_word_title(object);
        AUTO_JSON struct json *args = json_new_texts("object", object, "namespace", options->ns, NULL);
        if (options->force)
            json_set_boolean(args, "force", true);
        if (fleet_is_meant(options)) {
            enum exit_code code = fleet_act(options, verb, object, args, done, err);
            if (code != EXIT_CODE_OK)
                return code;
            continue;
        }
        AUTO_JSON struct json *answer = remote_ask(options, verb, args, err);
        if (answer == NULL)
            return exit_code_of(err);
        printf("%s %s\n", title, doing);
    }
    return EXIT_CODE_OK;
}

enum exit_code verb_start(const struct options *options, struct error *err)
{
    return each(options, "start", "starts", "started", err);
}

enum exit_code verb_stop(const struct options *options, struct error *err)
{
    return each(options, "stop", options->force ? "is switched off" : "stops", "stopped", err);
}
