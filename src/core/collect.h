/* Which images may go: what no workload needs, the one that was used longest ago first. Deciding thread only.
 *
 * Needed is what a ruling document or the pod that goes on in its place names, what any container was made of, running or
 * not, and what the incarnation before had. Layers that a pull or an import counts on stay, whatever becomes of their images.
 */
#ifndef CORE_COLLECT_H
#define CORE_COLLECT_H

#include "core/core.h"

/* Whether something needs it; "NAMESPACE/RESOURCE/NAME" of each is added to the array `who` (NULL: no matter). */
bool collect_used(const struct core *core, const struct image *image, struct json *who);
/* Until at most `most_bytes` of layers are left, if so many may go. Nothing before it is known what runs. Adds what went to
 * the array `removed` (NULL: no matter): a name of each, or its id. Returns the bytes that are freed; folders follow rows.
 */
int64_t collect(struct core *core, int64_t most_bytes, struct json *removed);
/* One, by a person's word. One of several names goes alone. ERROR_CONFLICT: it is needed; ERROR_NOT_FOUND. */
MUST_CHECK bool collect_remove(struct core *core, const char *word, struct json *removed, int64_t *freed, struct error *err);
/* A layer's folder is gone: so are it and the images that have it, until they are pulled or imported again. */
void collect_lost_layer(struct core *core, const char *diff_id);
int64_t collect_total(const struct core *core);

/* The ids of what an incarnation is made of, an array: for the one after it. The caller frees. */
struct json *collect_ids(const struct core *core, const struct object *object);
/* A container is made of it: remembered, at most once a day. */
void collect_touch(struct core *core, const struct image *image);

#endif
