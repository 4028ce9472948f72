/* What the nodes say, as it stands on the broker: presence, state and status of nodes and objects, by topic. */
#ifndef CLI_BOARD_H
#define CLI_BOARD_H

#include <uthash.h>

#include "base/json.h"
#include "cli/fleet.h"
#include "cli/session.h"
#include "cli/sites.h"
#include "model/object_id.h"

#define BOARD_OWNER_BYTES (sizeof("group/") + LIMIT_NAME_BYTES)

/* A node, or an object on a node; or a group's document of one, of "group/line-3", which says nothing and is not listed. */
struct entry {
    char *key; /* "N" or "N/NS/RES/NAME" */
    char node[BOARD_OWNER_BYTES];
    struct object_id id;
    bool is_object;
    struct json *presence; /* of a node; each is NULL where absent or cleared */
    struct json *state;
    struct json *status;
    struct json *metrics;
    struct json *desired; /* an object's own document; of a node its bundle */
    char *shown; /* the reader's: what was printed of it last */
    UT_hash_handle hh;
};

struct board {
    const char *root;
    struct entry *entries; /* a uthash */
    struct sites *sites;
    const char *own_source; /* what a node calls its own desired topics: "node"; by the control socket they are "manifests". NULL: not asked */
    /* NULL: nobody is told. `entry` NULL: a site came or went. */
    void (*on_change)(void *ctx, struct entry *entry);
    void *ctx;
};

/* A session_handler; ctx is the board. What is no JSON is left out with a line on stderr. */
void board_take(void *ctx, const struct session_message *message);
/* By namespace, name and node; a node before its objects. */
void board_sort(struct board *board);
/* The document that rules the object, where it is on the broker and was asked for: the node's own, its group's, or in its bundle.
 * NULL: it is from elsewhere.
 */
const struct json *board_document(const struct board *board, const struct entry *entry);
const struct entry *board_node(const struct board *board, const char *node); /* NULL: nothing is known of it */
/* Offline also for a node that never said anything. */
enum fleet_reach board_reach(const struct board *board, const char *node);
/* Says something that has not been cleared. */
bool entry_is_there(const struct entry *entry);
void board_free(struct board *board);
#define AUTO_BOARD __attribute__((cleanup(board_free)))

#endif
