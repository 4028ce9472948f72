/* Metrics as they are told: a flat JSON object of numbers on R/nodes/N/metrics, and Prometheus' text format. Pure. */
#ifndef PROTOCOL_METRICS_TEXT_H
#define PROTOCOL_METRICS_TEXT_H

#include "base/strbuf.h"
#include "model/metrics.h"

/* What is known, and no `ts`. The caller frees. */
char *metrics_write(const struct metrics *metrics);
/* The same message with its time in front: `ts_ms` 0 leaves it out. The caller frees. */
char *metrics_stamp(const char *message, uint64_t ts_ms);

/* One series of Prometheus' exposition format 0.0.4. */
struct prometheus_label {
    const char *name;
    const char *value;
};
/* "# HELP" and "# TYPE": once a name, before its series. `type`: "gauge" or "counter". */
void prometheus_head(struct strbuf *out, const char *name, const char *help, const char *type);
void prometheus_series(struct strbuf *out, const char *name, const struct prometheus_label *labels, size_t count, double value);

#endif
