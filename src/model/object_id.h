/* Which object: namespace, plural resource name, name. */
#ifndef MODEL_OBJECT_ID_H
#define MODEL_OBJECT_ID_H

#include <string.h>

#include "davit/limits.h"

struct object_id {
    char namespace[LIMIT_LABEL_BYTES + 1];
    char resource[LIMIT_LABEL_BYTES + 1];
    char name[LIMIT_NAME_BYTES + 1];
};

static inline int object_id_compare(const struct object_id *a, const struct object_id *b)
{
    int order = strcmp(a->namespace, b->namespace);
    if (order == 0)
        order = strcmp(a->resource, b->resource);
    return order != 0 ? order : strcmp(a->name, b->name);
}

#endif
