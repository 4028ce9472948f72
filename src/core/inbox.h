/* What comes down: messages and files, to slots. A document is on the disk before anything else knows of it. */
#ifndef CORE_INBOX_H
#define CORE_INBOX_H

#include "core/core.h"

/* A message on a desired topic. `seq` -1: nobody waits for it; else the link is told `taken` once it is safe. */
void inbox_message(struct core *core, const char *topic, const char *data, size_t len, bool live, int64_t seq);
/* A document of the manifests folder. False: refused. */
MUST_CHECK bool inbox_manifest(struct core *core, const struct json *document, struct object_id *id,
                               struct refusal *refusal);
/* An owner's word for one of its pods; what is refused is in the pod's status. */
void inbox_owned(struct core *core, struct object *object, const char *owner, const struct json *json);
/* Kubernetes: what is in an immutable ConfigMap or Secret stays, until the object is deleted. */
MUST_CHECK bool inbox_may_become(const struct slot *slot, const struct document *document, struct refusal *refusal);
/* Takes an object out of a slot: its file is gone, its group was left. */
void inbox_empty_slot(struct core *core, struct object *object, const struct slot_key *key);
/* The end of the retained flood: what the broker did not show is not retained, refused documents that are gone are
 * forgotten.
 */
void inbox_flood_over(struct core *core);
/* It is not known any more what the broker holds. */
void inbox_flood_begins(struct core *core);
/* Old tombstones that mask nothing. */
void inbox_purge(struct core *core);
/* Takes what waited behind a commit of this object. */
void inbox_next(struct core *core, struct object *object);
/* Forgets what waits: the end of the process. */
void inbox_drop(struct object *object);
/* The disk takes no commit, and that may last: what waits behind one is acknowledged, or the connection would end for it. */
void inbox_give_back(struct core *core);
/* Acknowledges a live message to the broker, through the link that brought it; nothing if that has gone. */
void inbox_taken(struct core *core, int64_t seq);

#endif
