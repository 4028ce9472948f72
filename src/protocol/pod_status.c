#include "protocol/pod_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/resources.h"
#include "model/vm.h"
#include "protocol/container_status.h"
#include "protocol/names.h"
#include "protocol/vm_status.h"

static const char *const state_words[] = { "Unknown", "Pending",     "Running", "Succeeded",
                                           "Failed",  "Terminating", "Refused", "Stored",  "Stopped" };

enum state_code pod_state_code(const struct pod_report *report)
{
    static const enum state_code by_phase[] = { STATE_PENDING, STATE_RUNNING, STATE_SUCCEEDED, STATE_FAILED };
    if (report->terminating)
        return STATE_TERMINATING;
    if (vm_is_stopped(report))
        return STATE_STOPPED;
    if (report->view->pod != NULL)
        return by_phase[pod_phase(report->view->pod, report->shown, report->view->end)];
    if (report->stored)
        return STATE_STORED;
    return report->refusal != NULL ? STATE_REFUSED : STATE_UNKNOWN;
}

static bool is_vm(const struct pod_report *report)
{
    return strncmp(report->id->resource, "virtualmachine", strlen("virtualmachine")) == 0;
}

static size_t container_count(const struct pod_report *report)
{
    return report->view->pod != NULL ? pod_count(report->view->pod) : 0;
}

/* What kubectl counts: the containers, and the sidecars beside them. */
static bool counts(const struct pod_report *report, size_t index)
{
    return pod_role(report->view->pod, index) != ROLE_INIT;
}

static size_t counted(const struct pod_report *report, bool only_ready)
{
    size_t count = 0;
    for (size_t i = 0; i < container_count(report); i++)
        count += counts(report, i) && (!only_ready || report->shown[i].ready);
    return count;
}

/* The one container a person should look at: the first that waits, else the first that ended badly. */
static const struct container_shown *troubled(const struct pod_report *report)
{
    /* A sidecar was brought to its end when the pod had done its work: no trouble. */
    if (report->view->pod != NULL && pod_phase(report->view->pod, report->shown, report->view->end) == PHASE_SUCCEEDED)
        return NULL;
    for (size_t i = 0; i < container_count(report); i++)
        if (report->shown[i].state == SHOWN_WAITING)
            return &report->shown[i];
    for (size_t i = 0; i < container_count(report); i++)
        if (report->shown[i].state == SHOWN_TERMINATED && report->shown[i].ending->exit_code != 0)
            return &report->shown[i];
    return NULL;
}

static void set_trouble(const struct pod_report *report, struct json *flat)
{
    const struct container_shown *one = troubled(report);
    const char *reason = NULL;
    AUTO_FREE char *message = NULL;
    const struct pod_end *end = report->view->end;
    if (report->view->pod != NULL && end != NULL && end->reason[0] != '\0') {
        reason = end->reason;
        message = mem_strdup(end->message);
    } else if (report->orphan) {
        reason = "Orphan";
        message = mem_strdup("it runs, and no document of it is known here: it is left alone");
    } else if (one != NULL && one->state == SHOWN_WAITING) {
        reason = one->reason;
        message = status_waiting_message(report, (size_t)(one - report->shown));
    } else if (one != NULL) {
        reason = status_ending_reason(one->ending);
        const char *said = one->ending->message;
        message = mem_printf("exit code %" PRId64 "%s%.200s", one->ending->exit_code, said != NULL ? ": " : "",
                             said != NULL ? said : "");
    }
    if (report->refusal != NULL) {
        reason = reason != NULL ? reason : report->refusal->reason;
        if (message == NULL)
            message = mem_printf("refused: %s: %.200s", report->refusal->reason, report->refusal->message);
    }
    json_set_text(flat, "reason", reason);
    json_set_text(flat, "message", message != NULL ? message : "");
}

struct json *pod_state_write(const struct pod_report *report)
{
    struct json *flat = json_new_object();
    enum state_code code = pod_state_code(report);
    size_t count = counted(report, false);
    size_t ready = counted(report, true);
    json_set_text(flat, "state", state_words[code]);
    json_set_integer(flat, "stateCode", code);
    json_set_integer(flat, "ready", code == STATE_RUNNING && count > 0 && ready == count);
    int64_t restarts = 0;
    for (size_t i = 0; i < container_count(report); i++)
        restarts += counts(report, i) ? report->shown[i].restarts : 0;
    json_set_integer(flat, "restarts", restarts);
    if (count > 0)
        json_set_text(flat, "image", report->view->pod->vm != NULL
                                         ? vm_image(report->view->pod->vm)
                                         : pod_container(report->view->pod, pod_init_count(report->view->pod))->image);
    json_set_integer(flat, "containers", (int64_t)count);
    json_set_integer(flat, "containersReady", (int64_t)ready);
    status_set_ms(flat, "createdAt", report->accepted_ms);
    json_set_text(flat, "update", report->update);
    json_set_text(flat, "updateReason", report->update != NULL ? report->update_message : NULL);
    set_trouble(report, flat);
    if (is_vm(report))
        vm_state_write(report, flat);
    return flat;
}

