/* What a container may use: requests and limits, as the kernel has them. Kubernetes: Resource management for pods, QoS
 * classes; kubelet's oom_score_adj. Pure.
 */
#ifndef MODEL_RESOURCES_H
#define MODEL_RESOURCES_H

#include "model/pod.h"

enum qos { QOS_GUARANTEED, QOS_BURSTABLE, QOS_BEST_EFFORT };

/* POD_UNSET where nothing is said. A limit alone is a request too. */
struct container_resources {
    int64_t cpu_limit_m, cpu_request_m; /* thousandths of a CPU */
    int64_t memory_limit, memory_request; /* bytes */
};

/* cgroup v1's numbers; on v2 they are translated by who sets them. 0: not set. */
struct kernel_limits {
    int64_t cpu_shares;
    int64_t cpu_quota_us, cpu_period_us;
    int64_t memory_bytes;
    int64_t oom_score_adj;
};

void container_resources(const struct container *container, struct container_resources *out);
/* The value of one name in limits or requests times `scale`, rounded up; POD_UNSET: not there. */
int64_t resource_value(const struct json *map, const char *name, int64_t scale);
/* Bytes, of what has a name of Kubernetes' own; POD_UNSET: it does not say. */
int64_t container_limit_of(const struct container *container, const char *resource);
enum qos pod_qos(const struct pod *pod);
const char *qos_name(enum qos qos);
/* `capacity_bytes`: the machine's memory. */
void container_limits(const struct pod *pod, const struct container *container, int64_t capacity_bytes,
                      struct kernel_limits *out);

/* Of all its containers together, as Kubernetes adds them: sidecars run beside everything behind them, other init containers
 * alone with those. POD_UNSET: none of them says anything. A limit alone is a request too.
 */
int64_t pod_limit_of(const struct pod *pod, const char *resource);
int64_t pod_request_of(const struct pod *pod, const char *resource);

/* Of the pod as a whole, as the kubelet sets them on a pod's cgroup: what its containers ask for together, at the moment when
 * they ask for most; a limit only where every container has one. Without oom_score_adj.
 */
void pod_limits(const struct pod *pod, struct kernel_limits *out);

#endif
