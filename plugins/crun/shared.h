/* What the containers of a pod share beside its volumes and its network: System V IPC and /dev/shm, and the PID namespace
 * of a pod that wants one. Everything is below runDir/pods/UID, and lives as long as the pod.
 */
#ifndef CRUN_SHARED_H
#define CRUN_SHARED_H

#include "crun.h"
#include "document.h"

struct shared {
    char *ipc, *pid; /* namespaces; NULL: the host's, or one of its own */
    char *shm;       /* what is /dev/shm */
    char *user;      /* its user namespace; NULL: the host's */
    int userns;      /* the same, open; -1 */
    int64_t first;   /* the host's id that is 0 in it */
};

/* Makes what is missing. The caller frees *out, also after an error. */
MUST_CHECK bool shared_make(const struct crun *crun, const struct document *document, struct shared *out,
                            struct error *err);
/* Absent: true. `users_too`: also the user namespace, which the pod's network may be of. */
MUST_CHECK bool shared_release(const struct crun *crun, const char *uid, bool users_too, struct error *err);
void shared_free(struct shared *shared);

#endif