static void write_source(const struct pod_report *report, struct json *status)
{
    json_set_text(status, "source", report->source);
    if (report->shadows == NULL || report->shadows->count == 0)
        return;
    struct json *shadows = json_set_array(status, "shadows");
    for (size_t i = 0; i < report->shadows->count; i++)
        json_add_text(shadows, report->shadows->items[i]);
}

static void write_address_list(struct json *status, const char *one, const char *all, char *const *items, size_t count)
{
    if (count == 0)
        return;
    json_set_text(status, one, items[0]);
    struct json *list = json_set_array(status, all);
    for (size_t i = 0; i < count; i++)
        json_set_text(json_add_object(list), "ip", items[i]);
}

/* Kubernetes: a pod in the host's network has the host's address. */
static void write_addresses(const struct pod_report *report, struct json *status)
{
    char *host[] = { (char *)(uintptr_t)report->host_address };
    size_t hosts = report->host_address != NULL;
    write_address_list(status, "hostIP", "hostIPs", host, hosts);
    if (report->view->pod->host_network)
        write_address_list(status, "podIP", "podIPs", host, hosts);
    else if (report->addresses != NULL)
        write_address_list(status, "podIP", "podIPs", report->addresses->items, report->addresses->count);
}

static void write_pod(const struct pod_report *report, struct json *status)
{
    const struct pod_end *end = report->view->end;
    if (end != NULL && end->reason[0] != '\0') {
        json_set_text(status, "reason", end->reason);
        json_set_text(status, "message", end->message);
    }
    if (report->view->wait == NULL)
        status_set_time(status, "startTime", report->accepted_ms);
    json_set_text(status, "qosClass", qos_name(pod_qos(report->view->pod)));
    write_addresses(report, status);
}

static void add_network(struct json *list, const char *name, const char *interface, const struct json *ips, const char *mac,
                        bool is_default)
{
    struct json *one = json_add_object(list);
    json_set_text(one, "name", name);
    json_set_text(one, "interface", interface);
    json_set(one, "ips", ips != NULL ? json_copy(ips) : json_new_array());
    json_set_text(one, "mac", mac);
    if (is_default)
        json_set_boolean(one, "default", true);
    json_set_object(one, "dns");
}

/* As Multus tells it: an annotation, for the API has no field for it. */
static void write_networks(const struct pod_report *report, struct json *metadata)
{
    AUTO_JSON struct json *list = json_new_array();
    AUTO_JSON struct json *own = json_new_array();
    if (json_size(report->networks) == 0)
        return;
    for (size_t i = 0; report->addresses != NULL && i < report->addresses->count; i++)
        json_add_text(own, report->addresses->items[i]);
    add_network(list, "davit", "eth0", own, NULL, true);
    JSON_EACH(network, report->networks)
        add_network(list, json_get_text(network, "name"), json_get_text(network, "interface"), json_get(network, "addresses"),
                    json_get_text(network, "mac"), false);
    AUTO_FREE char *text = json_print(list);
    json_set_text(json_set_object(metadata, "annotations"), "k8s.v1.cni.cncf.io/network-status", text);
}

/* Kubernetes: a pod that was scheduled nowhere has no containers yet. One that ran before the machine's start has. */
static bool has_containers(const struct pod_report *report)
{
    bool ran = report->view->wait == NULL;
    for (size_t i = 0; i < container_count(report); i++)
        ran = ran || report->shown[i].last != NULL;
    return report->view->pod != NULL && ran;
}

struct json *pod_status_write(const struct pod_report *report)
{
    /* Of what is refused there are other kinds too. */
    const struct resource *resource = resource_by_plural(report->id->resource);
    struct json *pod = json_new_texts("apiVersion", resource != NULL ? resource->api_version : "v1", "kind",
                                      resource != NULL ? resource->kind : "Pod", NULL);
    struct json *metadata = json_set_object(pod, "metadata");
    json_set_text(metadata, "name", report->id->name);
    json_set_text(metadata, "namespace", report->id->namespace);
    if (report->uid[0] != '\0')
        json_set_text(metadata, "uid", report->uid);
    if (report->generation >= 0)
        json_set_integer(metadata, "generation", report->generation);
    status_set_time(metadata, "creationTimestamp", report->accepted_ms);
    write_networks(report, metadata);
    struct json *status = json_set_object(pod, "status");
    if (report->generation >= 0)
        json_set_integer(status, "observedGeneration", report->generation);
    if (report->view->pod != NULL)
        json_set_text(status, "phase", pod_phase_name(pod_phase(report->view->pod, report->shown, report->view->end)));
    else if (report->terminating || report->orphan)
        json_set_text(status, "phase", "Running");
    if (report->view->pod != NULL)
        write_pod(report, status);
    conditions_write(report, json_set_array(status, "conditions"));
    if (has_containers(report))
        container_statuses_write(report, status);
    if (report->images != NULL && json_size(report->images) > 0)
        json_set(status, "images", json_copy(report->images));
    write_source(report, status);
    if (is_vm(report))
        vm_status_write(report, status);
    return pod;
}
