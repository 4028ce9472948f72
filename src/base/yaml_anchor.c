#include "config.h"

#include "base/yaml_anchor.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"

#define ANCHORS 256
#define MERGED_KEYS 256 /* of a mapping: each is searched for */
#define NODE_BYTES 64
#define COPIED_BYTES LIMIT_MANIFEST_BYTES

static const char too_much[] = "aliases that make more of this than 16 MiB";

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* How deep it is: 0 for a text. *bytes grows. */
static size_t measure(const struct json *value, size_t *bytes)
{
    size_t deepest = 0;
    const char *text = json_text(value);
    *bytes += NODE_BYTES + (text != NULL ? strlen(text) : 0);
    if (json_type(value) != JSON_OBJECT && json_type(value) != JSON_ARRAY)
        return 0;
    JSON_EACH(child, value) {
        *bytes += strlen(json_key(child));
        deepest = larger(deepest, measure(child, bytes));
    }
    return deepest + 1;
}

static struct yaml_anchor *find(const struct yaml_anchors *anchors, const char *name)
{
    for (size_t i = 0; i < anchors->count; i++)
        if (strcmp(anchors->list[i].name, name) == 0)
            return &anchors->list[i];
    return NULL;
}

static bool may_copy(struct yaml_anchors *anchors, size_t bytes)
{
    anchors->copied += bytes;
    return anchors->copied <= COPIED_BYTES;
}

const char *yaml_anchor_set(struct yaml_anchors *anchors, const char *name, const struct json *value)
{
    struct yaml_anchor *anchor = find(anchors, name);
    size_t bytes = 0, depth = measure(value, &bytes);
    if (!may_copy(anchors, bytes))
        return too_much;
    if (anchor == NULL && anchors->count == ANCHORS)
        return "more than 256 anchors in a document";
    if (anchor == NULL) {
        anchors->list = mem_resize(anchors->list, anchors->count + 1, sizeof(*anchors->list));
        anchor = &anchors->list[anchors->count++];
        *anchor = (struct yaml_anchor){.name = mem_strdup(name)};
    }
    json_free(anchor->value);
    anchor->value = json_copy(value);
    anchor->depth = depth;
    anchor->bytes = bytes;
    return NULL;
}

struct json *yaml_anchor_copy(struct yaml_anchors *anchors, const char *name, size_t depth, const char **why)
{
    const struct yaml_anchor *anchor = find(anchors, name);
    *why = NULL;
    if (anchor == NULL)
        *why = "an alias of an anchor that is not there before it";
    else if (depth + anchor->depth > LIMIT_JSON_DEPTH)
        *why = "aliases that are nested too deep";
    else if (!may_copy(anchors, anchor->bytes))
        *why = too_much;
    return *why == NULL ? json_copy(anchor->value) : NULL;
}

static const char *merge_one(struct yaml_anchors *anchors, struct json *mapping, const struct json *merged)
{
    if (json_type(merged) != JSON_OBJECT)
        return "a merge key's value must be a mapping, or a list of mappings";
    if (json_size(mapping) > MERGED_KEYS || json_size(merged) > MERGED_KEYS)
        return "a merge key in, or of, a mapping with more than 256 keys";
    JSON_EACH(value, merged) {
        size_t bytes = 0;
        (void)measure(value, &bytes);
        if (!may_copy(anchors, bytes))
            return too_much;
        if (json_get(mapping, json_key(value)) == NULL)
            json_append(mapping, json_key(value), json_copy(value));
    }
    return NULL;
}

const char *yaml_anchor_merge(struct yaml_anchors *anchors, struct json *mapping, const struct json *merges)
{
    const char *why = NULL;
    JSON_EACH(merge, merges) {
        bool is_list = json_type(merge) == JSON_ARRAY;
        JSON_EACH(one, is_list ? merge : NULL)
            why = why == NULL ? merge_one(anchors, mapping, one) : why;
        if (!is_list && why == NULL)
            why = merge_one(anchors, mapping, merge);
    }
    return why;
}

void yaml_anchors_clear(struct yaml_anchors *anchors)
{
    for (size_t i = 0; i < anchors->count; i++) {
        free(anchors->list[i].name);
        json_free(anchors->list[i].value);
    }
    free(anchors->list);
    *anchors = (struct yaml_anchors){0};
}
