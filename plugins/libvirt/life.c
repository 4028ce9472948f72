#include "config.h"

#include "life.h"

#include <libvirt/virterror.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "connection.h"
#include "record.h"

#define XML_BYTES (1024 * 1024)
#define AGENT_PATIENCE_S 5 /* of libvirtd, for an answer of the guest's agent */
#define TAKEN_TRIES 100    /* for a name and a UUID that libvirtd has not let go of yet */
#define TAKEN_WAIT_MS 50

/* Lock held. NULL: there is none, or an earlier errand still has it; the errand fails, then. */
static struct instance *take(struct errand *errand)
{
    struct instance *instance = instance_find(errand->vms, errand->address.id);

    if (instance == NULL || strcmp(instance->uid, errand->address.uid) != 0) {
        errand_fail(errand, DAVIT_NOT_FOUND, "NotFound", "no such instance was created");
        return NULL;
    }
    if (instance->busy) {
        errand_fail(errand, DAVIT_UNAVAILABLE, VMS_AWAY, "libvirtd has not answered an earlier call for this virtual machine yet");
        return NULL;
    }
    return instance;
}

static void answer_instance(struct errand *errand, const struct instance *instance)
{
    json_free(errand->answer);
    errand->answer = json_new_object();
    json_set(errand->answer, "instance", instance_describe(instance));
}

/* ---- start */

/* Lock held. False: it runs already, or it cannot be begun now. */
static bool begin(struct errand *errand)
{
    struct instance *instance = take(errand);
    struct error err;

    if (instance == NULL)
        return false;
    if (instance->state != INSTANCE_CREATED) {
        answer_instance(errand, instance);
        return false;
    }
    instance->started_ms = clock_wall_ms(); /* before, so that a killed host's successor knows that it may run */
    instance->end_seen = false;
    if (!record_write(errand->vms, instance, &err)) {
        instance->started_ms = 0;
        errand_fail_with(errand, "RunContainerError", &err);
        return false;
    }
    instance->busy = true;
    return true;
}

/* Lock held. `begun`: it runs; `unknown`: the connection was lost meanwhile, and the keeper will see. */
static void finish(struct errand *errand, bool begun, bool unknown)
{
    struct instance *instance = instance_find(errand->vms, errand->address.id);
    struct error err;

    instance->busy = false;
    if (begun || unknown) {
        bool news = instance->state == INSTANCE_CREATED && begun; /* the keeper may have been quicker */

        if (instance->state == INSTANCE_CREATED)
            instance->state = INSTANCE_RUNNING;
        if (news)
            instance_changed(errand->vms, instance);
        answer_instance(errand, instance);
        instance_look(errand->vms, instance); /* it may have ended already */
        return;
    }
    instance->started_ms = 0;
    if (!record_write(errand->vms, instance, &err))
        vms_log(errand->vms, 4, "%s was not started, and its record says otherwise: %s", instance->id, err.message);
}

static char *read_xml(const struct errand *errand, struct error *err)
{
    AUTO_FREE char *folder = vms_folder(errand->vms, errand->address.id);
    AUTO_FREE char *path = mem_printf("%s/domain.xml", folder);
    char *text = NULL;
    size_t len;

    return file_read_regular(path, XML_BYTES, &text, &len, err) ? text : NULL;
}

/* The pod before of the same machine has ended, and libvirtd still holds its name and UUID: it cleans up after a QEMU that
 * was killed for a second or two. libvirt has no code of its own for that.
 */
static bool is_taken(void)
{
    virErrorPtr last = virGetLastError();

    return last != NULL && last->code == VIR_ERR_OPERATION_FAILED && last->message != NULL &&
           (strstr(last->message, "is already being removed") != NULL || strstr(last->message, "is already defined with uuid") != NULL);
}

static virDomainPtr create_when_free(const struct errand *errand, const char *xml)
{
    struct pollfd cancelled = {.fd = errand->cancel_fd, .events = POLLIN};
    virDomainPtr domain = virDomainCreateXML(errand->connection, xml, VIR_DOMAIN_NONE);

    for (int i = 0; domain == NULL && i < TAKEN_TRIES && is_taken() && poll(&cancelled, 1, TAKEN_WAIT_MS) == 0; i++)
        domain = virDomainCreateXML(errand->connection, xml, VIR_DOMAIN_NONE);
    return domain;
}

