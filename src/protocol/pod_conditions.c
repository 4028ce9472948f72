#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "protocol/container_status.h"

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

/* When the pod became as ready as it is: the newest start, or the newest end. Derived, so a restart of Davit keeps it. */
static uint64_t turned_ms(const struct pod_report *report, bool ready)
{
    uint64_t newest = report->accepted_ms;
    for (size_t i = 0; i < pod_count(report->view->pod); i++) {
        const struct container_shown *shown = &report->shown[i];
        uint64_t time = shown->turned_ms > shown->started_ms ? shown->turned_ms : shown->started_ms;
        if (!ready && shown->state == SHOWN_TERMINATED)
            time = shown->ending->finished_ms;
        else if (!ready && shown->last != NULL && shown->state == SHOWN_WAITING)
            time = shown->last->finished_ms;
        newest = time > newest ? time : newest;
    }
    return newest;
}

/* Names of the containers that are not ready (`inits`: of the init containers that are not done), as the kubelet lists
 * them. Empty: there are none.
 */
static void list_unready(const struct pod_report *report, bool inits, struct strbuf *names)
{
    const struct pod *pod = report->view->pod;
    for (size_t i = 0; i < pod_count(pod); i++) {
        enum container_role role = pod_role(pod, i);
        bool good = role == ROLE_SIDECAR && inits ? report->shown[i].started : report->shown[i].ready;
        if (good || (inits ? role == ROLE_MAIN : role == ROLE_INIT))
            continue;
        const char *first = inits ? "containers with incomplete status: [" : "containers with unready status: [";
        strbuf_printf(names, "%s%s", names->len > 0 ? " " : first, pod_container(pod, i)->name);
    }
    if (names->len > 0)
        strbuf_add(names, "]");
}

static void add_timed(const struct pod_report *report, struct json *conditions, const char *type, bool is_true,
                      const char *reason, const char *message, uint64_t turned)
{
    struct json *condition = add_condition(conditions, type, is_true, reason, message);
    if (report->generation >= 0)
        json_set_integer(condition, "observedGeneration", report->generation);
    status_set_time(condition, "lastTransitionTime", turned);
}

/* `over`: it has come to its end, and what its containers shared goes. */
static void write_connected(const struct pod_report *report, bool over, struct json *conditions)
{
    const struct pod_network *network = report->view->network;
    bool connected = network == NULL || network->state == NETWORK_READY;
    const char *message = network != NULL && !connected && network->message[0] != '\0' ? network->message : NULL;
    add_timed(report, conditions, "PodReadyToStartContainers", connected && !over, NULL, message,
              over ? turned_ms(report, false) : report->accepted_ms);
}

/* Kubernetes: where a container runs or has run, the init containers have done their work. */
static bool has_main_begun(const struct pod_report *report)
{
    const struct pod *pod = report->view->pod;
    for (size_t i = pod_init_count(pod); i < pod_count(pod); i++) {
        const struct container_shown *shown = &report->shown[i];
        bool ran = shown->last != NULL && shown->last->finished_boot_ms != 0;
        if (shown->state != SHOWN_WAITING || ran)
            return true;
    }
    return false;
}

/* When the last init container was done. */
static uint64_t initialized_ms(const struct pod_report *report)
{
    uint64_t newest = report->accepted_ms;
    for (size_t i = 0; i < pod_init_count(report->view->pod); i++) {
        const struct container_shown *shown = &report->shown[i];
        bool ended = pod_role(report->view->pod, i) == ROLE_INIT && shown->state == SHOWN_TERMINATED;
        if (ended && shown->ending->finished_ms > newest)
            newest = shown->ending->finished_ms;
    }
    return newest;
}

/* `completed`: the reason where the phase is an end; NULL else. */
static void write_initialized(const struct pod_report *report, enum pod_phase phase, const char *completed,
                              struct json *conditions)
{
    AUTO_STRBUF struct strbuf incomplete;
    strbuf_init(&incomplete, 4096);
    list_unready(report, true, &incomplete);
    bool initialized = incomplete.len == 0 || phase == PHASE_SUCCEEDED || has_main_begun(report);
    const char *reason = !initialized ? "ContainersNotInitialized" : phase == PHASE_SUCCEEDED ? completed : NULL;
    add_timed(report, conditions, "Initialized", initialized, reason, initialized ? NULL : incomplete.data,
              initialized ? initialized_ms(report) : report->accepted_ms);
}

