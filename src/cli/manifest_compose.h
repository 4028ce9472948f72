/* A Compose file among the documents of -f. */
#ifndef CLI_MANIFEST_COMPOSE_H
#define CLI_MANIFEST_COMPOSE_H

#include "cli/manifest.h"

/* Its objects; `path` is the file's, "-" for stdin: what it names lies beside it. */
MUST_CHECK bool manifest_add_compose(const struct options *options, struct manifest *manifest, const struct json *document,
                                     const char *origin, const char *path, struct error *err);

#endif
