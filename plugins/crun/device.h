/* Device nodes that a container gets: by CDI, as a volume, or all of them when it is privileged. */
#ifndef CRUN_DEVICE_H
#define CRUN_DEVICE_H

#include "document.h"
#include "spec.h"

struct devices {
    struct spec_device list[SPEC_DEVICES];
    size_t count;
    struct json *mounts; /* CDI: [{"hostPath","containerPath","options"}] */
    struct json *env;    /* CDI: ["NAME=value"] */
};

/* A device that is not there: false, with *reason "DeviceNotFound". `devices` is zeroed, and is freed in any case. */
MUST_CHECK bool device_prepare(const struct document *document, struct devices *devices, const char **reason,
                               struct error *err);
void device_free(struct devices *devices);
/* One node of the host under another path. For CDI. */
MUST_CHECK bool device_add(struct devices *devices, const char *host_path, const char *path, struct error *err);

/* cdi.c: adds the edits of one device, "vendor.com/class=name". */
MUST_CHECK bool cdi_add(const char *name, struct devices *devices, struct error *err);

#endif
