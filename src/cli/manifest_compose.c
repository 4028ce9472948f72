#include "config.h"

#include "cli/manifest_compose.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/compose.h"
#include "cli/manifest_check.h"
#include "davit/limits.h"

struct around {
    const struct options *options;
    const char *origin;
    const char *path;
};

static const char *variable(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

static bool read_beside(void *ctx, const char *path, char **data, size_t *len, struct error *err)
{
    const struct around *around = ctx;
    const char *slash = strrchr(around->path, '/');
    AUTO_FREE char *whole = path[0] == '/' || slash == NULL ? mem_strdup(path)
                                                            : mem_printf("%.*s/%s", (int)(slash - around->path), around->path, path);
    return file_read_regular(whole, LIMIT_DOCUMENT_BYTES, data, len, err);
}

static bool remark(void *ctx, const char *text, struct error *err)
{
    const struct around *around = ctx;
    return manifest_remark(around->options, around->origin, err, "%s", text);
}

bool manifest_add_compose(const struct options *options, struct manifest *manifest, const struct json *document, const char *origin,
                          const char *path, struct error *err)
{
    struct around around = {.options = options, .origin = origin, .path = path};
    const struct compose_source source = {.variable = variable, .read_file = read_beside, .remark = remark, .ctx = &around};
    AUTO_JSON struct json *objects = compose_convert(document, &source, err);
    if (objects == NULL)
        return error_wrap(err, "%s", origin);
    JSON_EACH(object, objects)
        if (!manifest_add(options, manifest, json_copy(object), origin, err))
            return false;
    return true;
}
