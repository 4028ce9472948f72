/* Commands on standard input, answered on standard output by a line of JSON each:
 *     present COUNT [SECONDS]   waits until so many nodes are online as the broker says it
 *     status GENERATION [SECONDS]   until each node's status of the watched object has that generation, or a later one
 *     bare NUMBER [SECONDS]     until each connection answered R/bare/desired with that number
 *     cut PERCENT, join         takes the network from so many, gives it back
 *     report                    what was counted
 * Times in the answers are milliseconds of CLOCK_MONOTONIC.
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "swarm.h"
#include "watch.h"

struct control {
    struct swarm *swarm;
    size_t cut; /* so many are */
    struct watch *watch;
    uv_pipe_t input;
    uv_timer_t limit;
    struct strbuf line;
    char data[256];
    void (*ended)(void *ctx); /* the input is at its end */
    void *ctx;
};

MUST_CHECK bool control_start(struct control *control, struct swarm *swarm, struct watch *watch, uv_loop_t *loop,
                              void (*ended)(void *ctx), void *ctx, struct error *err);
/* The first line: the nodes begin to connect. */
void control_greet(const struct control *control);
void control_end(struct control *control);

#endif
