/* The objects that apply and delete are about: what the broker holds for them, and what a node says of them. */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include "base/json.h"
#include "cli/session.h"
#include "model/object_id.h"
#include "protocol/names.h"

struct target {
    struct object_id id;
    const struct resource *resource;
    char *desired_topic;
    char *status_topic;   /* NULL for a group: which nodes are in it only they know */
    struct json *desired; /* retained; NULL: none, or not readable */
    struct json *status;  /* NULL: none */
    int64_t generation;   /* of what is wanted now */
    char *payload;        /* to be published; NULL: nothing */
    bool done;            /* the node has done it, or has refused it */
    struct error failure; /* why it will not become what is wanted */
};

struct target_set {
    const struct options *options;
    struct target *targets;
    size_t count;
    bool node_online;
    bool node_known;
    void (*judge)(struct target *target); /* sets done and failure, at each change; NULL while not waiting */
    bool all_done;
};

/* Adds one; once, whatever is asked twice. */
void target_add(struct target_set *set, const struct object_id *id, const struct resource *resource);
/* Connects and learns desired and status of every target. NULL on error. */
MUST_CHECK struct session *target_session(struct target_set *set, struct error *err);
/* max(everything seen + 1, milliseconds since 1970): newer than what the node has accepted, whatever the clock says. */
int64_t target_next_generation(const struct target *target);
/* The object's `davit/generation`; 0 where it has none. */
int64_t target_generation_of(const struct json *object);
void target_set_generation(struct json *object, int64_t generation);
bool target_is_tombstone(const struct json *object); /* NULL is none */
/* The node has refused what the broker holds for its generation: the same content must go out under a new one. */
bool target_was_out_of_order(const struct target *target);
/* Waits until every target is done; a time-out is no error here: done tells. */
MUST_CHECK bool target_wait(struct target_set *set, struct session *session, void (*judge)(struct target *target),
                            uint64_t wait_ms, struct error *err);
/* "; node press-7 is offline", or "". For messages about a node that did not answer. */
const char *target_node_note(const struct target_set *set);
void target_set_free(struct target_set *set);
#define AUTO_TARGETS __attribute__((cleanup(target_set_free)))

#endif
