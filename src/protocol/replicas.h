/* Deployment, DaemonSet and StatefulSet: the pods with stable names that they mean. Pure.
 *
 * Kept of a document: {"replicas","start","isSet","ordered","recreate","onDelete","paused","partition","maxUnavailable",
 * "minReadySeconds","progressDeadlineSeconds","claims","dropClaimsScaled","dropClaimsDeleted","serviceName","template"}.
 */
#ifndef PROTOCOL_REPLICAS_H
#define PROTOCOL_REPLICAS_H

#include "model/rollout.h"
#include "protocol/owner.h"

struct json *deployment_read(const char *resource, const struct json *document, struct ignored_fields *ignored,
                             struct error *err);
struct json *stateful_set_read(const char *resource, const struct json *document, struct ignored_fields *ignored,
                               struct error *err);

void replicas_rule(const struct json *owner, struct rollout_rule *rule);
/* Of the first pod's name. */
int64_t replicas_start(const struct json *owner);
uint64_t replicas_min_ready_ms(const struct json *owner);
uint64_t replicas_deadline_ms(const struct json *owner); /* 0: none */
/* Stable names: NAME-0, NAME-1 …; `place` counts from 0 whatever the first name's number is. */
void replicas_child_id(const struct object_id *id, const struct json *owner, size_t place, struct object_id *child);
/* The number behind "NAME-" of a child, as a place; false: it is none of its names. */
bool replicas_place(const struct object_id *id, const struct json *owner, const char *child, size_t *place);
/* The Pod's document. The caller frees. */
struct json *replicas_child(const struct object_id *id, const struct json *owner, size_t place);

/* StatefulSet: claims of each pod. NULL behind the last. */
const struct json *replicas_claim(const struct json *owner, size_t claim);
void replicas_claim_id(const struct object_id *id, const struct json *owner, size_t claim, size_t place,
                       struct object_id *child);
struct json *replicas_claim_child(const struct object_id *id, const struct json *owner, size_t claim, size_t place);

struct replicas_report {
    struct owner_told told;
    bool is_set;
    int64_t wanted, present, ready, unavailable_max;
    int64_t updated;   /* run the newest document, or begin with it: not those that run an older one until it can */
    int64_t available; /* ready for long enough, whatever document they run */
    int64_t restarts;
    bool late;           /* it got no further for longer than it may */
    bool paused;
    const char *problem; /* a child that cannot be: its reason; NULL: none */
    const char *message;
    const char *revision; /* of the newest template */
};

struct json *replicas_state_write(const struct replicas_report *report);  /* flat; the caller frees */
struct json *replicas_status_write(const struct replicas_report *report); /* Kubernetes' shape; the caller frees */

#endif
