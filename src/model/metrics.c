#include "model/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/quantity.h"

#define SHARE 0.2
#define MEBIBYTE 1048576.0
#define STEP_SCALE 1000000 /* digits of a step behind its point */

const struct metric_rule metric_rules[METRIC_COUNT] = {
    [METRIC_CPU_CORES] = { "cpu_cores", "Processors in use, on average since the sample before", METRIC_GAUGE, 0.05 },
    [METRIC_MEMORY_BYTES] = { "memory_bytes", "Memory in use, as Kubernetes counts it (the working set)", METRIC_GAUGE,
                              4 * MEBIBYTE },
    [METRIC_MEMORY_AVAILABLE_BYTES] = { "memory_available_bytes", "Memory that is left", METRIC_GAUGE, 16 * MEBIBYTE },
    [METRIC_DISK_BYTES] = { "disk_bytes", "Bytes in use on the disk", METRIC_GAUGE, 16 * MEBIBYTE },
    [METRIC_DISK_AVAILABLE_BYTES] = { "disk_available_bytes", "Bytes that are left on the disk", METRIC_GAUGE, 64 * MEBIBYTE },
    [METRIC_PIDS] = { "pids", "Processes and threads", METRIC_GAUGE, 10 },
    [METRIC_PODS] = { "pods", "Pods that run", METRIC_GAUGE, 0 },
    [METRIC_VMS] = { "vms", "Virtual machines that run", METRIC_GAUGE, 0 },
    [METRIC_RESTARTS] = { "restarts_total", "Restarts of its containers", METRIC_COUNTER, 0 },
    [METRIC_NETWORK_RECEIVE_BYTES] = { "network_receive_bytes_total", "Bytes received", METRIC_COUNTER, MEBIBYTE },
    [METRIC_NETWORK_TRANSMIT_BYTES] = { "network_transmit_bytes_total", "Bytes sent", METRIC_COUNTER, MEBIBYTE },
    [METRIC_NETWORK_RECEIVE_ERRORS] = { "network_receive_errors_total", "Packets that could not be received", METRIC_COUNTER,
                                        0 },
    [METRIC_NETWORK_TRANSMIT_ERRORS] = { "network_transmit_errors_total", "Packets that could not be sent", METRIC_COUNTER,
                                         0 },
    [METRIC_IO_READ_BYTES] = { "io_read_bytes_total", "Bytes read from disks", METRIC_COUNTER, MEBIBYTE },
    [METRIC_IO_WRITE_BYTES] = { "io_write_bytes_total", "Bytes written to disks", METRIC_COUNTER, MEBIBYTE },
    [METRIC_UPTIME_SECONDS] = { "uptime_seconds", "Seconds since it started", METRIC_COMPANION, 0 },
    [METRIC_HISTORY_SAMPLES] = { "history_samples", "Samples of the time without a broker that wait to be sent",
                                 METRIC_COMPANION, 0 },
    [METRIC_HISTORY_LOST] = { "history_lost_total", "Such samples that had to go, the oldest first", METRIC_COMPANION, 0 },
};

void metrics_set(struct metrics *metrics, enum metric metric, double value)
{
    metrics->known[metric] = true;
    metrics->values[metric] = value;
}

void deadband_init(struct deadband *deadband)
{
    deadband->share = SHARE;
    for (size_t i = 0; i < METRIC_COUNT; i++)
        deadband->steps[i] = metric_rules[i].step;
}

static bool read_share(const char *word, struct deadband *deadband, struct error *err)
{
    char *end = NULL;
    errno = 0;
    double percent = strtod(word, &end);
    if (errno != 0 || end == word || strcmp(end, "%") != 0 || !(percent >= 0 && percent <= 1000))
        return error_set(err, ERROR_INVALID, "\"%.60s\" must be a share, as 20%%, or METRIC:STEP, as cpu_cores:0.05", word);
    deadband->share = percent / 100;
    return true;
}

static bool read_step(const char *name, const char *step, struct deadband *deadband, struct error *err)
{
    int64_t value;
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        if (strcmp(metric_rules[i].name, name) != 0 || metric_rules[i].kind == METRIC_COMPANION)
            continue;
        if (!quantity_read(step, STEP_SCALE, &value))
            return error_set(err, ERROR_INVALID, "%s:%.60s: the step must be a number, as 0.05 or 4Mi", name, step);
        deadband->steps[i] = (double)value / STEP_SCALE;
        return true;
    }
    return error_set(err, ERROR_INVALID, "there is no metric \"%.60s\" that is told by steps", name);
}

bool deadband_read(const char *text, struct deadband *deadband, struct error *err)
{
    AUTO_FREE char *copy = mem_strdup(text);
    char *rest = copy;
    deadband_init(deadband);
    for (char *word; (word = strsep(&rest, ", \t")) != NULL;) {
        char *colon = strchr(word, ':');
        if (word[0] == '\0')
            continue;
        if (colon != NULL)
            *colon = '\0';
        if (!(colon != NULL ? read_step(word, colon + 1, deadband, err) : read_share(word, deadband, err)))
            return false;
    }
    return true;
}

static bool has_moved(const struct deadband *deadband, enum metric metric, double told, double now)
{
    double change = fabs(now - told), step = deadband->steps[metric];
    switch (metric_rules[metric].kind) {
    case METRIC_COMPANION:
        return false;
    case METRIC_COUNTER:
        return now < told || change > step;
    case METRIC_GAUGE:
        break;
    }
    return change > step && change > deadband->share * fabs(told);
}

bool metrics_moved(const struct deadband *deadband, const struct metrics *told, const struct metrics *now)
{
    for (size_t i = 0; i < METRIC_COUNT; i++)
        if (told->known[i] != now->known[i] ||
            (now->known[i] && has_moved(deadband, (enum metric)i, told->values[i], now->values[i])))
            return true;
    return false;
}
