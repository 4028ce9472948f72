/* The way from a document to a virtual machine that is ready to start, and back. */
#ifndef VMS_CREATE_H
#define VMS_CREATE_H

#include "instance.h"

/* Socket names in an attempt's folder. */
#define CREATE_CONSOLE "sockets/console"
#define CREATE_VNC "sockets/vnc"

/* NULL on error, with nothing left of it but the disks, which are the virtual machine's; *reason is then Kubernetes'
 * word. The instance is not in the list yet. `document` was checked.
 */
MUST_CHECK struct instance *create_instance(struct vms *vms, const struct json *document, int cancel_fd,
                                            const char **reason, struct error *err);
/* Uid, names and attempt. */
MUST_CHECK bool create_check(const struct json *document, struct error *err);
/* An attempt's folder goes, with what is mounted in it. */
MUST_CHECK bool create_undo(const struct vms *vms, const char *id, int cancel_fd, struct error *err);

#endif
