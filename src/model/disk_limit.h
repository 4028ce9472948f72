/* What a pod may have on the disk, and whether it has more: then it is evicted. Kubernetes: Local ephemeral storage; the
 * kubelet's local storage eviction, in its order and words. Pure.
 */
#ifndef MODEL_DISK_LIMIT_H
#define MODEL_DISK_LIMIT_H

#include "davit/limits.h"
#include "model/instance.h"

/* Bytes; POD_UNSET: not known. In the order of the pod. */
struct disk_usage {
    int64_t volumes[LIMIT_VOLUMES];
    int64_t containers[LIMIT_CONTAINERS]; /* what they wrote, and their logs */
};

/* A volume on the disk that goes with the pod. */
bool volume_is_on_disk(const struct volume *volume);
bool pod_has_disk_limit(const struct pod *pod);
/* All that is known of it together. */
int64_t pod_disk_used(const struct pod *pod, const struct disk_usage *usage);
/* True: `end` says what it is evicted for. */
bool pod_exceeds_disk(const struct pod *pod, const struct disk_usage *usage, struct pod_end *end);

#endif
