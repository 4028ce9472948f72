#include "protocol/vm_status.h"

#include <string.h>

#include "base/memory.h"
#include "model/vm.h"
#include "protocol/container_status.h"

static const struct container_shown *machine_of(const struct pod_report *report)
{
    return report->view->pod != NULL && report->view->pod->vm != NULL ? &report->shown[0] : NULL;
}

/* What ran before, by another document or before a restart, has not gone down yet: nothing is started beside it. */
static bool is_leaving(const struct pod_report *report)
{
    for (const struct run *run = report->view->runs; run != NULL; run = run->next)
        for (size_t i = 0; i < run->count && strcmp(run->uid, report->view->uid) != 0; i++)
            if (run->instances[i].state == INSTANCE_RUNNING)
                return true;
    return false;
}

bool vm_is_stopped(const struct pod_report *report)
{
    const struct container_shown *machine = machine_of(report);
    return machine != NULL && machine->state != SHOWN_RUNNING && report->view->power != VM_POWER_ON && !is_leaving(report);
}

static const char *running_word(const struct pod_report *report)
{
    if (report->view->power == VM_POWER_OFF)
        return "Stopping";
    return json_get_boolean(report->vm, "paused", false) ? "Paused" : "Running";
}

static const char *waiting_word(const struct pod_report *report, const struct container_shown *machine)
{
    static const struct {
        const char *reason, *word;
    } words[] = { { "ContainerCreating", "Starting" }, { "InsufficientMemory", "ErrorUnschedulable" },
                  { "InsufficientDisk", "ErrorUnschedulable" }, { "NodeUnschedulable", "ErrorUnschedulable" },
                  { "NodeDrained", "ErrorUnschedulable" },
                  { "NodeDraining", "ErrorUnschedulable" } };
    if (report->images != NULL && json_size(report->images) > 0)
        return "Provisioning";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].reason, machine->reason) == 0)
            return words[i].word;
    return machine->reason;
}

const char *vm_printable_status(const struct pod_report *report)
{
    const struct container_shown *machine = machine_of(report);
    if (report->terminating)
        return "Terminating";
    if (machine == NULL)
        return report->orphan ? "Running" : "Unknown";
    if (machine->state == SHOWN_RUNNING)
        return running_word(report);
    if (is_leaving(report))
        return "Stopping";
    if (machine->state == SHOWN_TERMINATED || vm_is_stopped(report))
        return "Stopped";
    return waiting_word(report, machine);
}

static void add_condition(struct json *conditions, const char *type, const char *reason, const char *message)
{
    struct json *condition = json_add_object(conditions);
    json_set_text(condition, "type", type);
    json_set_text(condition, "status", "True");
    json_set_text(condition, "reason", reason);
    json_set_text(condition, "message", message);
}

static void write_conditions(const struct pod_report *report, struct json *conditions)
{
    if (report->runtime_problem != NULL)
        add_condition(conditions, "RuntimeUnavailable", "LibvirtUnavailable", report->runtime_problem);
    if (report->overdue) {
        AUTO_FREE char *message = mem_printf("the guest was asked to shut down, and runs on though its grace is over; it is asked again "
                                             "and again. davit stop vm/%s --force cuts it off", report->id->name);
        add_condition(conditions, "ShutdownOverdue", "GuestRunsOn", message);
    }
    if (json_get_boolean(report->vm, "emulated", false))
        add_condition(conditions, "Emulated", "NoKVM", "this device has no KVM that works, or emulated=yes says so: the processor is emulated, and slow");
    if (json_get_boolean(report->vm, "guestAgent", false))
        add_condition(conditions, "AgentConnected", "GuestAgent", NULL);
    if (json_get_boolean(report->vm, "paused", false))
        add_condition(conditions, "Paused", "PausedByRuntime", json_get_text(report->vm, "pausedReason"));
}

static const char *pod_interface_name(const struct pod_report *report)
{
    const struct vm_interface *interface = vm_pod_interface(report->view->pod->vm);
    return interface != NULL ? interface->name : "default";
}

/* The guest agent tells of every interface; without one, what was given is what is known. */
static void write_interfaces(const struct pod_report *report, struct json *array)
{
    const struct json *told = json_get(report->vm, "addresses");
    JSON_EACH(one, told) {
        const struct json *addresses = json_get(one, "addresses");
        struct json *out = json_add_object(array);
        const char *mac = json_get_text(one, "mac");
        if (mac != NULL && report->mac != NULL && strcmp(mac, report->mac) == 0)
            json_set_text(out, "name", pod_interface_name(report));
        json_set_text(out, "interfaceName", json_get_text(one, "interface"));
        json_set_text(out, "mac", mac);
        JSON_EACH(address, addresses) {
            json_set_text(out, "ipAddress", json_text(address));
            break;
        }
        if (addresses != NULL)
            json_set(out, "ipAddresses", json_copy(addresses));
    }
    if (json_size(told) > 0 || report->addresses == NULL || report->addresses->count == 0)
        return;
    struct json *out = json_add_object(array);
    json_set_text(out, "name", pod_interface_name(report));
    json_set_text(out, "mac", report->mac);
    json_set_text(out, "ipAddress", report->addresses->items[0]);
    struct json *list = json_set_array(out, "ipAddresses");
    for (size_t i = 0; i < report->addresses->count; i++)
        json_add_text(list, report->addresses->items[i]);
}

void vm_status_write(const struct pod_report *report, struct json *status)
{
    static const char *const strategies[] = { [VM_ALWAYS] = "Always", [VM_RERUN_ON_FAILURE] = "RerunOnFailure",
                                              [VM_MANUAL] = "Manual", [VM_HALTED] = "Halted", [VM_ONCE] = "Once" };
    const struct container_shown *machine = machine_of(report);
    bool runs = machine != NULL && machine->state == SHOWN_RUNNING;
    json_set_text(status, "printableStatus", vm_printable_status(report));
    if (report->view->wait != NULL) {
        json_set_text(status, "reason", report->view->wait->reason);
        json_set_text(status, "message", report->view->wait->message);
    }
    write_conditions(report, json_get_mutable(status, "conditions"));
    json_set_boolean(status, "created", runs);
    json_set_boolean(status, "ready", runs && machine->ready);
    if (machine == NULL)
        return;
    json_set_text(status, "runStrategy", strategies[vm_strategy(report->view->pod->vm)]);
    json_set_text(status, "nodeName", report->node);
    json_set_integer(status, "restarts", machine->restarts);
    json_set_integer(status, "reboots", json_get_integer(report->vm, "reboots", 0));
    if (json_get_text(report->vm, "guestOs") != NULL)
        json_set_text(json_set_object(status, "guestOSInfo"), "prettyName", json_get_text(report->vm, "guestOs"));
    if (json_get(report->vm, "snapshots") != NULL)
        json_set(status, "snapshots", json_copy(json_get(report->vm, "snapshots")));
    if (runs)
        write_interfaces(report, json_set_array(status, "interfaces"));
}

void vm_state_write(const struct pod_report *report, struct json *flat)
{
    const struct container_shown *machine = machine_of(report);
    json_set_text(flat, "status", vm_printable_status(report));
    if (machine != NULL && report->addresses != NULL && report->addresses->count > 0)
        json_set_text(flat, "address", report->addresses->items[0]);
    if (report->runtime_problem != NULL) {
        json_set_text(flat, "reason", "LibvirtUnavailable");
        json_set_text(flat, "message", report->runtime_problem);
    }
}
