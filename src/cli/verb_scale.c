/* davit scale: how many pods a document on the broker asks for. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cli/edit_run.h"
#include "davit/limits.h"

static bool set_replicas(void *ctx, struct json *document, struct error *err)
{
    static const char *const KINDS[] = {"Deployment", "StatefulSet", "App"};
    const char *kind = json_get_text(document, "kind");
    for (size_t i = 0; kind != NULL && i < 3; i++)
        if (strcmp(KINDS[i], kind) == 0) {
            struct json *spec = json_get_mutable(document, "spec");
            json_set_integer(spec != NULL ? spec : json_set_object(document, "spec"), "replicas", *(const long *)ctx);
            return true;
        }
    return error_set(err, ERROR_INVALID, "a %s has no replicas: Deployments, StatefulSets and Apps have", kind != NULL ? kind : "thing");
}

enum exit_code verb_scale(const struct options *options, struct error *err)
{
    char *end = NULL;
    long replicas = options->replicas != NULL ? strtol(options->replicas, &end, 10) : -1;
    if (options->replicas == NULL)
        return usage_error(err, "scale to what? Give --replicas N");
    if (end == options->replicas || *end != '\0' || replicas < 0 || replicas > LIMIT_REPLICAS)
        return usage_error(err, "--replicas %s is no number up to %d", options->replicas, LIMIT_REPLICAS);
    return edit_objects(options, options->words, options->word_count, "scaled", set_replicas, &replicas, err);
}
