/* What apply, delete and the edits are about: desired documents on the broker, each on one node or group, and what the
 * node says of them.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <uthash.h>

#include "base/json.h"
#include "cli/fleet.h"
#include "cli/session.h"
#include "model/object_id.h"
#include "protocol/names.h"

#define TARGET_REASON_BYTES 64

/* Where a document is to go. */
struct place {
    const char *node; /* NULL: options->group */
    bool online;
    bool known; /* it has been seen on this broker */
};

enum target_kind {
    TARGET_OBJECT,
    TARGET_NODE,  /* the desired Node */
    TARGET_BUNDLE /* the List of a node's bundle */
};

struct target {
    enum target_kind kind;
    struct object_id id; /* of an object */
    const struct resource *resource;
    struct place *place; /* the set's */
    char *desired_topic;
    char *status_topic;   /* NULL for a group: which nodes are in it only they know */
    struct json *desired; /* retained; NULL: none, or not readable */
    struct json *status;  /* NULL: none */
    int64_t generation;   /* of what is wanted now */
    const char *group;    /* whose document the node is to run; NULL: its own */
    bool absent;          /* there is nothing to do, and nobody minds */
    bool done;            /* the node has done it, or has refused it */
    struct error failure; /* why it will not become what is wanted */
    char reason[TARGET_REASON_BYTES]; /* the same as one word */
};

struct target_set;
typedef void target_judge(struct target *target); /* sets done and failure, at each change */
typedef void target_show(void *ctx, const struct target_set *set);

struct target_set {
    const struct options *options;
    struct place *places; /* before the first target is added */
    size_t place_count;
    struct fleet fleet; /* which has their names, where many nodes are meant */
    struct target *targets;
    size_t count;
    struct target_topic *topics; /* a uthash */
    target_judge *judge;         /* NULL while not waiting */
    size_t waiting;              /* targets that are not done */
    bool all_done;
};

/* Whether nodes are meant by --nodes or a selector; a group alone is one place. */
bool target_means_nodes(const struct options *options);
/* The places that the command line means. ERROR_NOT_FOUND where no node fits. */
MUST_CHECK bool target_places(struct target_set *set, struct error *err);
/* Nodes by name; the names stay the caller's. */
MUST_CHECK bool target_place_named(struct target_set *set, const char **names, size_t count, struct error *err);
/* The nodes of --nodes, a selector and --group, as the broker knows them. */
MUST_CHECK bool target_place_nodes(struct target_set *set, struct error *err);
/* The objects of `places`, of each one: an object's targets stand behind each other, in the order of the places. */
void target_add(struct target_set *set, const struct object_id *id, const struct resource *resource);
void target_add_own(struct target_set *set, enum target_kind kind); /* TARGET_NODE or TARGET_BUNDLE */
/* Connects and learns desired and status of every target, and who is online. NULL on error. */
MUST_CHECK struct session *target_session(struct target_set *set, struct error *err);
/* max(everything seen + 1, milliseconds since 1970): newer than what the node has accepted, whatever the clock says. */
int64_t target_next_generation(const struct target *target);
/* The object's `davit/generation`; 0 where it has none. */
int64_t target_generation_of(const struct json *object);
void target_set_generation(struct json *object, int64_t generation);
bool target_is_tombstone(const struct json *object); /* NULL is none */
/* It is on the broker, and no tombstone. */
bool target_is_wanted(const struct target *target);
/* The node has refused what the broker holds for its generation: the same content must go out under a new one. */
bool target_was_out_of_order(const struct target *target);
/* Waits until every target is done; a time-out is no error here: done tells. `show` (NULL: nobody) is called at each
 * change, and each second.
 */
MUST_CHECK bool target_wait(struct target_set *set, struct session *session, target_judge *judge, target_show *show,
                            void *ctx, uint64_t wait_ms, struct error *err);
/* " (it is offline)", or "". For messages about a node that did not answer. */
const char *target_node_note(const struct target *target);
/* "pod/hello", "node/press-7", "bundle"; the caller frees. */
char *target_name(const struct target *target);
void target_set_free(struct target_set *set);
#define AUTO_TARGETS __attribute__((cleanup(target_set_free)))

#endif
