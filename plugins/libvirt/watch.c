#include "config.h"

#include "watch.h"

#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "base/clock.h"
#include "base/memory.h"
#include "connection.h"
#include "end_log.h"
#include "record.h"
#include "sighting.h"
#include "workload.h"

#define PREFIX "davit-" /* of every domain of ours */
#define LOOK_AGAIN_MS 500
#define ONE_REBOOT_MS 1000u /* a kernel that reboots tries several ways in turn, and QEMU tells of each */

/* ---- events, in libvirt's thread: they ask nothing */

static struct instance *instance_of(struct vms *vms, virDomainPtr domain)
{
    const char *name = virDomainGetName(domain);

    return name != NULL ? instance_of_domain(vms, name) : NULL;
}

static void see_stop(struct instance *instance, int detail)
{
    switch (detail) {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
        if (instance->watchdog_fired)
            instance_see_end(instance, 1, "WatchdogExpired", mem_strdup("the guest no longer fed its watchdog, which powered it off"));
        else
            instance_see_end(instance, 0, "Completed", NULL);
        break;
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
        instance_see_end(instance, 137, "Destroyed",
                         mem_strdup(instance->destroying ? NULL : "it was ended from outside: virsh destroy, say"));
        break;
    case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
        instance_see_end(instance, 1, "Crashed", mem_strdup("the guest crashed"));
        break;
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
        instance_see_end(instance, 1, "Crashed", mem_strdup("QEMU ended by itself: /var/log/libvirt/qemu may say why"));
        break;
    default: /* saved or migrated by somebody: it does not run here, and nobody knows how it goes on */
        break;
    }
}

static int on_lifecycle(virConnectPtr line, virDomainPtr domain, int event, int detail, void *opaque)
{
    struct vms *vms = opaque;
    struct instance *instance;

    (void)line;
    pthread_mutex_lock(&vms->lock);
    instance = instance_of(vms, domain);
    if (instance != NULL) {
        bool begun = instance->state == INSTANCE_RUNNING || instance->busy; /* else it is the attempt before that ends */

        if (begun && event == VIR_DOMAIN_EVENT_CRASHED)
            instance_see_end(instance, 1, "Crashed", mem_strdup("the guest's kernel panicked"));
        if (begun && event == VIR_DOMAIN_EVENT_STOPPED)
            see_stop(instance, detail);
        instance_look(vms, instance);
    }
    pthread_mutex_unlock(&vms->lock);
    return 0;
}

static void on_reboot(virConnectPtr line, virDomainPtr domain, void *opaque)
{
    struct vms *vms = opaque;
    struct instance *instance;
    uint64_t now = clock_boot_ms();
    struct error err;

    (void)line;
    pthread_mutex_lock(&vms->lock);
    instance = instance_of(vms, domain);
    if (instance != NULL && instance->state == INSTANCE_RUNNING && now - instance->rebooted_boot_ms >= ONE_REBOOT_MS) {
        instance->rebooted_boot_ms = now;
        instance->reboots++;
        if (!record_write(vms, instance, &err))
            vms_log(vms, 4, "a reboot of %s is not written down: %s", instance->id, err.message);
        vms_log(vms, 6, "%s/%s was rebooted by its %s", instance->namespace_, instance->name,
                instance->watchdog_fired ? "watchdog" : "guest");
        instance->watchdog_fired = false;
        instance_changed(vms, instance);
    }
    pthread_mutex_unlock(&vms->lock);
}

static void on_watchdog(virConnectPtr line, virDomainPtr domain, int action, void *opaque)
{
    struct vms *vms = opaque;
    struct instance *instance;

    (void)line;
    (void)action;
    pthread_mutex_lock(&vms->lock);
    instance = instance_of(vms, domain);
    if (instance != NULL) {
        instance->watchdog_fired = true;
        instance_look(vms, instance);
    }
    pthread_mutex_unlock(&vms->lock);
}

static void on_disk_error(virConnectPtr line, virDomainPtr domain, const char *path, const char *alias, int action,
                          const char *reason, void *opaque)
{
    struct vms *vms = opaque;
    struct instance *instance;

    (void)line;
    (void)action;
    pthread_mutex_lock(&vms->lock);
    instance = instance_of(vms, domain);
    if (instance != NULL) {
        vms_log(vms, 3, "%s/%s: its disk %s (%s) cannot be written or read: %s", instance->namespace_, instance->name,
                alias, path, reason[0] != '\0' ? reason : "an error of the device below it");
        instance_look(vms, instance);
    }
    pthread_mutex_unlock(&vms->lock);
}

