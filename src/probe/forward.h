/* One TCP connection to a workload, for somebody who is not here: bytes from a pipe go there, what comes goes into another.
 * Each in a thread of its own, with one buffer a direction.
 */
#ifndef PROBE_FORWARD_H
#define PROBE_FORWARD_H

#include "base/error.h"
#include "wire/frame.h"

/* On the forward's thread, once. `reason` NULL: it ran, and has ended. */
typedef void (*forward_done)(int64_t id, const char *reason, const char *message);

/* Takes the frame's descriptors. `done` follows, perhaps before it returns. False: the parent sent nonsense. */
MUST_CHECK bool forward_begin(struct frame *frame, forward_done done, struct error *err);

#endif
