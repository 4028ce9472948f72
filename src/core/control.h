/* The control socket: requests of `davit` on the device (docs/wire.md). Root, or davitd's own user, alone. */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include "core/daemon.h"

/* Listens on RUN_DIR/control.sock. NULL on error. */
MUST_CHECK struct control *control_new(struct daemon *daemon, struct error *err);
void control_free(struct control *control);

#endif
