/* Bytes that are copied between descriptors that are not made for each other: a terminal, a socket, a pipe. */
#ifndef BASE_FLOW_H
#define BASE_FLOW_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes on their way from one descriptor to another, both non-blocking. */
struct flow {
    int from, to;     /* -1: nothing comes any more; what comes is thrown away */
    bool broken;      /* nobody reads there any more */
    size_t used, len; /* of data */
    char data[4096];
};

/* What to wait for: *from for reading, *to for writing; -1 where it need not be waited for. */
void flow_waits(const struct flow *flow, int *from, int *to);
/* Moves what can be moved without waiting. */
void flow_move(struct flow *flow);

#endif
