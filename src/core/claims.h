/* PersistentVolumeClaims: folders below claims/ of the state folder. Who may have one, who has one, when it goes, and what is
 * in it. Deciding thread only.
 */
#ifndef CORE_CLAIMS_H
#define CORE_CLAIMS_H

#include "core/change.h"
#include "core/core.h"

bool claims_is_one(const struct object *object);
/* Kubernetes: a claim may grow, and never shrinks. A document that is refused is freed. */
MUST_CHECK bool claims_takes(const struct object *object, const struct slot_key *key, struct document *document,
                             struct refusal *refusal);
/* Whether a change makes its data go (1) once nobody uses it, or stay after all (-1); 0: as it was. */
int claims_plan(const struct change *change, bool wanted_after);
/* What rules may be another document now. */
void claims_changed(struct object *object);

/* Where what is in it lies; the caller frees. */
char *claims_folder(const struct core *core, const struct object_id *id);
/* The volume of a pod: fills "claim" of the create document. NULL; or why the pod must wait, which the caller frees. */
MUST_CHECK char *claims_mount(const struct core *core, const struct object *pod, const struct claim_source *source,
                              struct json *out);
/* Names of the claims that a pod's containers have, for their record; NULL: none. The caller frees. */
struct json *claims_of(const struct pod *pod);

/* Nothing wants it any more, and somebody uses it still, or its data is on its way out. */
bool claims_is_ending(const struct core *core, const struct object *object);
void claims_step(struct core *core, struct object *object);
void claims_settle(struct core *core);
bool claims_is_told(const struct core *core, const struct object *object);
/* `described`: see report_both. */
void claims_report(struct core *core, struct object *object, struct json **described);

/* At a slow pace, when the machine is awake anyway: what is in those that are used. */
void claims_look(struct core *core);
bool claims_answered(struct core *core, const struct frame_view *frame); /* false: it is not this answer */
void claims_lost(struct core *core);

#endif
