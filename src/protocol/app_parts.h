/* Parts of an App, each read into the pod's spec that it means. For app.c only. Pure. */
#ifndef PROTOCOL_APP_PARTS_H
#define PROTOCOL_APP_PARTS_H

#include "base/error.h"
#include "base/json.h"
#include "model/object_id.h"

/* What is being made. */
struct app_parts {
    const struct object_id *id;
    const struct json *spec;  /* of the App */
    struct json *pod;         /* spec of the pod */
    struct json *container;   /* within it */
    struct json *claims;      /* array of PersistentVolumeClaim documents */
    struct json *ports;       /* array of a Service's ports */
    bool host_ports;
};

MUST_CHECK bool app_read_command(struct app_parts *parts, struct error *err);
MUST_CHECK bool app_read_env(struct app_parts *parts, struct error *err);
MUST_CHECK bool app_read_ports(struct app_parts *parts, struct error *err);
MUST_CHECK bool app_read_volumes(struct app_parts *parts, struct error *err);
MUST_CHECK bool app_read_devices(struct app_parts *parts, struct error *err);
MUST_CHECK bool app_read_limits(struct app_parts *parts, struct error *err);
MUST_CHECK bool app_read_health(struct app_parts *parts, struct error *err);

#endif
