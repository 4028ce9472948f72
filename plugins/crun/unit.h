/* Cgroups as units of systemd, with cgroup_manager=systemd: a scope a container, in a slice a pod, in davit.slice. */
#ifndef CRUN_UNIT_H
#define CRUN_UNIT_H

#include "base/json.h"

/* "davit-UID.slice", its dashes as systemd has them; "davit-ID.scope". The caller frees. */
char *unit_slice(const char *uid);
char *unit_scope(const char *id);
/* Limits of something that runs, as properties: what is written past systemd it may write back. */
MUST_CHECK bool unit_limit(const char *unit, const struct json *limits, int64_t weight, struct error *err);
/* Absent: true. */
MUST_CHECK bool unit_stop(const char *unit, struct error *err);

#endif