static void write_readiness(const struct pod_report *report, struct json *conditions)
{
    static const char *const ends[] = { [PHASE_SUCCEEDED] = "PodCompleted", [PHASE_FAILED] = "PodFailed" };
    enum pod_phase phase = pod_phase(report->view->pod, report->shown, report->view->end);
    const char *completed = ends[phase];
    AUTO_STRBUF struct strbuf unready;
    strbuf_init(&unready, 4096);
    list_unready(report, false, &unready);
    bool ready = unready.len == 0 && completed == NULL && !report->terminating;
    const char *why = ready ? NULL : completed != NULL ? completed : "ContainersNotReady";
    const char *which = ready || completed != NULL ? NULL : unready.data;
    uint64_t turned = turned_ms(report, ready);
    const struct pod_wait *wait = report->view->wait;
    add_timed(report, conditions, "PodScheduled", wait == NULL, wait != NULL ? "Unschedulable" : NULL,
              wait != NULL ? wait->message : NULL, report->accepted_ms);
    write_connected(report, completed != NULL, conditions);
    write_initialized(report, phase, completed, conditions);
    add_timed(report, conditions, "ContainersReady", ready, why, which, turned);
    add_timed(report, conditions, "Ready", ready, why, which, turned);
}

void ignored_write(const struct ignored_fields *ignored, struct json *conditions)
{
    if (ignored == NULL || ignored->count == 0)
        return;
    AUTO_STRBUF struct strbuf list;
    strbuf_init(&list, 16384);
    for (size_t i = 0; i < ignored->paths.count; i++)
        strbuf_printf(&list, "%s%s", i > 0 ? ", " : "", ignored->paths.items[i]);
    if (ignored->count > ignored->paths.count)
        strbuf_printf(&list, " and %zu more", ignored->count - ignored->paths.count);
    struct json *condition = add_condition(conditions, "IgnoredFields", true, "NotHonoured", list.data);
    struct json *fields = json_set_array(condition, "fields");
    for (size_t i = 0; i < ignored->paths.count; i++)
        json_add_text(fields, ignored->paths.items[i]);
}

static void write_acceptance(const struct pod_report *report, struct json *conditions)
{
    const struct refusal *refusal = report->refusal;
    if (refusal != NULL) {
        struct json *condition = add_condition(conditions, "Accepted", false, refusal->reason, refusal->message);
        if (refusal->generation >= 0)
            json_set_integer(condition, "refusedGeneration", refusal->generation);
    } else if (report->generation >= 0) {
        status_set_time(add_condition(conditions, "Accepted", true, "Accepted", NULL), "lastTransitionTime", report->accepted_ms);
    }
    if (report->retained != RETAINED_UNKNOWN)
        add_condition(conditions, "Retained", report->retained == RETAINED_YES,
                      report->retained == RETAINED_YES ? "Retained" : "NotOnBroker",
                      report->retained == RETAINED_YES ? NULL
                          : "the broker does not hold this object any more; it runs on, and only a tombstone deletes it");
    if (report->update != NULL)
        add_condition(conditions, "Updating", true, report->update, report->update_message);
    if (report->stale != NULL)
        add_condition(conditions, "ImageStale", true, "RegistryOutOfReach", report->stale);
    if (report->orphan)
        add_condition(conditions, "Orphan", true, "NoDocument",
                      "it runs, and no document of it is known here: it is left alone");
    bool supervised = true;
    for (size_t i = 0; i < (report->view->pod != NULL ? pod_count(report->view->pod) : 0); i++)
        supervised = supervised && report->shown[i].supervised;
    if (!supervised)
        add_condition(conditions, "Unsupervised", true, "ConmonGone",
                      "nobody will see the exit code of a container of this pod: its conmon is gone");
}

void conditions_write(const struct pod_report *report, struct json *conditions)
{
    if (report->view->pod != NULL)
        write_readiness(report, conditions);
    write_acceptance(report, conditions);
    ignored_write(report->ignored, conditions);
}
