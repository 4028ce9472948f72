/* What an earlier host left: whole attempts are taken over, everything else is cleared away. What runs is left alone. */
#ifndef VMS_ADOPT_H
#define VMS_ADOPT_H

#include "instance.h"

/* Before any call, and before libvirtd is asked. */
MUST_CHECK bool adopt_all(struct vms *vms, struct error *err);

#endif
