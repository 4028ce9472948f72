/* Anchors, aliases and merge keys of a YAML document: copies, with caps, for a few lines could say a thousand million. Used by
 * yaml.c alone.
 */
#ifndef BASE_YAML_ANCHOR_H
#define BASE_YAML_ANCHOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

struct yaml_anchor {
    char *name;
    struct json *value;
    size_t depth, bytes; /* bytes: about what a copy takes */
};

/* Zeroed, or cleared, for each document. */
struct yaml_anchors {
    struct yaml_anchor *list;
    size_t count;
    size_t copied; /* bytes */
};

/* Keeps a copy; a name that is there already means this one from now on. NULL, or why not. */
const char *yaml_anchor_set(struct yaml_anchors *anchors, const char *name, const struct json *value);
/* A copy for a place that has `depth` containers around it; the caller's. NULL: *why. */
struct json *yaml_anchor_copy(struct yaml_anchors *anchors, const char *name, size_t depth, const char **why);
/* Adds what `merges` (the values of <<, in their order: mappings, and lists of such) have and the mapping has not. NULL, or why not. */
const char *yaml_anchor_merge(struct yaml_anchors *anchors, struct json *mapping, const struct json *merges);
void yaml_anchors_clear(struct yaml_anchors *anchors);

#endif
