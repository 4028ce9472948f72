/* What libvirtd runs virtual machines with, and as whom. */
#ifndef VMS_EMULATOR_H
#define VMS_EMULATOR_H

#include "vms.h"

/* Fills version, qemu_uid and qemu_gid, and takes kvm back where libvirtd cannot use it. Asks libvirtd. */
MUST_CHECK bool emulator_read(struct vms *vms, virConnectPtr line, struct error *err);

#endif
