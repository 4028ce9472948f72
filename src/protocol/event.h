/* Kubernetes-shaped events. Pure. */
#ifndef PROTOCOL_EVENT_H
#define PROTOCOL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/object_id.h"

struct event {
    const struct object_id *id; /* NULL: the node itself */
    const char *uid;            /* NULL: unknown */
    bool warning;
    const char *reason; /* CamelCase, Kubernetes' words where it has one */
    const char *message;
};

/* JSON; the caller frees. `wall_ms` 0: nobody knows the time. `serial` makes the event's name its own within `wall_ms`. */
char *event_write(const struct event *event, const char *node, uint64_t wall_ms, uint64_t serial);

#endif
