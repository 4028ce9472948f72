/* The cgroup folders davit/UID/CONTAINER-ATTEMPT, which crun fills and this plugin clears away; v1, hybrid and v2. */
#ifndef CRUN_CGROUP_H
#define CRUN_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "crun.h"
#include "document.h"

bool cgroup_is_v2(void);
/* v2: the leaf where conmons live, so that they are in no unit's cgroup. -1: there is none. The caller closes it. */
int cgroup_open_conmon(void);
/* Below the cgroup's root. The callers free. */
char *cgroup_container_path(const struct crun *crun, const struct document *document);
char *cgroup_pod_path(const struct crun *crun, const char *uid);
char *cgroup_pause_path(const struct crun *crun, const char *uid);
/* The same of a container as crun wants it said. */
char *cgroup_spec_path(const struct crun *crun, const struct document *document);
/* Limits of what runs: a container's, or a pod's. */
MUST_CHECK bool cgroup_limit(const struct crun *crun, const char *path, const struct json *limits, struct error *err);
/* Puts a process into the folder `path` of every hierarchy that takes it; made where it is missing. */
MUST_CHECK bool cgroup_put(const char *path, pid_t pid, struct error *err);
/* Ends what is left in it: with a PID namespace that others share, a container's children outlive its first process. */
void cgroup_kill(const char *path);
/* Removes an empty folder `path`, as given to crun, from every hierarchy. Absent or in use: nothing happens. */
void cgroup_remove(const char *path);
/* The same for a pod's folder. */
void cgroup_remove_pod(const struct crun *crun, const char *uid);

/* The kernel killed something in the cgroup of this container, `id` of pod `uid`, for want of memory. `killed`: it ended
 * by SIGKILL, so that what its pod has counted may be its own. To be asked once. */
bool cgroup_was_oom(const struct crun *crun, const char *uid, const char *id, bool killed);
/* The cgroup of a container, below the cgroup's root; NULL: not known. The caller frees. */
char *cgroup_of(const struct crun *crun, const char *id);

/* What is written in one file of its cgroup, of that controller's hierarchy on v1. NULL: it cannot be read. The caller frees. */
char *cgroup_read(const struct crun *crun, const char *path, const char *controller, const char *file);

#endif
