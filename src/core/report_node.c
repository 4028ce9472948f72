#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <config.h>
#include "core/admission.h"
#include "core/bundle.h"
#include "core/cordon.h"
#include "core/report.h"
#include "core/verify.h"
#include "core/whole.h"
#include "protocol/node_status.h"

#define PROBLEMS_MAX 10 /* each of those below, at a time */

struct problems {
    struct node_problem list[PROBLEMS_MAX];
    size_t count;
};

static void add(struct problems *problems, const char *type, const char *reason, const char *message)
{
    if (problems->count < PROBLEMS_MAX)
        problems->list[problems->count++] = (struct node_problem){ type, reason, message };
}

static void collect(const struct core *core, struct problems *problems)
{
    if (core->runtime.problem[0] != '\0')
        add(problems, "RuntimeProblem", "RuntimeProblem", core->runtime.problem);
    else if (!core->runtime.listed)
        add(problems, "RuntimeProblem", "RuntimeStarting", "the runtime host has not said yet what exists");
    if (core->vms.wanted && core->vms.problem[0] != '\0')
        add(problems, "VirtualMachineProblem", "LibvirtUnavailable", core->vms.problem);
    if (core->store_problem[0] != '\0')
        add(problems, "StorageProblem", "CannotCommit", core->store_problem);
    if (core->link.connected && core->link.problem[0] != '\0')
        add(problems, "BrokerProblem", "MessageLost", core->link.problem);
    if (core->link.denied_ms != 0)
        add(problems, "BrokerDenies", "NotAuthorized", core->link.denied);
    if (core->link.rival_ms != 0)
        add(problems, "DuplicateNode", "SameClientId",
            "another client uses this node's client id, and the broker throws out one for the other: give each node a name of its own");
    if (core->link.narrow)
        add(problems, "BrokerTruncated", "NoWildcards",
            "the broker does not show what it keeps to subscriptions with wildcards (RabbitMQ): what was published while it did not "
            "know this node is not here; nothing is judged missing");
    else if (core->link.truncated)
        add(problems, "BrokerTruncated", "NoEndOfFlood",
            "the broker did not show all retained documents within 10 s (Mosquitto: max_queued_messages 0); "
            "nothing is judged missing");
    if (core_set_wall_ms(core) == 0)
        add(problems, "ClockUnset", "BeforeThisVersion",
            "the clock of this device was never set: messages have no times, and nothing is judged by it until it is");
    if (core->database_lost[0] != '\0')
        add(problems, "DatabaseLost", "Damaged", core->database_lost);
    if (core->link.dropped_ms != 0)
        add(problems, "EventsDropped", "TooMany", "events were dropped while the broker was away");
}

static void count_pods(const struct core *core, struct node_report *report)
{
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        bool is_vm = object_is_vm(object);
        if (object->summary == NULL || (!is_vm && strcmp(object->id.resource, "pods") != 0))
            continue;
        int64_t code = json_get_integer(object->summary, "stateCode", 0);
        int64_t ready = json_get_integer(object->summary, "ready", 0);
        *(is_vm ? &report->vms : &report->pods) += code != STATE_REFUSED && code != STATE_STORED;
        *(is_vm ? &report->vms_ready : &report->pods_ready) += ready;
        report->waiting += ready == 0 && (code == STATE_PENDING || code == STATE_RUNNING);
    }
}

static void tell_document(const struct object *whole, struct node_document *document)
{
    const struct slot *slot = whole_slot(whole);
    *document = (struct node_document){ .generation = slot != NULL ? slot->generation : -1,
                                        .refusal = whole->refused ? &whole->refusal : NULL,
                                        .retained = slot != NULL ? slot->retained : RETAINED_UNKNOWN };
}

void report_node_write(struct core *core, struct json **state, struct json **status)
{
    struct problems problems = { 0 };
    collect(core, &problems);
    struct utsname machine;
    if (uname(&machine) != 0)
        memset(&machine, 0, sizeof(machine));
    struct node_report report = {
        .name = core->config->node,
        .agent = PACKAGE_VERSION,
        .runtime = core->runtime.version,
        .boot_id = core->env->boot_id,
        .verify = verify_mode(),
        .labels = core->node.labels,
        .groups = &core->node.groups,
        .ready = core->runtime.listed,
        .cpus = sysconf(_SC_NPROCESSORS_ONLN),
        .memory_bytes = core->env->memory_bytes,
        .memory_allocatable_bytes = admission_memory_bytes(core),
        .disk_bytes = core->env->disk_bytes,
        .pods_most = LIMIT_OBJECTS,
        .kernel = machine.release,
        .architecture = json_get_text(core->config->labels, "kubernetes.io/arch"), /* Go's word, "amd64" */
        .problems = problems.list,
        .problem_count = problems.count,
        .started_ms = core->started_ms,
    };
    tell_document(&core->bundle, &report.bundle);
    tell_document(&core->desired_node, &report.desired);
    const struct slot *said = whole_slot(&core->desired_node);
    report.ignored = said != NULL ? &said->ignored : NULL;
    report.manifest = core->manifest_node;
    report.taints = core->node.taints;
    report.unschedulable = core->node.unschedulable;
    report.drained = cordon_is_drained(core);
    report.bundle_objects = bundle_objects(core);
    count_pods(core, &report);
    AUTO_JSON struct json *images = images_list(&core->images);
    report.images = images;
    *state = node_state_write(&report);
    *status = node_status_write(&report);
}

void report_node(struct core *core)
{
    AUTO_JSON struct json *state = NULL;
    AUTO_JSON struct json *status = NULL;
    report_node_write(core, &state, &status);
    report_tell(core, "state", NULL, state, true, core->told_node_state);
    report_tell(core, "status", NULL, status, false, core->told_node_status);
}
