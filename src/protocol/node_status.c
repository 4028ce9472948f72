#include "protocol/node_status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/container_status.h"

#define TS_BYTES 24        /* what the caller adds: ,"ts":1795410958123 */
#define ESCAPE_BYTES_MAX 6 /* of one byte: \u0001 */

/* As much of it as fits; escapes count, and no character is cut in two. */
static void set_message(struct json *flat, const struct node_problem *problem)
{
    AUTO_FREE char *message = mem_printf("%s: %s", problem->reason, problem->message);
    size_t len = strlen(message);
    for (;;) {
        json_set_text(flat, "message", message);
        AUTO_FREE char *text = json_print(flat);
        size_t bytes = strlen(text) + TS_BYTES;
        if (bytes <= NODE_STATE_BYTES || len == 0)
            return;
        size_t cut = (bytes - NODE_STATE_BYTES) / ESCAPE_BYTES_MAX + 1;
        len = cut < len ? len - cut : 0;
        while (len > 0 && ((unsigned char)message[len] & 0xc0) == 0x80)
            len--;
        message[len] = '\0';
    }
}

struct json *node_state_write(const struct node_report *report)
{
    struct json *flat = json_new_object();
    json_set_integer(flat, "ready", report->ready);
    json_set_integer(flat, "pods", report->pods);
    json_set_integer(flat, "podsReady", report->pods_ready);
    json_set_integer(flat, "vms", report->vms);
    json_set_integer(flat, "vmsReady", report->vms_ready);
    json_set_integer(flat, "waiting", report->waiting);
    json_set_integer(flat, "problems", (int64_t)report->problem_count);
    if (report->unschedulable)
        json_set_integer(flat, "unschedulable", 1);
    if (report->drained)
        json_set_integer(flat, "drained", 1);
    json_set_text(flat, "agent", report->agent);
    json_set_text(flat, "message", "");
    if (report->problem_count > 0)
        set_message(flat, &report->problems[0]);
    return flat;
}

static struct json *add_condition(struct json *conditions, const char *type, bool is_true, const char *reason,
                                  const char *message)
{
    struct json *condition = json_add_object(conditions);
    json_set_text(condition, "type", type);
    json_set_text(condition, "status", is_true ? "True" : "False");
    json_set_text(condition, "reason", reason);
    json_set_text(condition, "message", message);
    return condition;
}

/* Whether the newest document was taken, and whether the broker holds it. */
static void write_document(const struct node_document *document, const char *accepted, const char *retained, const char *lost,
                           struct json *conditions)
{
    const struct refusal *refusal = document->refusal;
    if (refusal != NULL) {
        struct json *condition = add_condition(conditions, accepted, false, refusal->reason, refusal->message);
        if (refusal->generation >= 0)
            json_set_integer(condition, "refusedGeneration", refusal->generation);
    } else if (document->generation >= 0) {
        add_condition(conditions, accepted, true, "Accepted", "");
    }
    if (document->generation >= 0 && document->retained != RETAINED_UNKNOWN)
        add_condition(conditions, retained, document->retained == RETAINED_YES,
                      document->retained == RETAINED_YES ? "Retained" : "NotOnBroker",
                      document->retained == RETAINED_YES ? "" : lost);
}

static void write_bundle(const struct node_report *report, struct json *conditions, struct json *status)
{
    write_document(&report->bundle, "BundleAccepted", "BundleRetained",
                   "the broker does not hold the bundle any more; what it brought runs on, and only a tombstone takes it away",
                   conditions);
    if (report->bundle.generation < 0)
        return;
    struct json *bundle = json_set_object(status, "bundle");
    json_set_integer(bundle, "observedGeneration", report->bundle.generation);
    json_set_integer(bundle, "objects", (int64_t)report->bundle_objects);
}

static void write_desired(const struct node_report *report, struct json *conditions, struct json *status)
{
    write_document(&report->desired, "NodeAccepted", "NodeRetained",
                   "the broker does not hold the desired Node any more; what it said holds, and only a tombstone takes it back",
                   conditions);
    ignored_write(report->ignored, conditions);
    if (report->desired.generation >= 0)
        json_set_integer(status, "observedGeneration", report->desired.generation);
}

