/* Limits of a container, as OCI has them and as cgroup files. */
#ifndef CRUN_LIMITS_H
#define CRUN_LIMITS_H

#include "base/error.h"
#include "base/json.h"

/* OCI's linux.resources of the document's `linux`, but for devices. Pure; the caller frees. */
struct json *limits_write(const struct json *limits, bool cgroup_v2);
/* Into the cgroup of a container that runs. `path` is below the cgroup's root. */
MUST_CHECK bool limits_apply(const struct json *limits, const char *path, bool cgroup_v2, struct error *err);
/* What the kernel lets this process give (it needs a right to go lower); *clamped: less than was asked for. */
int64_t limits_oom_score(int64_t wanted, bool *clamped);

/* cgroup v2's weight of v1's shares. */
int64_t limits_weight(int64_t shares);

#endif
