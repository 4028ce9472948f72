/* A path of a JSONPath template: from where it begins, step by step, to all that it leads to. Pure. */
#ifndef CLI_JSONPATH_STEPS_H
#define CLI_JSONPATH_STEPS_H

#include "base/error.h"
#include "base/json.h"

struct json_nodes {
    const struct json **list; /* of the tree that was walked */
    size_t count;
};

void json_nodes_free(struct json_nodes *nodes);
#define AUTO_NODES __attribute__((cleanup(json_nodes_free)))

/* Reads a path at *at, which is moved behind it; `$` begins at `root`, all else at `current` (NULL: nothing is there). */
MUST_CHECK bool jsonpath_walk(const char **at, const struct json *current, const struct json *root, struct json_nodes *nodes,
                              struct error *err);
/* A text in quotes at *at, which is moved behind it. NULL on error; the caller frees. */
MUST_CHECK char *jsonpath_quoted(const char **at, struct error *err);

#endif
