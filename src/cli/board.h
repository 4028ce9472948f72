/* What the nodes say, as it stands on the broker: presence, state and status of nodes and objects, by topic. */
#ifndef CLI_BOARD_H
#define CLI_BOARD_H

#include <uthash.h>

#include "base/json.h"
#include "cli/fleet.h"
#include "cli/session.h"
#include "cli/sites.h"
#include "model/object_id.h"

/* A node, or an object on a node. */
struct entry {
    char *key; /* "N" or "N/NS/RES/NAME" */
    char node[LIMIT_NAME_BYTES + 1];
    struct object_id id;
    bool is_object;
    struct json *presence; /* of a node; each is NULL where absent or cleared */
    struct json *state;
    struct json *status;
    char *shown; /* the reader's: what was printed of it last */
    UT_hash_handle hh;
};

struct board {
    const char *root;
    struct entry *entries; /* a uthash */
    struct sites *sites;
    /* NULL: nobody is told. `entry` NULL: a site came or went. */
    void (*on_change)(void *ctx, struct entry *entry);
    void *ctx;
};

/* A session_handler; ctx is the board. What is no JSON is left out with a line on stderr. */
void board_take(void *ctx, const struct session_message *message);
/* By namespace, name and node; a node before its objects. */
void board_sort(struct board *board);
const struct entry *board_node(const struct board *board, const char *node); /* NULL: nothing is known of it */
enum fleet_reach board_reach(const struct board *board, const char *node);
/* False also for a node that never said anything. */
bool board_node_is_online(const struct board *board, const char *node);
/* Says something that has not been cleared. */
bool entry_is_there(const struct entry *entry);
void board_free(struct board *board);
#define AUTO_BOARD __attribute__((cleanup(board_free)))

#endif
