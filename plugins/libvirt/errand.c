#include "config.h"

#include "errand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/memory.h"
#include "connection.h"
#include "sighting.h"

#define STACK_BYTES (1024 * 1024)

static void let_go(struct errand *errand)
{
    struct vms *vms = errand->vms;
    bool last;

    pthread_mutex_lock(&vms->lock);
    last = --errand->holders == 0;
    pthread_mutex_unlock(&vms->lock);
    if (!last)
        return;
    if (errand->connection != NULL)
        virConnectClose(errand->connection);
    address_free(&errand->address);
    json_free(errand->answer);
    fd_close_at(&errand->done_fd);
    fd_close_at(&errand->cancel_fd);
    fd_close_at(&errand->out_fd);
    fd_close_at(&errand->error_fd);
    fd_close_at(&errand->control_fd);
    free(errand);
}

static void *carry_out(void *arg)
{
    struct errand *errand = arg;
    struct vms *vms = errand->vms;

    errand->work(errand);
    pthread_mutex_lock(&vms->lock);
    vms->errands--;
    pthread_mutex_unlock(&vms->lock);
    eventfd_write(errand->done_fd, 1);
    let_go(errand);
    return NULL;
}

static bool start_thread(struct errand *errand, struct error *err)
{
    struct vms *vms = errand->vms;
    pthread_attr_t attributes;
    pthread_t thread;
    bool room;
    int failed;

    pthread_mutex_lock(&vms->lock);
    room = vms->errands < ERRANDS_MOST;
    vms->errands += room;
    pthread_mutex_unlock(&vms->lock);
    if (!room)
        return error_set(err, ERROR_UNAVAILABLE, "%d questions to libvirtd wait for their answers already: systemctl restart libvirtd helps if it hangs", ERRANDS_MOST);
    errand->holders++;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    failed = pthread_create(&thread, &attributes, carry_out, errand);
    pthread_attr_destroy(&attributes);
    if (failed == 0)
        return true;
    pthread_mutex_lock(&vms->lock);
    vms->errands--;
    errand->holders--;
    pthread_mutex_unlock(&vms->lock);
    return error_set_errno(err, failed, "cannot start a thread");
}

static bool read_names(struct errand *errand, const char *text, enum errand_names names, struct error *err)
{
    if (names != ERRAND_NAMES_NOTHING)
        return address_parse(text, names == ERRAND_NAMES_ATTEMPT, &errand->address, err) &&
               domain_name(errand->address.uid, errand->domain, err);
    errand->address.json = json_parse(text, strlen(text), err);
    return errand->address.json != NULL;
}

/* The call's own descriptors end with the call. */
static bool keep(int fd, int *own)
{
    *own = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    return fd < 0 || *own >= 0;
}

static bool keep_all(struct errand *errand, struct davit_call *call)
{
    const struct vms *vms = errand->vms;

    return call == NULL || (keep(vms->host->cancel_fd(call), &errand->cancel_fd) &&
                            keep(vms_call_fd(vms, call, "stdout"), &errand->out_fd) &&
                            keep(vms_call_fd(vms, call, "stderr"), &errand->error_fd) &&
                            keep(vms_call_fd(vms, call, "control"), &errand->control_fd));
}

static bool prepare(struct errand *errand, const char *text, enum errand_names names, struct davit_call *call, struct error *err)
{
    if (!read_names(errand, text, names, err))
        return false;
    errand->done_fd = eventfd(0, EFD_CLOEXEC);
    if (errand->done_fd < 0 || !keep_all(errand, call))
        return error_set_errno(err, errno, "cannot prepare a question to libvirtd");
    errand->connection = connection_get(errand->vms, err);
    return errand->connection != NULL;
}

/* False: the time is over, and it goes on without the call. */
static bool wait_for(const struct errand *errand)
{
    struct pollfd fds[2] = {{.fd = errand->done_fd, .events = POLLIN}, {.fd = errand->cancel_fd, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0)
        ;
    return fds[0].revents != 0;
}

static enum davit_result answer(const struct errand *errand, struct davit_call *call)
{
    const struct davit_runtime_host *host = errand->vms->host;

    if (errand->result != DAVIT_OK)
        return host->fail(call, errand->result, errand->reason, errand->message);
    if (errand->answer != NULL) {
        AUTO_FREE char *text = json_print(errand->answer);
        host->answer(call, text);
    }
    return DAVIT_OK;
}

static enum davit_result say_failed(const struct vms *vms, struct davit_call *call, const struct error *err)
{
    if (call == NULL)
        return DAVIT_FAILED;
    if (err->code == ERROR_UNAVAILABLE)
        return vms->host->fail(call, DAVIT_UNAVAILABLE, VMS_AWAY, err->message);
    return vms->host->fail(call, DAVIT_INVALID, "InvalidDocument", err->message);
}

enum davit_result errand_run(struct vms *vms, struct davit_call *call, const char *text, enum errand_names names,
                             errand_work work)
{
    struct errand *errand = mem_alloc(sizeof(*errand));
    enum davit_result result = DAVIT_OK;
    struct error err;

    *errand = (struct errand){.vms = vms, .work = work, .holders = 1, .done_fd = -1, .cancel_fd = -1,
                              .out_fd = -1, .error_fd = -1, .control_fd = -1};
    if (!prepare(errand, text, names, call, &err) || !start_thread(errand, &err))
        result = say_failed(vms, call, &err);
    else if (call != NULL)
        result = wait_for(errand) ? answer(errand, call)
                                  : vms->host->fail(call, DAVIT_UNAVAILABLE, VMS_AWAY,
                                                    "libvirtd has not answered in time: systemctl restart libvirtd helps if it hangs; virtual machines run on");
    let_go(errand);
    return result;
}

void errand_fail(struct errand *errand, enum davit_result result, const char *reason, const char *message)
{
    errand->result = result;
    snprintf(errand->reason, sizeof(errand->reason), "%s", reason);
    snprintf(errand->message, sizeof(errand->message), "%s", message);
}

void errand_fail_with(struct errand *errand, const char *reason, const struct error *err)
{
    switch (err->code) {
    case ERROR_UNAVAILABLE:
        errand_fail(errand, DAVIT_UNAVAILABLE, VMS_AWAY, err->message);
        break;
    case ERROR_INVALID:
        errand_fail(errand, DAVIT_INVALID, reason, err->message);
        break;
    case ERROR_NOT_FOUND:
        errand_fail(errand, DAVIT_NOT_FOUND, reason, err->message);
        break;
    default:
        errand_fail(errand, DAVIT_FAILED, reason, err->message);
        break;
    }
}

virDomainPtr errand_domain(struct errand *errand, struct error *err)
{
    virDomainPtr domain = virDomainLookupByName(errand->connection, errand->domain);
    struct sighting seen;
    bool ours;

    if (domain == NULL) {
        connection_error(errand->connection, err, "cannot find the domain");
        return NULL;
    }
    ours = sighting_of(domain, &seen, err);
    if (ours && !sighting_is(&seen, errand->address.id))
        ours = error_set(err, ERROR_CONFLICT, seen.id == NULL ? "there is a domain %s that is not Davit's: rename or undefine it"
                                                              : "the domain %s still runs for an earlier attempt", errand->domain);
    sighting_free(&seen);
    if (ours)
        return domain;
    virDomainFree(domain);
    return NULL;
}
