/* The bundle: what it means for the objects in it, and for those that were in the one before. Deciding thread only. */
#ifndef CORE_BUNDLE_H
#define CORE_BUNDLE_H

#include "core/change.h"

/* The changes that it takes, of which none is begun; the caller's. An item that says what its slot says already takes none.
 * False: one of its items is refused, and all of it with it.
 */
MUST_CHECK bool bundle_plan(struct core *core, const struct document *document, struct change **changes,
                            struct refusal *refusal);
/* It is on the disk. */
void bundle_settled(struct core *core, int64_t generation);
/* The broker holds all of it, or nothing. */
void bundle_retained(struct core *core, enum retained retained);
int64_t bundle_generation(const struct core *core); /* of the accepted one; 0: none */
size_t bundle_objects(const struct core *core);     /* that it brought */

#endif
