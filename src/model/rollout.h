/* Which of its replicas an owner makes, updates and takes away now. Pure: law 1, it may be asked any time. */
#ifndef MODEL_ROLLOUT_H
#define MODEL_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of the replica with a stable name. */
struct replica {
    bool present;   /* it is wanted already */
    bool updated;   /* by the newest template */
    bool known;     /* what it says of itself has been heard since the start of davitd */
    bool available; /* ready, long enough, and nothing of it is on its way */
    bool gone;      /* nothing is left of it */
};

struct rollout_rule {
    size_t wanted;          /* the first so many */
    bool is_set;            /* StatefulSet */
    bool ordered;           /* of a set: OrderedReady */
    bool recreate;          /* all at once */
    bool on_delete;         /* what is there stays as it is */
    bool paused;            /* nothing is made, nothing updated */
    size_t partition;       /* of a set: those below stay as they are */
    size_t max_unavailable; /* of a Deployment: at least 1, for nothing comes beside a stable name */
};

enum replica_act { REPLICA_LEAVE, REPLICA_FILL, REPLICA_EMPTY };

/* `acts` has `count` places, which is at least rule->wanted.
 * Kubernetes: Deployments, Rolling Update Deployment; StatefulSets, Deployment and Scaling Guarantees.
 */
void rollout_step(const struct rollout_rule *rule, const struct replica *replicas, size_t count, enum replica_act *acts);

#endif
