/* What a broker keeps and nobody needs any more: what nodes said that are long gone, tombstones that were carried out, the
 * documents of groups that no node is in.
 */
#ifndef CLI_LEFTOVERS_H
#define CLI_LEFTOVERS_H

#include <uthash.h>

#include "base/json.h"
#include "cli/session.h"

/* A retained topic below R/nodes or R/groups; or of Home Assistant's discovery, and then content is the presence it looks at. */
struct kept {
    char *topic;
    struct json *content; /* of presences, nodes' statuses and desired documents; NULL else */
    UT_hash_handle hh;
};

struct leftovers {
    const char *root;
    struct kept *kept;   /* a uthash */
    struct json *topics; /* to be cleared */
    struct json *lines;  /* why, for a person */
    struct json *groups; /* that have documents: whether any node is in them */
};

/* A session_handler; ctx is the leftovers. */
void leftovers_take(void *ctx, const struct session_message *message);
/* Fills topics and lines: nodes that were last seen before `before_ms` (since 1970) are gone. */
void leftovers_find(struct leftovers *leftovers, uint64_t before_ms, uint64_t now_ms);
void leftovers_free(struct leftovers *leftovers);

#endif
