/* What is measured of a node and of what runs on it: names and units as Prometheus wants them, and which change is worth
 * telling. Pure.
 */
#ifndef MODEL_METRICS_H
#define MODEL_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum metric {
    METRIC_CPU_CORES,
    METRIC_MEMORY_BYTES,
    METRIC_MEMORY_AVAILABLE_BYTES,
    METRIC_DISK_BYTES,
    METRIC_DISK_AVAILABLE_BYTES,
    METRIC_PIDS,
    METRIC_PODS,
    METRIC_VMS,
    METRIC_RESTARTS,
    METRIC_NETWORK_RECEIVE_BYTES,
    METRIC_NETWORK_TRANSMIT_BYTES,
    METRIC_NETWORK_RECEIVE_ERRORS,
    METRIC_NETWORK_TRANSMIT_ERRORS,
    METRIC_IO_READ_BYTES,
    METRIC_IO_WRITE_BYTES,
    METRIC_UPTIME_SECONDS,
    METRIC_HISTORY_SAMPLES,
    METRIC_HISTORY_LOST,
    METRIC_COUNT
};

enum metric_kind {
    METRIC_GAUGE,
    METRIC_COUNTER, /* only rises, but for a new beginning */
    METRIC_COMPANION /* goes along with the others: no change of it is worth a message */
};

struct metric_rule {
    const char *name;
    const char *help; /* one sentence, without its full stop */
    enum metric_kind kind;
    double step; /* a change up to it is none, unless the configuration says otherwise */
};

extern const struct metric_rule metric_rules[METRIC_COUNT];

struct metrics {
    bool known[METRIC_COUNT];
    double values[METRIC_COUNT];
};

void metrics_set(struct metrics *metrics, enum metric metric, double value);

/* A gauge has moved when it changed by more than `step`, and by more than `share` of what was told; a counter by more than
 * `step` alone, for a share of what only rises would be told ever less often.
 */
struct deadband {
    double share; /* 0.2: 20 % */
    double steps[METRIC_COUNT];
};

void deadband_init(struct deadband *deadband);
/* "20% cpu_cores:0.02 memory_bytes:4Mi" over what deadband_init says. False: it is no such list. */
MUST_CHECK bool deadband_read(const char *text, struct deadband *deadband, struct error *err);
/* What was not known is, or the other way round, or one of them has moved. */
bool metrics_moved(const struct deadband *deadband, const struct metrics *told, const struct metrics *now);

#endif
