/* What the control socket says of the images that are here (docs/wire.md). */
#ifndef CORE_CONTROL_IMAGES_H
#define CORE_CONTROL_IMAGES_H

#include "core/core.h"

/* The whole answer; the caller frees. */
struct json *control_images_list(struct core *core, const struct json *request);
struct json *control_images_inspect(struct core *core, const struct json *request);
struct json *control_images_remove(struct core *core, const struct json *request);
struct json *control_images_prune(struct core *core, const struct json *request);

#endif