static void on_agent(virConnectPtr line, virDomainPtr domain, int state, int reason, void *opaque)
{
    struct vms *vms = opaque;
    struct instance *instance;

    (void)line;
    (void)state;
    (void)reason;
    pthread_mutex_lock(&vms->lock);
    instance = instance_of(vms, domain);
    if (instance != NULL)
        instance_look(vms, instance);
    pthread_mutex_unlock(&vms->lock);
}

static const struct {
    int id;
    virConnectDomainEventGenericCallback run;
} events[] = {
    {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
    {VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot)},
    {VIR_DOMAIN_EVENT_ID_WATCHDOG, VIR_DOMAIN_EVENT_CALLBACK(on_watchdog)},
    {VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, VIR_DOMAIN_EVENT_CALLBACK(on_disk_error)},
    {VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent)},
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

/* Of the line that is open; the keeper's own. */
static int registered[EVENTS];

bool watch_begin(struct vms *vms, virConnectPtr line, struct error *err)
{
    for (size_t i = 0; i < EVENTS; i++)
        registered[i] = -1;
    for (size_t i = 0; i < EVENTS; i++) {
        registered[i] = virConnectDomainEventRegisterAny(line, NULL, events[i].id, events[i].run, vms, NULL);
        if (registered[i] < 0)
            return connection_error(line, err, "cannot watch domains");
    }
    return true;
}

void watch_end(virConnectPtr line)
{
    for (size_t i = 0; i < EVENTS; i++) {
        if (registered[i] >= 0)
            virConnectDomainEventDeregisterAny(line, registered[i]);
        registered[i] = -1;
    }
}

/* ---- what was seen becomes what is known; lock held */

static void take_running(struct vms *vms, struct instance *instance, const struct sighting *seen)
{
    bool news = instance->state == INSTANCE_CREATED || instance->paused != seen->paused || instance->agent != seen->agent;

    if (instance->state == INSTANCE_CREATED && instance->started_ms == 0)
        instance->started_ms = clock_wall_ms();
    if (!instance->look && instance->end_seen && !seen->ending) { /* that was of the attempt before */
        instance->end_seen = false;
        free(mem_steal(&instance->end.message));
    }
    if (seen->agent != instance->agent)
        agent_came(instance, seen->agent);
    instance->state = INSTANCE_RUNNING;
    instance->paused = seen->paused;
    instance->emulated = seen->emulated;
    if (seen->paused != NULL && news)
        vms_log(vms, 4, "%s/%s stands still: %s", instance->namespace_, instance->name, seen->paused);
    if (news)
        instance_changed(vms, instance);
}

static void take_gone(struct vms *vms, struct instance *instance)
{
    if (instance->state != INSTANCE_RUNNING || instance->busy)
        return; /* a start that is under way looks again when it is done */
    if (!instance->end_seen)
        end_log_read(instance);
    instance_end(vms, instance);
}

static void take_stranger(struct vms *vms, const struct sighting *seen)
{
    struct instance *instance = instance_new(seen->uid, seen->namespace_, seen->name, seen->container, seen->attempt);

    vms_log(vms, 4, "the domain %s runs, and nothing but its mark is left of its attempt %s", instance->domain, instance->id);
    instance->log_path = workload_log(vms, seen->namespace_, seen->name, seen->uid, seen->container, seen->attempt);
    instance_add(vms, instance);
    take_running(vms, instance, seen);
}

/* ---- looks, without the lock */

struct sightings {
    struct sighting *items;
    size_t count;
    char (*unknown)[DOMAIN_NAME_BYTES]; /* there, and libvirtd cannot tell of them now */
    size_t unknown_count;
};

/* False: the connection is lost. */
static bool see(virDomainPtr domain, struct sightings *out, struct error *err)
{
    const char *name = virDomainGetName(domain);

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return true;
    if (sighting_of(domain, &out->items[out->count], err))
        out->count++;
    else if (err->code == ERROR_UNAVAILABLE)
        return false;
    else if (err->code != ERROR_NOT_FOUND)
        snprintf(out->unknown[out->unknown_count++], DOMAIN_NAME_BYTES, "%s", name);
    return true;
}

