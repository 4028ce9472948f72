/* Snapshots of a virtual machine's own disks, kept inside them: all of its disks at one moment. */
#ifndef VMS_SNAPSHOT_H
#define VMS_SNAPSHOT_H

#include "errand.h"

/* Of the disks of an object: [{"name","createdMs"}]. NULL: none. The caller frees. */
struct json *snapshot_read(const struct vms *vms, const char *object);
void snapshot_do(struct errand *errand); /* work of errands: `do` take, delete, list, restore */

#endif