/* What was said on the device itself holds until it is taken back there. */
static void write_manifest(const struct json *manifest, struct json *status)
{
    const struct json *spec = json_get(manifest, "spec"), *taints = json_get(spec, "taints");
    if (manifest == NULL)
        return;
    struct json *said = json_set_object(status, "manifest");
    const char *generation = json_get_text(json_get(json_get(manifest, "metadata"), "annotations"), DOCUMENT_GENERATION);
    if (generation != NULL) /* a number: it was checked */
        json_set_integer(said, "observedGeneration", strtoll(generation, NULL, 10));
    json_set_boolean(said, "unschedulable", json_get_boolean(spec, "unschedulable", false));
    if (json_size(taints) > 0)
        json_set(said, "taints", json_copy(taints));
}

static void write_capacity(const struct node_report *report, int64_t memory_bytes, struct json *capacity)
{
    AUTO_FREE char *cpus = mem_printf("%" PRId64, report->cpus);
    AUTO_FREE char *memory = mem_printf("%" PRId64 "Ki", memory_bytes / 1024);
    AUTO_FREE char *disk = mem_printf("%" PRId64 "Ki", report->disk_bytes / 1024);
    AUTO_FREE char *pods = mem_printf("%" PRId64, report->pods_most);
    json_set_text(capacity, "cpu", cpus);
    json_set_text(capacity, "ephemeral-storage", disk);
    json_set_text(capacity, "memory", memory);
    json_set_text(capacity, "pods", pods);
}

static void write_info(const struct node_report *report, struct json *status)
{
    struct json *info = json_set_object(status, "nodeInfo");
    json_set_text(info, "bootID", report->boot_id);
    json_set_text(info, "kernelVersion", report->kernel);
    json_set_text(info, "architecture", report->architecture);
    json_set_text(info, "operatingSystem", "linux");
    json_set_text(info, "containerRuntimeVersion", report->runtime);
    AUTO_FREE char *agent = mem_printf("davit %s", report->agent);
    json_set_text(info, "kubeletVersion", agent);
    write_capacity(report, report->memory_bytes, json_set_object(status, "capacity"));
    write_capacity(report, report->memory_allocatable_bytes, json_set_object(status, "allocatable"));
}

struct json *node_status_write(const struct node_report *report)
{
    struct json *node = json_new_texts("apiVersion", "v1", "kind", "Node", NULL);
    struct json *metadata = json_set_object(node, "metadata");
    json_set_text(metadata, "name", report->name);
    json_set(metadata, "labels", json_copy(report->labels));
    struct json *spec = json_set_object(node, "spec");
    if (report->unschedulable)
        json_set_boolean(spec, "unschedulable", true);
    if (json_size(report->taints) > 0)
        json_set(spec, "taints", json_copy(report->taints));
    struct json *status = json_set_object(node, "status");
    struct json *groups = json_set_array(status, "groups");
    for (size_t i = 0; i < report->groups->count; i++)
        json_add_text(groups, report->groups->items[i]);
    struct json *conditions = json_set_array(status, "conditions");
    status_set_time(add_condition(conditions, "Ready", report->ready, report->ready ? "DavitReady" : "RuntimeNotReady",
                                  report->ready ? "davitd takes documents and the runtime answers"
                                                : "the runtime does not answer"),
                    "lastTransitionTime", report->started_ms);
    AUTO_FREE char *verify = mem_printf("documents are taken in %s mode: from whoever the broker lets publish them",
                                        report->verify);
    add_condition(conditions, "OpenMode", true, "NoRootDocument", verify);
    for (size_t i = 0; i < report->problem_count; i++)
        add_condition(conditions, report->problems[i].type, true, report->problems[i].reason,
                      report->problems[i].message);
    write_desired(report, conditions, status);
    write_bundle(report, conditions, status);
    write_manifest(report->manifest, status);
    write_info(report, status);
    json_set(status, "images", report->images != NULL ? json_copy(report->images) : json_new_array());
    return node;
}
