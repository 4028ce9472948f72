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
void volume_mounts_free(struct volume_mounts *mounts);

#endif
