/* What a container may ask of resources, as the API server checks it. Kubernetes: Resource management, Extended resources.
 * Pure.
 */
#ifndef PROTOCOL_RESOURCES_CHECK_H
#define PROTOCOL_RESOURCES_CHECK_H

#include "base/error.h"
#include "model/pod.h"

/* `path` is the container's. False: *err names the JSON path. */
MUST_CHECK bool resources_check(const struct container *container, const char *path, struct error *err);

#endif
