/* Documents of the node as a whole: its bundle, and what it is (core/desired_node). Each is an object that is in no table, with one slot: order, replays, refusals
 * and waiting are those of any document (core/inbox). It is committed together with what follows from it for other objects.
 * Deciding thread only.
 */
#ifndef CORE_WHOLE_H
#define CORE_WHOLE_H

#include "core/change.h"

extern const struct slot_key whole_key; /* of its one slot */

void whole_init(struct core *core);
struct object *whole_named(struct core *core, const char *name); /* as its row has it; NULL */
void whole_load(struct core *core, const struct slot_row *row);
const struct slot *whole_slot(const struct object *object); /* NULL: none was ever accepted */
/* "the bundle: ", for an event; "": it is no whole. */
const char *whole_words(const struct object *object);

int64_t whole_max_bytes(const struct core *core, const struct object *object);
MUST_CHECK bool whole_read(const struct core *core, const struct object *object, const char *data, size_t len,
                           struct document *document, struct refusal *refusal);
/* What follows from it for other objects, as changes that are not begun; the caller's. False: refused. */
MUST_CHECK bool whole_plan(struct core *core, const struct object *object, const struct document *document,
                           struct change **changes, struct refusal *refusal);
/* Commits all of it, once none of the objects has another commit under way. Takes document and changes. */
void whole_begin(struct core *core, struct object *object, struct document *document, int64_t generation, int64_t seq,
                 struct change *changes);
/* A commit of this object is over: one that waits for it may be next. */
void whole_object_free(struct core *core, struct object *object);
/* What the broker holds of it is known, or is not any more. */
void whole_retained(struct core *core, const struct object *object);
/* Tries those again whose commit failed, and whose time has come; the next time (boot ms), 0: none. */
uint64_t whole_retry(struct core *core);
void whole_free(struct core *core);

#endif
