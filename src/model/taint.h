/* Which taints of a node a pod tolerates. Kubernetes: Taints and Tolerations. Pure. Both are JSON as documents have them. */
#ifndef MODEL_TAINT_H
#define MODEL_TAINT_H

#include "base/error.h"
#include "base/json.h"

#define TAINT_UNSCHEDULABLE "node.kubernetes.io/unschedulable"

MUST_CHECK bool taints_check(const struct json *taints, const char *path, struct error *err);
MUST_CHECK bool tolerations_check(const struct json *tolerations, const char *path, struct error *err);

/* For how long at most what runs may stay; TAINT_FOR_EVER: as long as it likes. */
#define TAINT_FOR_EVER (-1)
MUST_CHECK bool taint_is_tolerated(const struct json *taint, const struct json *tolerations, int64_t *seconds);

#endif
