#include "core/export.h"

#include <stdio.h>
#include <string.h>

#include <config.h>
#include "base/memory.h"
#include "core/telemetry.h"
#include "protocol/metrics_text.h"

/* One that runs. */
struct measured {
    const struct object *object;
    struct metrics metrics;
};

struct report {
    const char *node;
    struct measured *list;
    size_t count;
    struct strbuf text;
};

static const char *type_of(const char *name)
{
    static const char ending[] = "_total";
    size_t len = strlen(name);
    return len >= strlen(ending) && strcmp(name + len - strlen(ending), ending) == 0 ? "counter" : "gauge";
}

/* ---- the node */

static void write_node(struct report *report, const char *name, const char *help, double value)
{
    const struct prometheus_label labels[] = { { "node", report->node } };
    AUTO_FREE char *full = mem_printf("davit_node_%s", name);
    prometheus_head(&report->text, full, help, type_of(name));
    prometheus_series(&report->text, full, labels, 1, value);
}

static void write_node_metrics(struct report *report, const struct metrics *metrics)
{
    for (size_t i = 0; i < METRIC_COUNT; i++)
        if (metrics->known[i])
            write_node(report, metric_rules[i].name, metric_rules[i].help, metrics->values[i]);
}

static void write_info(struct report *report)
{
    const struct prometheus_label labels[] = { { "node", report->node }, { "version", PACKAGE_VERSION } };
    prometheus_head(&report->text, "davit_node_info", "The version of Davit", "gauge");
    prometheus_series(&report->text, "davit_node_info", labels, 2, 1);
}

/* ---- what runs on it */

static void write_workload(struct report *report, const char *name, const struct object_id *id, double value)
{
    const struct prometheus_label labels[] = {
        { "node", report->node }, { "namespace", id->namespace }, { "resource", id->resource }, { "name", id->name },
    };
    prometheus_series(&report->text, name, labels, sizeof(labels) / sizeof(labels[0]), value);
}

static void write_states(const struct core *core, struct report *report)
{
    static const struct {
        const char *key, *name, *help;
    } states[] = {
        { "stateCode", "davit_workload_state_code",
          "Unknown 0, Pending 1, Running 2, Succeeded 3, Failed 4, Terminating 5, Refused 6, Stored 7, Stopped 8" },
        { "ready", "davit_workload_ready", "1 where it is ready" },
    };
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        prometheus_head(&report->text, states[i].name, states[i].help, "gauge");
        for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
            double value;
            if (json_number(json_get(object->summary, states[i].key), &value))
                write_workload(report, states[i].name, &object->id, value);
        }
    }
}

static void write_workload_metrics(struct report *report)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        AUTO_FREE char *name = mem_printf("davit_workload_%s", metric_rules[i].name);
        bool begun = false;
        for (size_t j = 0; j < report->count; j++) {
            const struct measured *one = &report->list[j];
            if (!one->metrics.known[i])
                continue;
            if (!begun)
                prometheus_head(&report->text, name, metric_rules[i].help, type_of(name));
            begun = true;
            write_workload(report, name, &one->object->id, one->metrics.values[i]);
        }
    }
}

/* ---- */

static void measure(const struct core *core, struct report *report, const struct json *answer, struct metrics *node)
{
    double cores;
    report->list = mem_array(json_size(json_get(answer, "pods")) + 1, sizeof(*report->list));
    node->known[METRIC_PODS] = node->known[METRIC_VMS] = json_get_boolean(answer, "ok", false);
    JSON_EACH(use, json_get(answer, "pods")) {
        const struct object *object = telemetry_object(core, use);
        if (object == NULL)
            continue;
        node->values[object_is_vm(object) ? METRIC_VMS : METRIC_PODS]++;
        struct measured *one = &report->list[report->count++];
        one->object = object;
        telemetry_of_object(core, object, use, &one->metrics);
    }
    if (json_number(json_get(json_get(answer, "node"), "cpu_cores"), &cores))
        metrics_set(node, METRIC_CPU_CORES, cores);
}

char *export_write(const struct core *core, const struct json *answer)
{
    struct report report = { .node = core->config->node };
    struct metrics node = { 0 };
    struct machine machine;
    strbuf_init(&report.text, LIMIT_FRAME_BODY_BYTES);
    measure(core, &report, answer, &node);
    (void)telemetry_of_node(core, &node, &machine);
    write_info(&report);
    write_node(&report, "ready", "1 where davitd takes documents and the runtime answers", core->runtime.listed);
    write_node(&report, "connected", "1 where there is a connection to the broker", core->link.connected);
    write_node_metrics(&report, &node);
    write_states(core, &report);
    write_workload_metrics(&report);
    free(report.list);
    if (!report.text.overflow)
        return strbuf_steal(&report.text);
    strbuf_free(&report.text);
    return NULL;
}
