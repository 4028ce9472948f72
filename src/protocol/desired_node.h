/* The desired Node: labels, groups, cordon and taints. Pure. docs/protocol.md, The desired Node. */
#ifndef PROTOCOL_DESIRED_NODE_H
#define PROTOCOL_DESIRED_NODE_H

#include "protocol/document.h"

#define DESIRED_NODE_GROUPS "davit/groups"

struct desired_node {
    struct json *labels; /* an object of texts */
    bool has_groups;     /* else the configuration's are meant */
    struct text_list groups;
    bool unschedulable;
    struct json *taints; /* an array */
};

/* False: refused. `document` has the order, the content and what is ignored; nothing is to be freed then. */
MUST_CHECK bool desired_node_read(const char *node, const char *data, size_t len, struct document *document,
                                  struct refusal *refusal);
/* What a document says that was read. The caller frees. */
void desired_node_take(const struct json *json, struct desired_node *out);
void desired_node_free(struct desired_node *node);

#endif
