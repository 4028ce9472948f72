/* A Compose file (https://compose-spec.io) as Kubernetes objects: a Deployment, or a Job where it runs to its end, and a
 * Service of its name for each service; claims, ConfigMaps and Secrets for the rest. Pure: what lies around the file is
 * asked for.
 */
#ifndef CLI_COMPOSE_H
#define CLI_COMPOSE_H

#include "base/json.h"

struct compose_source {
    const char *(*variable)(void *ctx, const char *name); /* NULL: it is not set */
    /* A file that the Compose file names; the caller frees *data. */
    bool (*read_file)(void *ctx, const char *path, char **data, size_t *len, struct error *err);
    /* What is left out. False: that is an error. */
    bool (*remark)(void *ctx, const char *text, struct error *err);
    void *ctx;
};

/* A map with `services`, and no Kubernetes object. */
bool compose_is_one(const struct json *document);
/* A list of objects; the caller frees. NULL: *err names the path. */
MUST_CHECK struct json *compose_convert(const struct json *document, const struct compose_source *source, struct error *err);

#endif