static bool see_all(virConnectPtr line, struct sightings *out, struct error *err)
{
    virDomainPtr *domains = NULL;
    int count = virConnectListAllDomains(line, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    bool good = true;

    *out = (struct sightings){0};
    if (count < 0)
        return connection_error(line, err, "cannot list domains");
    out->items = mem_array((size_t)count + 1, sizeof(*out->items));
    out->unknown = mem_array((size_t)count + 1, sizeof(*out->unknown));
    for (int i = 0; i < count; i++) {
        good = good && see(domains[i], out, err);
        virDomainFree(domains[i]);
    }
    free(domains);
    return good;
}

static void free_all(struct sightings *seen)
{
    for (size_t i = 0; i < seen->count; i++)
        sighting_free(&seen->items[i]);
    free(seen->items);
    free(seen->unknown);
}

static bool is_unknown(const struct sightings *seen, const char *domain)
{
    for (size_t i = 0; i < seen->unknown_count; i++) {
        if (strcmp(seen->unknown[i], domain) == 0)
            return true;
    }
    return false;
}

static const struct sighting *find_sighting(const struct sightings *seen, const char *id)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (sighting_is(&seen->items[i], id))
            return &seen->items[i];
    }
    return NULL;
}

bool watch_all(struct vms *vms, virConnectPtr line, struct error *err)
{
    struct sightings seen;
    bool good = see_all(line, &seen, err);

    pthread_mutex_lock(&vms->lock);
    for (struct instance *one = vms->instances; good && one != NULL; one = one->next) {
        const struct sighting *found = find_sighting(&seen, one->id);

        if (found != NULL && one->state != INSTANCE_EXITED)
            take_running(vms, one, found);
        else if (is_unknown(&seen, one->domain)) /* it may run: what is taken for gone is never looked at again */
            one->look = true;
        else if (found == NULL)
            take_gone(vms, one);
    }
    for (size_t i = 0; good && i < seen.count; i++) {
        const struct sighting *one = &seen.items[i];

        if (one->active && one->id != NULL && instance_find(vms, one->id) == NULL)
            take_stranger(vms, one);
    }
    pthread_mutex_unlock(&vms->lock);
    free_all(&seen);
    return good;
}

/* One domain, by its name. False: it cannot be known now. */
static bool see_one(virConnectPtr line, const char *name, struct sighting *out)
{
    virDomainPtr domain = virDomainLookupByName(line, name);
    struct error err;
    bool known;

    *out = (struct sighting){0};
    if (domain == NULL) {
        connection_error(line, &err, "cannot find a domain");
        return err.code == ERROR_NOT_FOUND;
    }
    known = sighting_of(domain, out, &err) || err.code == ERROR_NOT_FOUND;
    virDomainFree(domain);
    return known;
}

/* Lock held on the way in and out, and not between. */
static void look_at(struct vms *vms, virConnectPtr line, const char *id, const char *name)
{
    struct sighting seen;
    struct instance *instance;
    bool known;

    pthread_mutex_unlock(&vms->lock);
    known = see_one(line, name, &seen);
    pthread_mutex_lock(&vms->lock);
    instance = instance_find(vms, id); /* it may be removed by now */
    if (instance != NULL && known && sighting_is(&seen, id) && instance->state != INSTANCE_EXITED)
        take_running(vms, instance, &seen);
    else if (instance != NULL && known)
        take_gone(vms, instance);
    else if (instance != NULL) {
        instance->look = true;
        instance->look_boot_ms = clock_boot_ms() + LOOK_AGAIN_MS;
    }
    sighting_free(&seen);
}

int watch_look(struct vms *vms, virConnectPtr line)
{
    struct instance *instance = vms->instances;
    uint64_t now = clock_boot_ms();
    bool later = false; /* one that libvirtd cannot tell of holds up no other */

    while (instance != NULL && (!instance->look || instance->look_boot_ms > now)) {
        later = later || instance->look;
        instance = instance->next;
    }
    if (instance == NULL) {
        int wait_ms = agent_ask_due(vms);

        return later && (wait_ms < 0 || wait_ms > LOOK_AGAIN_MS) ? LOOK_AGAIN_MS : wait_ms;
    }
    AUTO_FREE char *id = mem_strdup(instance->id);
    AUTO_FREE char *name = mem_strdup(instance->domain);
    instance->look = false;
    look_at(vms, line, id, name);
    return 0;
}
