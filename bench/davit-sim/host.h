/* The runtime host of a simulated node: davit-runtime's frames, with the fake plugin's containers behind them. */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "base/json.h"
#include "plugins/fake/instances.h"

/* A frame on its way to the core. */
struct frame_due {
    struct json *head;
    char *body; /* NULL: none */
    struct frame_due *next;
};

struct host {
    struct fake_instances instances;
    struct frame_due *first, *last;
};

void host_init(struct host *host);
/* What the core says. Takes `head`. The answers are due when it returns. */
void host_say(struct host *host, struct json *head, const void *body, size_t len);
/* The oldest frame that is due; NULL: none. To be freed by frame_due_free. */
struct frame_due *host_take(struct host *host);
void frame_due_free(struct frame_due *due);

#endif
