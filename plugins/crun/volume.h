/* A pod's volumes, made ready and turned into mounts of one container. */
#ifndef CRUN_VOLUME_H
#define CRUN_VOLUME_H

#include "crun.h"
#include "document.h"
#include "spec.h"

struct volume_mounts {
    struct spec_mount mounts[LIMIT_VOLUMES];
    size_t count;
};

/* ERROR_INVALID: the document cannot work; any other error may pass when the host changes. */
MUST_CHECK bool volume_prepare(const struct crun *crun, const struct document *document, struct volume_mounts *out,
                               struct error *err);
/* New contents for the volumes of files that are there. */
MUST_CHECK bool volume_update(const struct crun *crun, const char *uid, const struct json *volumes, int64_t group,
                              struct error *err);
/* What a pod's volumes have in the run directory. Absent: true. */
MUST_CHECK bool volume_release(const struct crun *crun, const char *uid, struct error *err);
/* Everything mounted right below a folder. */
void volume_unmount(const char *folder);
/* Kubernetes' types of hostPath, and what the core allows. The caller closes *fd (O_PATH), -1 after an error. */
MUST_CHECK bool volume_host_open(const struct json *host_path, int *fd, struct error *err);
void volume_mounts_free(struct volume_mounts *mounts);

#endif
