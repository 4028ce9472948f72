/* What pods and the machine use now. Sampled when somebody asks, and never else: rates need two samples, so the last one is
 * used if it is 1 s to 60 s old, and two are taken half a second apart if not.
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include "core/core.h"

/* `answer` is taken by the callee. */
typedef void (*stats_done)(void *ctx, struct json *answer_taken);

/* `request` may hold "namespace", "pod" (else all) and "disk": true (then writable layers and volumes are walked too).
 * The answer, which may come before this returns:
 *   {"op":"result","ok":true,"ts":wall ms,
 *    "node":{"name","cpu_cores":0.31,"memory_bytes","cpu_capacity_cores","memory_capacity_bytes","disk_bytes","disk_free_bytes"},
 *    "pods":[{"namespace","name","cpu_cores","memory_bytes","memory_rss_bytes","pids","io_read_bytes","io_write_bytes",
 *      "network_rx_bytes","network_tx_bytes","network_rx_errors","network_tx_errors","disk_bytes","volumes":[{"name","bytes"}],
 *      "containers":[{"name",… as of the pod, without network and volumes; "cpu_throttled_ns","cpu_throttled_periods"}]}]}
 * memory_bytes is Kubernetes' working set. What is not known is left out. A failure is {"op":"result","ok":false,"reason",
 * "message"}: `Unsupported` of a runtime without stats, `RuntimeUnavailable`, `TooManyRequests`.
 */
void stats_ask(struct core *core, const struct json *request, stats_done done, void *ctx);
/* The same of all pods, without their disks, for davitd itself: the answer has no cap, and rates are averages over up to
 * `average_ms`.
 */
void stats_ask_within(struct core *core, uint64_t average_ms, stats_done done, void *ctx);
/* Whoever asked with this ctx has gone: it gets no answer. */
void stats_forget(struct core *core, const void *ctx);

/* For the core. Returns when the second sample is due (boot ms); 0: nothing is asked. */
uint64_t stats_settle(struct core *core);
/* An answer of the runtime; false: it is not one of these. */
bool stats_answered(struct core *core, const struct frame_view *frame);
/* The runtime host is gone. */
void stats_lost(struct core *core, const struct runtime_state *runtime);
void stats_free(struct core *core);

#endif