/* libvirtd refuses a second domain of the same name or UUID, so there is never a second one. */
static bool create_domain(struct errand *errand, struct error *err)
{
    AUTO_FREE char *xml = NULL;
    virDomainPtr domain = errand_domain(errand, err);

    if (domain == NULL && err->code == ERROR_NOT_FOUND) {
        xml = read_xml(errand, err);
        domain = xml != NULL ? create_when_free(errand, xml) : NULL;
        if (xml != NULL && domain == NULL)
            connection_error(errand->connection, err, "the virtual machine cannot be started");
    }
    if (domain == NULL)
        return false;
    virDomainAgentSetResponseTimeout(domain, AGENT_PATIENCE_S, 0); /* a guest that does not answer holds nobody */
    virDomainFree(domain);
    return true;
}

void life_start(struct errand *errand)
{
    struct vms *vms = errand->vms;
    struct error err;
    bool begun;

    pthread_mutex_lock(&vms->lock);
    begun = begin(errand);
    pthread_mutex_unlock(&vms->lock);
    if (!begun)
        return;
    begun = create_domain(errand, &err);
    if (!begun)
        errand_fail_with(errand, "RunContainerError", &err);
    pthread_mutex_lock(&vms->lock);
    finish(errand, begun, !begun && err.code == ERROR_UNAVAILABLE);
    pthread_mutex_unlock(&vms->lock);
}

/* ---- stop */

static bool shut_down(virDomainPtr domain, bool agent)
{
    /* The agent's way is surer where there is one: a guest may not listen to the button. */
    return (agent && virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_GUEST_AGENT) == 0) ||
           virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0;
}

static void stop_domain(struct errand *errand, bool agent)
{
    struct error err;
    virDomainPtr domain = errand_domain(errand, &err);
    int failed;

    if (domain == NULL) {
        if (err.code != ERROR_NOT_FOUND)
            errand_fail_with(errand, "KillContainerError", &err);
        return; /* it has ended: the keeper tells it */
    }
    failed = errand->address.force ? virDomainDestroyFlags(domain, VIR_DOMAIN_DESTROY_DEFAULT) : !shut_down(domain, agent);
    if (failed != 0) {
        connection_error(errand->connection, &err, errand->address.force ? "the virtual machine cannot be ended"
                                                                         : "the virtual machine cannot be asked to shut down");
        if (err.code != ERROR_NOT_FOUND && virDomainIsActive(domain) != 0)
            errand_fail_with(errand, "KillContainerError", &err);
    }
    virDomainFree(domain);
}

/* Lock held. True: there is a domain to stop. */
static bool begin_stop(struct errand *errand, bool *agent)
{
    struct instance *instance = instance_find(errand->vms, errand->address.id);
    struct error err;

    if (instance == NULL || instance->state == INSTANCE_EXITED)
        return false;
    /* An end by force waits for nothing that is under way. */
    instance = errand->address.force ? instance : take(errand);
    if (instance == NULL)
        return false;
    instance->destroying = instance->destroying || errand->address.force || instance->state == INSTANCE_CREATED;
    if (instance->state == INSTANCE_CREATED && !instance->busy) { /* nobody listens in what was never started */
        instance_see_end(instance, 137, "Destroyed", NULL);
        instance_end(errand->vms, instance);
        return false;
    }
    if (errand->address.force && !record_write(errand->vms, instance, &err))
        vms_log(errand->vms, 4, "that %s is ended on purpose is not written down: %s", instance->id, err.message);
    if (!errand->address.force)
        instance->busy = true;
    *agent = instance->agent;
    return true;
}

void life_stop(struct errand *errand)
{
    struct vms *vms = errand->vms;
    struct instance *instance;
    bool agent = false, begun;

    pthread_mutex_lock(&vms->lock);
    begun = begin_stop(errand, &agent);
    pthread_mutex_unlock(&vms->lock);
    if (!begun)
        return;
    stop_domain(errand, agent);
    pthread_mutex_lock(&vms->lock);
    instance = instance_find(vms, errand->address.id);
    if (instance != NULL && !errand->address.force)
        instance->busy = false;
    if (instance != NULL)
        instance_look(vms, instance);
    pthread_mutex_unlock(&vms->lock);
}
