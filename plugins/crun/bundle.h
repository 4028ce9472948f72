/* The folder of one instance in the run directory, and everything that hangs on it. */
#ifndef CRUN_BUNDLE_H
#define CRUN_BUNDLE_H

#include "document.h"
#include "instance.h"

/* Makes the folder with hosts, hostname and resolv.conf. What an earlier try left is cleared away first. */
MUST_CHECK bool bundle_make(const struct crun *crun, const struct document *document, const char *hostname,
                            const char *cgroups_path, struct error *err);
/* Ends and removes whatever there is: processes (where `half_made` says that nobody knows them), crun's state, mounts,
 * the upper folder, cgroups, the exit file, the folder. Works on any remainder, and again after a failure. */
MUST_CHECK bool bundle_destroy(const struct crun *crun, const char *id, bool half_made, int cancel_fd,
                               struct error *err);

#endif
