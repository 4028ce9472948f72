/* Questions under way: libcurl asks them all (HTTP, HTTPS, TCP, gRPC over HTTP/2). What a workload answers is hostile
 * input: it is capped, and nothing of it is kept. One thread.
 */
#ifndef PROBE_ASKER_H
#define PROBE_ASKER_H

#include <poll.h>

#include "probe/question.h"

struct asker;

typedef void (*asker_done)(void *ctx, int64_t id, bool passed, const char *message);

struct asker *asker_new(asker_done done, void *ctx);
/* Takes the question. `done` follows, from asker_run. */
void asker_ask(struct asker *asker, struct question *question);
void asker_cancel(struct asker *asker, int64_t id); /* no answer follows */
/* Waits for something to happen here, or on `parent`. Without a question it waits for the parent alone. */
void asker_wait(struct asker *asker, struct pollfd *parent);
void asker_run(struct asker *asker);

#endif
