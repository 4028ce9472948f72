/* The control socket as this node's own broker: who watches it gets what the node tells, as messages on their topics, and
 * what is published to the node's own `desired` becomes a file of the manifests folder. docs/wire.md. Deciding thread only.
 */
#ifndef CORE_CONTROL_WATCH_H
#define CORE_CONTROL_WATCH_H

#include "core/core.h"
#include "wire/conn.h"

struct watch;

/* Answers a `connect` with `connected` and all that the node tells now on the topics of its `subscribe`. `conn` outlives it. */
struct watch *watch_new(struct core *core, struct conn *conn, const struct json *connect);
void watch_free(struct watch *watch); /* NULL is fine */
/* One message that the node tells; "" is a clear. */
void watch_tell(struct watch *watch, const char *topic, const char *payload, bool retained);
/* A `publish`: its answer goes out. True: the manifests folder changed, and is to be read. */
bool watch_publish(struct watch *watch, const struct frame *frame);

#endif
