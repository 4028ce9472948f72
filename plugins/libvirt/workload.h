/* What attempts of one virtual machine share: the note of its object, its logs, and (disk.h) its disks. */
#ifndef VMS_WORKLOAD_H
#define VMS_WORKLOAD_H

#include "vms.h"

/* Notes the object, and the disks that cannot have snapshots; made first and removed last, so it says whether anything of
 * a workload is left.
 */
MUST_CHECK bool workload_note(const struct vms *vms, const char *uid, const char *object, const struct json *raw,
                              struct error *err);
/* The note; NULL: there is none. The caller frees. */
struct json *workload_read(const struct vms *vms, const char *uid);
/* Its logs and its note go; with `gone` its disks too, for the object is gone: `object`, or (NULL) the one that is noted. */
MUST_CHECK bool workload_release(const struct vms *vms, const char *uid, bool gone, const char *object, struct error *err);
void workload_list(const struct vms *vms, struct json *array);
/* Where an attempt's console is written. The caller frees. */
char *workload_log(const struct vms *vms, const char *namespace_, const char *name, const char *uid,
                   const char *container, int64_t attempt);
/* Makes the folder for it; the log of the attempt before stays, older ones go. */
MUST_CHECK bool workload_prepare_log(const char *log_path, int64_t attempt, struct error *err);

#endif
