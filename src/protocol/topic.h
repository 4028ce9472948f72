/* Topics to and from words. docs/protocol.md. Pure. */
#ifndef PROTOCOL_TOPIC_H
#define PROTOCOL_TOPIC_H

#include "base/error.h"
#include "davit/limits.h"
#include "model/object_id.h"

#define TOPIC_VERB_BYTES 32

enum topic_kind {
    TOPIC_OTHER,          /* not ours, or not for us: ignored */
    TOPIC_DESIRED_OBJECT, /* R/nodes/N/desired/NS/RES/NAME or R/groups/G/desired/… */
    TOPIC_DESIRED_BUNDLE, /* R/nodes/N/desired */
    TOPIC_DESIRED_NODE,   /* R/nodes/N/desired/node */
    TOPIC_SYNC,           /* R/nodes/N/sync */
    TOPIC_PRESENCE,       /* R/nodes/N/presence */
    TOPIC_REQUEST         /* R/nodes/N/request/VERB/WHO; set also where VERB or WHO is not valid */
};

struct topic {
    enum topic_kind kind;
    char group[LIMIT_NAME_BYTES + 1]; /* "" for the node's own */
    struct object_id id;              /* DESIRED_OBJECT */
    char verb[TOPIC_VERB_BYTES];      /* REQUEST */
    char who[LIMIT_REQUEST_NAME_BYTES + 1];
};

/* Reads a topic that came in. False: below `desired`, but no valid object's address; the message says why. */
MUST_CHECK bool topic_parse(const char *root, const char *node, const char *text, struct topic *topic, struct error *err);

/* Builders; the caller frees. `group` NULL or "": the node's own. `id` NULL: the node itself. */
char *topic_desired(const char *root, const char *node, const char *group, const struct object_id *id);
/* R/nodes/NODE/WORD, or R/nodes/NODE/WORD/NS/RES/NAME: state, status, presence, events, sync. */
char *topic_node(const char *root, const char *node, const char *word, const struct object_id *id);
/* The reverse, for readers of many nodes: R/nodes/NODE/WORD[/NS/RES/NAME]. False: another topic. `word` is copied. */
bool topic_node_parse(const char *root, const char *text, char node[LIMIT_NAME_BYTES + 1],
                      char word[LIMIT_LABEL_BYTES + 1], struct object_id *id, bool *has_id);

#endif
