#include "config.h"

#include "instance.h"

#include <string.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/memory.h"
#include "record.h"

#define EXIT_UNKNOWN 137 /* as Kubernetes has it: ContainerStatusUnknown */
#define SIGNAL_BASE 128

struct instance *instance_new(const char *uid, const char *namespace_, const char *name, const char *container,
                              int64_t attempt)
{
    struct instance *instance = mem_alloc(sizeof(*instance));
    struct error ignored; /* the uid was checked */

    instance->id = address_make_id(uid, container, attempt);
    instance->uid = mem_strdup(uid);
    instance->namespace_ = mem_strdup(namespace_);
    instance->name = mem_strdup(name);
    instance->container = mem_strdup(container);
    instance->attempt = attempt;
    if (!domain_name(uid, instance->domain, &ignored))
        instance->domain[0] = '\0';
    return instance;
}

void instance_free(struct instance *instance)
{
    if (instance == NULL)
        return;
    json_free(instance->record);
    json_free(instance->addresses);
    json_free(instance->snapshots);
    free(instance->end.message);
    free(instance->guest_os);
    free(instance->log_path);
    free(instance->container);
    free(instance->name);
    free(instance->namespace_);
    free(instance->uid);
    free(instance->id);
    free(instance);
}

struct instance *instance_find(const struct vms *vms, const char *id)
{
    struct instance *instance = vms->instances;

    while (instance != NULL && strcmp(instance->id, id) != 0)
        instance = instance->next;
    return instance;
}

struct instance *instance_of_domain(const struct vms *vms, const char *domain)
{
    struct instance *found = NULL;

    for (struct instance *one = vms->instances; one != NULL; one = one->next) {
        if (one->state != INSTANCE_EXITED && strcmp(one->domain, domain) == 0 &&
            (found == NULL || one->state == INSTANCE_RUNNING || one->attempt > found->attempt))
            found = one;
    }
    return found;
}

void instance_add(struct vms *vms, struct instance *taken)
{
    taken->next = vms->instances;
    vms->instances = taken;
}

void instance_drop(struct vms *vms, struct instance *instance)
{
    struct instance **at = &vms->instances;

    while (*at != instance)
        at = &(*at)->next;
    *at = instance->next;
    instance_free(instance);
}

static void describe_end(const struct end *end, struct json *out)
{
    json_set_integer(out, "exitCode", end->exit_code);
    if (end->exit_code > SIGNAL_BASE)
        json_set_integer(out, "signal", end->exit_code - SIGNAL_BASE);
    json_set_text(out, "reason", end->reason);
    json_set_text(out, "message", end->message);
    json_set_integer(out, "finishedAtMs", (int64_t)end->wall_ms);
    json_set_integer(out, "finishedBootMs", (int64_t)end->boot_ms);
}

static void describe_vm(const struct instance *instance, struct json *out)
{
    json_set_boolean(out, "emulated", instance->emulated);
    json_set_integer(out, "reboots", instance->reboots);
    json_set_boolean(out, "paused", instance->paused != NULL);
    json_set_text(out, "pausedReason", instance->paused);
    json_set_boolean(out, "guestAgent", instance->agent);
    if (instance->addresses != NULL)
        json_set(out, "addresses", json_copy(instance->addresses));
    json_set_text(out, "guestOs", instance->guest_os);
    if (instance->snapshots != NULL)
        json_set(out, "snapshots", json_copy(instance->snapshots));
}

struct json *instance_describe(const struct instance *instance)
{
    static const char *const states[] = {"created", "running", "exited"};
    struct json *out = json_new_texts("uid", instance->uid, "namespace", instance->namespace_, "pod", instance->name,
                                      "container", instance->container, "state", states[instance->state], "logPath",
                                      instance->log_path, "logFormat", "raw", NULL);

    json_set_integer(out, "attempt", instance->attempt);
    if (instance->started_ms != 0)
        json_set_integer(out, "startedAtMs", (int64_t)instance->started_ms);
    if (instance->record != NULL)
        json_set(out, "record", json_copy(instance->record));
    json_set_boolean(out, "supervised", true);
    if (instance->state == INSTANCE_EXITED)
        describe_end(&instance->end, out);
    describe_vm(instance, json_set_object(out, "vm"));
    return out;
}

void instance_changed(const struct vms *vms, const struct instance *instance)
{
    AUTO_JSON struct json *event = NULL;
    AUTO_FREE char *text = NULL;

    if (!vms->open || instance->removing)
        return;
    event = json_new_texts("event", "changed", NULL);
    json_set(event, "instance", instance_describe(instance));
    text = json_print(event);
    vms->host->notify(vms->host, text);
}

void instance_look(struct vms *vms, struct instance *instance)
{
    instance->look = true;
    pthread_cond_broadcast(&vms->news);
}

void instance_see_end(struct instance *instance, int exit_code, const char *reason, char *message_taken)
{
    if (instance->end_seen) {
        free(message_taken);
        return;
    }
    free(instance->end.message);
    instance->end = (struct end){.exit_code = exit_code, .reason = reason, .message = message_taken,
                                 .wall_ms = clock_wall_ms(), .boot_ms = clock_boot_ms()};
    instance->end_seen = true;
}

void instance_end(struct vms *vms, struct instance *instance)
{
    struct error err;

    instance_see_end(instance, EXIT_UNKNOWN, "ContainerStatusUnknown", NULL);
    instance->state = INSTANCE_EXITED;
    instance->paused = NULL;
    instance->agent = false;
    instance->ask_boot_ms = 0;
    if (!instance->removing && !record_write(vms, instance, &err))
        vms_log(vms, 4, "how %s ended is not written down: %s", instance->id, err.message);
    instance_changed(vms, instance);
}
