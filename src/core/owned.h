/* What owners know of the objects that they own, and how they remember. Deciding thread only. */
#ifndef CORE_OWNED_H
#define CORE_OWNED_H

#include "core/core.h"
#include "protocol/owner.h"

/* "deployments/web": names the slots that an owner fills. The caller frees. */
char *owned_group(const struct object *owner);
struct slot *owned_slot(const struct object *child, const char *group); /* NULL */
/* What the owner's document says; NULL: nothing is wanted. */
const struct json *owned_spec(const struct object *owner);
/* Nothing is left of it; NULL is gone too. */
bool owned_is_gone(const struct object *child);
/* As it was told last. */
bool owned_is_ready(const struct object *child);
/* Ready for so long; else *wake_ms is when it will be (0: it is not ready). */
bool owned_is_available(const struct core *core, const struct object *child, uint64_t min_ready_ms, uint64_t *wake_ms);

/* Whether a pod is over for good, by what is on the disk. */
enum owned_end { OWNED_GOES_ON, OWNED_SUCCEEDED, OWNED_FAILED };
enum owned_end owned_end(const struct core *core, const struct object *pod, struct ending *last);

/* Makes the child's slot say so, if it does not yet and may. */
void owned_fill(struct core *core, const struct object_id *id, const char *group, const struct json *document);
/* Empties the child's slot; once. */
void owned_empty(struct core *core, struct object *child, const char *group);
/* Calls `each` for every object with a slot of `group` in the owner's namespace. It may change slots, but not objects. */
void owned_each(struct core *core, const struct object *owner, const char *group,
                void (*each)(struct core *core, struct object *child, void *ctx), void *ctx);

/* Why a child cannot be: a reason (static, or the child's own) and a message; NULL: nothing is wrong with it. */
const char *owned_problem(const struct core *core, const struct object *child, const char *group, const char **message);

/* The head of a report. `source` is the caller's, from slot_name. */
struct owner_told owned_told(const struct object *owner, const char *source);
/* Puts state and status on their topics; `state` is taken. */
void owned_tell(struct core *core, struct object *owner, const struct owner_told *told, struct json *state,
                struct json *status);

/* Remembers, on the disk first; the object is touched when it is there. Takes `memo`. */
void owned_memo_save(struct core *core, struct object *owner, struct json *memo);
/* It is on the disk: takes `memo`. */
void owned_memo_take(struct core *core, struct object *owner, struct json *memo);
/* Since a time in the memo, by the clock that no one sets; the wall clock only for the time before this life. */
uint64_t owned_memo_age_ms(const struct core *core, const struct object *owner);

#endif
