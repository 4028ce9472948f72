/* The one connection to libvirtd. A thread of its own, the keeper, opens it, compares what is known with the domains that
 * are there, and opens it anew when it is lost, with a back-off. A libvirtd that hangs is found out by keepalive: it is
 * lost then, too, and every call on it fails.
 */
#ifndef VMS_CONNECTION_H
#define VMS_CONNECTION_H

#include "vms.h"

/* Starts the threads; returns at once. */
MUST_CHECK bool connection_start(struct vms *vms, struct error *err);
/* Waits until it is there, or a first try has failed; at most so long. True: it is there. */
bool connection_wait(struct vms *vms, unsigned wait_ms);
/* A reference, which the caller gives back by virConnectClose. NULL: libvirtd is away; *err says it for a person. */
MUST_CHECK virConnectPtr connection_get(struct vms *vms, struct error *err);
/* The last error of libvirt in this thread: ERROR_UNAVAILABLE where it is the connection that failed. Returns false. */
bool connection_error(virConnectPtr connection, struct error *err, const char *what);

#endif
