/* The newest events, in memory: for who asks what happened before he listened. */
#ifndef CORE_HAPPENED_H
#define CORE_HAPPENED_H

#include <stddef.h>

#include "base/json.h"
#include "davit/limits.h"
#include "model/object_id.h"

struct happened {
    char *texts[LIMIT_EVENTS_KEPT]; /* a ring; NULL: not used yet */
    size_t next;
};

void happened_keep(struct happened *happened, const char *text);
/* An array, oldest first, of what is about `id` (NULL: of all); the oldest are left out over LIMIT_ANSWER_TEXT_BYTES. The
 * caller frees.
 */
struct json *happened_list(const struct happened *happened, const struct object_id *id);
void happened_free(struct happened *happened);

#endif
