/* An image's layers as one tree, by overlayfs. */
#ifndef CRUN_OVERLAY_H
#define CRUN_OVERLAY_H

#include "base/json.h"

struct overlay {
    const char *target;          /* a folder that is there */
    const char *folder;          /* made where the layers need names of their own, and for an empty layer */
    const struct json *layers;   /* folders, lowest first */
    const char *upper;           /* holds `upper` and `work`; NULL: read-only. Of whoever is root of `userns` */
    unsigned long flags;         /* of mount(2) */
    int userns;                  /* whose ids the tree is seen with; -1: as they are on the disk */
};

MUST_CHECK bool overlay_mount(const struct overlay *overlay, struct error *err);

#endif
