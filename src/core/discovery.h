/* Home Assistant finds the node and what runs on it, where [telemetry] home_assistant= says so. Deciding thread only. */
#ifndef CORE_DISCOVERY_H
#define CORE_DISCOVERY_H

#include "core/core.h"

/* `object` NULL: the node. Once a connection each. */
void discovery_tell(struct core *core, struct object *object);
/* A new connection: everything is to be told again. */
void discovery_again(struct core *core);
/* The object goes: rows in `txn`. */
void discovery_clear(struct core *core, const struct object *object, struct store_txn *txn);

#endif
