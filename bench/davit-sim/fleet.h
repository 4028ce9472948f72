/* All simulated nodes of a process, and what is counted of them. */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include <uv.h>

#include "client.h"
#include "core/core.h"
#include "host.h"
#include "link/backoff.h"
#include "options.h"

struct fleet;

struct flight {
    int64_t id; /* the core's; 0: this place is free */
    bool status; /* of the object that is watched */
};

struct node {
    struct fleet *fleet;
    char *name;
    struct config config; /* the fleet's, but for name and labels */
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

struct counters {
    uint64_t connects, failures, breaks; /* connections made, not made, and lost */
    uint64_t received;                   /* messages from the broker, of nodes */
    uint64_t published, acknowledged, refused, bytes; /* by cores; the bytes are payload */
    uint64_t statuses;                   /* of the watched object, acknowledged */
    uint64_t bare;                       /* answers without a core, acknowledged */
    uint64_t connected;                  /* now */
    char problem[256];                   /* why a connection was not made last */
};

struct fleet {
    const struct options *options;
    uv_loop_t *loop;
    struct config *config;
    struct node *nodes;
    size_t count;
    struct counters counters;
    size_t state_bytes, status_bytes; /* of the watched object, as they were said last */
    char *state_tail, *status_tail;   /* topics of the watched object end so; NULL: none is watched */
    char *bare_topic;                 /* NULL: none */
    uint64_t rate_second, rate_count; /* connections begun in this second of the loop */
    uv_timer_t pings;
    size_t pinged;
    size_t bytes_before; /* resident, without nodes */
    size_t bytes;        /* when the last of them was made; what they hold later is larger */
};

MUST_CHECK bool fleet_make(struct fleet *fleet, const struct options *options, uv_loop_t *loop, struct error *err);
/* Connects all, in the time that the options say. */
void fleet_start(struct fleet *fleet);
/* Takes the network from so many of a hundred, and gives it back. */
size_t fleet_cut(struct fleet *fleet, uint64_t percent);
size_t fleet_join(struct fleet *fleet);
/* Every node says good-bye; the end, some time later; `fleet_free` follows when the loop is done. */
void fleet_farewell(struct fleet *fleet);
void fleet_end(struct fleet *fleet);
void fleet_free(struct fleet *fleet);
/* A connection may be begun now; false: the second is used up. */
bool fleet_may_connect(struct fleet *fleet);
/* Resident memory of this process. */
size_t fleet_resident_bytes(void);
uint64_t fleet_random(uint64_t limit); /* 0 … limit */

/* node.c */
MUST_CHECK bool node_make(struct fleet *fleet, struct node *node, size_t number, struct error *err);
/* Connects in so long. */
void node_connect_in(struct node *node, uint64_t ms);
void node_cut(struct node *node);
void node_join(struct node *node);
void node_farewell(struct node *node);
void node_end(struct node *node);
void node_free(struct node *node);

/* publish.c: what a node says to the broker. */
void node_publish(struct node *node, const struct json *head, const void *body, size_t len);
/* The core's publish that a PUBACK is for; 0: none. */
int64_t node_published(struct node *node, uint16_t packet_id);
void node_answer_bare(struct node *node, const struct packet *message);

#endif
