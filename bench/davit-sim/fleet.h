/* The simulated nodes of one thread, on a loop of its own. */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include <stdatomic.h>
#include <uv.h>

#include "client.h"
#include "core/core.h"
#include "host.h"
#include "link/backoff.h"
#include "options.h"

enum counter {
    N_CONNECTED,                       /* now */
    N_CONNECTS, N_FAILURES, N_BREAKS,  /* connections made, not made, and lost */
    N_RECEIVED,                        /* messages from the broker */
    N_PUBLISHED, N_ACKNOWLEDGED, N_REFUSED, N_BYTES, /* of cores; the bytes are payload */
    N_STATUSES,                        /* of the watched object, acknowledged */
    N_COUNTERS
};

struct flight {
    int64_t id; /* the core's; 0: this place is free */
    bool status; /* of the object that is watched */
};

struct node {
    struct fleet *fleet;
    size_t number;
    char *name;
    struct config config; /* the swarm's, but for name and labels */
    struct core_env env;
    struct store *store;
    struct core *core;
    struct host host;
    struct client client;
    struct flight flights[LIMIT_INFLIGHT];
    struct backoff backoff;
    uint64_t up_ms;    /* boot; since when it is connected */
    uint64_t retry_ms; /* boot; the next connection is due; 0: none */
    uint64_t core_ms;  /* boot; the core wants to be called; 0: never */
    uint16_t bare_id;
    bool cut;
    uv_timer_t timer;
};

enum order_kind { ORDER_START, ORDER_CUT, ORDER_JOIN, ORDER_FAREWELL, ORDER_END };

struct order {
    enum order_kind kind;
    uint64_t percent; /* of CUT */
};

#define ORDERS_MAX 16 /* that wait */

struct fleet {
    const struct options *options;
    const struct config *config;
    size_t first, count;   /* numbers of its nodes */
    uint64_t connect_rate;
    char *state_tail, *status_tail; /* topics of the watched object end so; NULL: none is watched */
    char *bare_topic;               /* NULL: none */
    _Atomic size_t state_bytes, status_bytes; /* of the watched object, as they were said last */
    _Atomic uint64_t counters[N_COUNTERS];
    /* The thread's own. */
    uv_loop_t loop;
    struct node *nodes;
    size_t made;
    uint64_t rate_second, rate_count; /* connections begun in this second of the loop */
    uv_timer_t pings;
    size_t pinged;
    /* Between the threads. */
    uv_thread_t thread;
    uv_sem_t ready; /* its nodes are made, or `problem` says why not */
    struct error problem;
    uv_async_t wake;
    uv_mutex_t lock; /* guards the orders */
    struct order orders[ORDERS_MAX];
    size_t order_count;
};

/* Starts the thread; `ready` is posted when its nodes are made. */
MUST_CHECK bool fleet_begin(struct fleet *fleet, struct error *err);
void fleet_order(struct fleet *fleet, enum order_kind kind, uint64_t percent);
/* After ORDER_END. */
void fleet_free(struct fleet *fleet);
/* A connection may be begun now; false: the second is used up. */
bool fleet_may_connect(struct fleet *fleet);
uint64_t fleet_random(uint64_t limit); /* 0 … limit */
/* Spread over the numbers: 2, 5, 8 … for 33 of a hundred. */
bool fleet_is_among(size_t number, uint64_t percent);

/* node.c */
MUST_CHECK bool node_make(struct fleet *fleet, struct node *node, size_t number, struct error *err);
/* Connects in so long. */
void node_connect_in(struct node *node, uint64_t ms);
/* Until `cut` is false again it tries in vain, with its back-off. */
void node_cut(struct node *node);
void node_farewell(struct node *node);
void node_end(struct node *node);
void node_free(struct node *node);

/* publish.c: what a node says to the broker. */
void node_publish(struct node *node, const struct json *head, const void *body, size_t len);
/* The core's publish that a PUBACK is for; 0: none. */
int64_t node_published(struct node *node, uint16_t packet_id);
void node_answer_bare(struct node *node, const struct packet *message);

#endif
