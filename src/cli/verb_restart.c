/* davit restart: pods end gracefully, and start again as new ones. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/fleet_act.h"
#include "cli/remote.h"
#include "cli/verbs.h"
#include "protocol/names.h"

/* The object at *at, as TYPE/NAME, kubectl's TYPE NAME, or a pod's name alone; *at is then behind it. */
static char *next_object(const struct options *options, size_t *at)
{
    const char *word = options->words[(*at)++];
    bool two = *at < options->word_count && resource_by_word(word) != NULL;
    return two ? mem_printf("%s/%s", word, options->words[(*at)++]) : mem_strdup(word);
}

enum exit_code verb_restart(const struct options *options, struct error *err)
{
    if (options->word_count == 0)
        return usage_error(err, "restart what? As: davit restart hello, or davit restart deploy/web");
    for (size_t i = 0; i < options->word_count;) {
        AUTO_FREE char *word = next_object(options, &i);
        const char *slash = strchr(word, '/');
        AUTO_FREE char *kind = mem_strndup(word, slash != NULL ? (size_t)(slash - word) : 0);
        const struct resource *resource = slash != NULL ? resource_by_word(kind) : resource_by_plural("pods");
        if (resource == NULL || !name_is_subdomain(slash != NULL ? slash + 1 : word))
            return usage_error(err, "\"%s\" is nothing that restarts: as hello, vm/hmi, deploy/web, ds/NAME, sts/NAME or app/NAME", word);
        AUTO_JSON struct json *args = json_new_texts("object", word, "namespace", options->ns, NULL);
        if (fleet_is_meant(options)) {
            enum exit_code code = fleet_act(options, "restart", word, args, "restarted", err);
            if (code != EXIT_CODE_OK)
                return code;
            continue;
        }
        AUTO_JSON struct json *answer = remote_ask(options, "restart", args, err);
        if (answer == NULL)
            return exit_code_of(err);
        bool none = json_get(answer, "pods") != NULL && json_get_integer(answer, "pods", 0) == 0;
        printf("%s/%s %s\n", resource->singular, slash != NULL ? slash + 1 : word, none ? "has no pod here: nothing to restart" : "restarted");
    }
    return EXIT_CODE_OK;
}
