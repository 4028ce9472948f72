/* Objects that own pods on this device: Deployment, DaemonSet. What a document says, the pods it means, and what is told of
 * it. Pure.
 */
#ifndef PROTOCOL_OWNER_H
#define PROTOCOL_OWNER_H

#include "base/error.h"
#include "base/json.h"
#include "model/object_id.h"
#include "protocol/fields.h"

bool owner_is_one(const char *resource);
/* {"replicas","recreate","template"}: what is kept of the document. Its template is read as a Pod, and what that ignores
 * is in `ignored`. NULL: *err names the path. The caller frees.
 */
MUST_CHECK struct json *owner_read(const char *resource, const struct json *document, struct ignored_fields *ignored,
                                   struct error *err);
int64_t owner_replicas(const struct json *owner);
/* All at once, or one after the other. */
bool owner_recreates(const struct json *owner);
/* Stable names: NAME-0, NAME-1 … */
void owner_child_id(const struct object_id *id, int64_t index, struct object_id *child);
/* The Pod's document. The caller frees. */
struct json *owner_child(const struct object_id *id, const struct json *owner, int64_t index);

struct owner_report {
    const struct object_id *id;
    int64_t generation;
    const char *source;
    uint64_t accepted_ms;
    int64_t wanted, present, updated, ready;
    int64_t restarts;
    const char *problem; /* a child that cannot be: its reason; NULL: none */
    const char *message;
    const struct ignored_fields *ignored;
};

struct json *owner_state_write(const struct owner_report *report);  /* flat; the caller frees */
struct json *owner_status_write(const struct owner_report *report); /* Kubernetes' shape; the caller frees */

#endif
