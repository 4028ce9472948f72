/* A connection of its own that sees what the broker says of the nodes, as an operator's would. */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "client.h"
#include "options.h"

enum watched { WATCH_PRESENT, WATCH_STATUS, WATCH_BARE, WATCH_KINDS };

/* What one node was last seen to say: presence 1 or 0, the generation of a status, the number of a bare answer. -1: nothing. */
struct seen {
    int64_t said[WATCH_KINDS];
};

struct watch {
    const struct options *options;
    struct client client;
    uv_timer_t retry;
    struct seen *nodes;
    uint64_t statuses; /* messages on the watched object's status topics, retained ones apart */
    uint64_t bare;     /* messages of the bare answers */
    bool ended;
    /* One wait at a time. */
    enum watched wanted_kind;
    int64_t wanted;      /* of every node, at least */
    size_t wanted_count; /* so many nodes; 0: nothing is waited for */
    size_t there;        /* so many say it */
    double *times;       /* since when, in ms of CLOCK_MONOTONIC */
    void (*done)(void *ctx);
    void *ctx;
};

void watch_make(struct watch *watch, const struct options *options, uv_loop_t *loop);
void watch_start(struct watch *watch);
/* `done` is called when `count` nodes said at least `wanted`; it may be at once. */
void watch_wait(struct watch *watch, enum watched kind, int64_t wanted, size_t count, void (*done)(void *ctx), void *ctx);
void watch_give_up(struct watch *watch);
/* Of those that were there: after the share `at` of them, the time. */
double watch_time(const struct watch *watch, double at);
size_t watch_count(const struct watch *watch, enum watched kind, int64_t least);
void watch_end(struct watch *watch);
void watch_free(struct watch *watch);

#endif
