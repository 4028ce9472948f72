/* What the containers of a pod share: its network namespace, its volumes, its folder of logs, its cgroup. */
#ifndef CRUN_POD_H
#define CRUN_POD_H

#include "crun.h"
#include "document.h"
#include "shared.h"

char *pod_netns_path(const struct crun *crun, const char *uid); /* the caller frees */
char *pod_log_path(const struct crun *crun, const struct document *document);
/* Makes what is missing. *made: the pod was not known before, so a failed create takes it back by pod_release. */
MUST_CHECK bool pod_prepare(const struct crun *crun, const struct document *document, bool *made, struct shared *shared,
                            struct error *err);
/* Removes it all; `users_too`: see shared_release. Absent: true. */
MUST_CHECK bool pod_release(const struct crun *crun, const char *uid, bool users_too, struct error *err);
/* Only what is in its volumes: its logs stay, and it has something to release still. */
MUST_CHECK bool pod_empty(const struct crun *crun, const char *uid, struct error *err);
/* The uid of every pod that has something to release, as texts into `array`. */
void pod_list(const struct crun *crun, struct json *array);
bool pod_is_known(const struct crun *crun, const char *uid);

#endif
