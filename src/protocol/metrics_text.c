#include "protocol/metrics_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

#define CORES_PARTS 10000 /* a tenth of a millicore: more digits are noise */

char *metrics_write(const struct metrics *metrics)
{
    AUTO_JSON struct json *json = json_new_object();
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        double value = metrics->values[i];
        if (metrics->known[i])
            json_append(json, metric_rules[i].name,
                        json_new_number(i == METRIC_CPU_CORES ? round(value * CORES_PARTS) / CORES_PARTS : round(value)));
    }
    return json_print(json);
}

char *metrics_stamp(const char *message, uint64_t ts_ms)
{
    if (ts_ms == 0 || strlen(message) < 2)
        return mem_strdup(message);
    return mem_printf("{\"ts\":%" PRIu64 "%s%s", ts_ms, message[1] != '}' ? "," : "", message + 1);
}

/* ---- Prometheus */

void prometheus_head(struct strbuf *out, const char *name, const char *help, const char *type)
{
    strbuf_printf(out, "# HELP %s %s.\n# TYPE %s %s\n", name, help, name, type);
}

static void add_value(struct strbuf *out, const char *value)
{
    for (const char *at = value; *at != '\0'; at++)
        if (*at == '\n')
            strbuf_add(out, "\\n");
        else if (*at == '"' || *at == '\\')
            strbuf_printf(out, "\\%c", *at);
        else
            strbuf_add_bytes(out, at, 1);
}

void prometheus_series(struct strbuf *out, const char *name, const struct prometheus_label *labels, size_t count, double value)
{
    strbuf_add(out, name);
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(out, "%s%s=\"", i == 0 ? "{" : ",", labels[i].name);
        add_value(out, labels[i].value);
        strbuf_add(out, "\"");
    }
    strbuf_printf(out, "%s %.15g\n", count > 0 ? "}" : "", value);
}
