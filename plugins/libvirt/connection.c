#include "config.h"

#include "connection.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "emulator.h"
#include "watch.h"

#define STACK_BYTES (1024 * 1024) /* for libvirt's XML and RPC */
#define RETRY_FIRST_MS 500u
#define RETRY_LAST_MS 15000u
/* Silence of 5 s is asked about, and after 15 s it is lost: a status says so within half a minute. */
#define KEEPALIVE_S 5
#define KEEPALIVE_COUNT 2

static void *dispatch_events(void *arg)
{
    struct vms *vms = arg;

    for (;;) {
        if (virEventRunDefaultImpl() < 0)
            vms_log(vms, 3, "libvirt's event loop failed: %s", virGetLastErrorMessage());
    }
    return NULL;
}

/* What is asked for fails by its return value, and is told from there. */
static void keep_quiet(void *arg, virErrorPtr error)
{
    (void)arg;
    (void)error;
}

/* ---- the clock of a condition */

static struct timespec until(unsigned wait_ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(wait_ms / 1000);
    at.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* ---- one line */

static void on_close(virConnectPtr line, int reason, void *opaque)
{
    struct vms *vms = opaque;

    pthread_mutex_lock(&vms->lock);
    if (line == vms->line) {
        vms->closed = true;
        if (reason == VIR_CONNECT_CLOSE_REASON_KEEPALIVE)
            error_set(&vms->why_away, ERROR_UNAVAILABLE,
                      "libvirtd does not answer any more: it hangs, or was stopped; systemctl restart libvirtd helps, and virtual machines run on");
        else
            error_set(&vms->why_away, ERROR_UNAVAILABLE,
                      "libvirtd has ended: start it (systemctl start libvirtd); virtual machines run on");
        pthread_cond_broadcast(&vms->news);
    }
    pthread_mutex_unlock(&vms->lock);
}

static void set_why(struct vms *vms, const struct error *why)
{
    pthread_mutex_lock(&vms->lock);
    vms->why_away = *why;
    pthread_mutex_unlock(&vms->lock);
}

/* Hangs as long as libvirtd does: only the keeper is held by it. */
static virConnectPtr open_line(struct vms *vms)
{
    virConnectPtr line;
    struct error why;

    error_set(&why, ERROR_UNAVAILABLE,
              "libvirtd does not answer at %s: it hangs, or has no room for one more connection; systemctl restart libvirtd helps, and virtual machines run on",
              vms->uri);
    set_why(vms, &why);
    line = virConnectOpen(vms->uri);
    pthread_mutex_lock(&vms->lock);
    vms->line = line;
    vms->closed = false;
    pthread_mutex_unlock(&vms->lock);
    if (line != NULL)
        return line;
    error_set(&why, ERROR_UNAVAILABLE,
              "no libvirtd answers at %s: start it (systemctl start libvirtd), or install libvirt-daemon-system: %s", vms->uri,
              virGetLastErrorMessage());
    set_why(vms, &why);
    return NULL;
}

static bool prepare_line(struct vms *vms, virConnectPtr line, struct error *err)
{
    /* First of all, so that nothing that follows can hang for long. */
    if (virConnectSetKeepAlive(line, KEEPALIVE_S, KEEPALIVE_COUNT) < 0)
        return connection_error(line, err, "cannot ask libvirtd whether it lives");
    if (virConnectRegisterCloseCallback(line, on_close, vms, NULL) < 0)
        return connection_error(line, err, "cannot watch the connection to libvirtd");
    return emulator_read(vms, line, err) && watch_begin(vms, line, err) && watch_all(vms, line, err);
}

/* Lock held. */
static void come_back(struct vms *vms)
{
    vms->connection = vms->line;
    vms->tried = true;
    vms_log(vms, 6, "connected to %s at %s", vms->version, vms->uri);
    if (vms->told_lost)
        vms_tell(vms, "back", NULL);
    vms->told_lost = false;
    pthread_cond_broadcast(&vms->news);
}

/* Lock held. */
static void go_away(struct vms *vms)
{
    vms->connection = NULL;
    vms->told_lost = true;
    vms_log(vms, 4, "%s", vms->why_away.message);
    vms_tell(vms, "lost", vms->why_away.message);
    pthread_cond_broadcast(&vms->news);
}

/* Until it is lost. */
static void serve_line(struct vms *vms, virConnectPtr line)
{
    pthread_mutex_lock(&vms->lock);
    come_back(vms);
    while (!vms->closed) {
        int wait_ms = watch_look(vms, line);

        if (vms->closed || wait_ms == 0)
            continue;
        if (wait_ms < 0) {
            pthread_cond_wait(&vms->news, &vms->lock);
        } else {
            struct timespec at = until((unsigned)wait_ms);
            pthread_cond_timedwait(&vms->news, &vms->lock, &at);
        }
    }
    go_away(vms);
    pthread_mutex_unlock(&vms->lock);
}

static void close_line(struct vms *vms, virConnectPtr line)
{
    pthread_mutex_lock(&vms->lock);
    vms->line = NULL;
    pthread_mutex_unlock(&vms->lock);
    watch_end(line);
    virConnectUnregisterCloseCallback(line, on_close);
    virConnectClose(line); /* its last reference goes with the last call that is under way */
}

static void rest(struct vms *vms, unsigned wait_ms)
{
    struct timespec at = until(wait_ms);

    pthread_mutex_lock(&vms->lock);
    vms->tried = true;
    pthread_cond_broadcast(&vms->news);
    while (pthread_cond_timedwait(&vms->news, &vms->lock, &at) == 0)
        ;
    pthread_mutex_unlock(&vms->lock);
}

static void *keep(void *arg)
{
    struct vms *vms = arg;
    unsigned pause_ms = RETRY_FIRST_MS;
    struct error err;

    for (;;) {
        virConnectPtr line = open_line(vms);

        if (line != NULL && prepare_line(vms, line, &err)) {
            pause_ms = RETRY_FIRST_MS;
            serve_line(vms, line);
        } else if (line != NULL) {
            err.code = ERROR_UNAVAILABLE;
            error_wrap(&err, "libvirtd at %s answers, and cannot be used", vms->uri);
            set_why(vms, &err);
        }
        if (line != NULL)
            close_line(vms, line);
        rest(vms, pause_ms);
        pause_ms = pause_ms * 2 < RETRY_LAST_MS ? pause_ms * 2 : RETRY_LAST_MS;
    }
    return NULL;
}

/* ---- what others use */

static bool start_thread(struct vms *vms, void *(*run)(void *), struct error *err)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int failed;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    failed = pthread_create(&thread, &attributes, run, vms);
    pthread_attr_destroy(&attributes);
    return failed == 0 || error_set_errno(err, failed, "cannot start the threads for libvirt");
}

bool connection_start(struct vms *vms, struct error *err)
{
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
        return connection_error(NULL, err, "cannot prepare libvirt");
    virSetErrorFunc(NULL, keep_quiet);
    return start_thread(vms, dispatch_events, err) && start_thread(vms, keep, err);
}

bool connection_wait(struct vms *vms, unsigned wait_ms)
{
    struct timespec at = until(wait_ms);
    bool there;

    pthread_mutex_lock(&vms->lock);
    while (!vms->tried && pthread_cond_timedwait(&vms->news, &vms->lock, &at) == 0)
        ;
    there = vms->connection != NULL;
    pthread_mutex_unlock(&vms->lock);
    return there;
}

virConnectPtr connection_get(struct vms *vms, struct error *err)
{
    virConnectPtr connection;

    pthread_mutex_lock(&vms->lock);
    connection = vms->closed ? NULL : vms->connection;
    if (connection != NULL)
        virConnectRef(connection);
    else
        *err = vms->why_away;
    pthread_mutex_unlock(&vms->lock);
    return connection;
}

bool connection_error(virConnectPtr connection, struct error *err, const char *what)
{
    virErrorPtr last = virSaveLastError(); /* every call of libvirt forgets it */
    const char *message = last != NULL && last->message != NULL ? last->message : "libvirt gives no reason";
    enum error_code code = last != NULL && last->code == VIR_ERR_NO_DOMAIN ? ERROR_NOT_FOUND : ERROR_INTERNAL;

    if (connection != NULL && virConnectIsAlive(connection) != 1)
        error_set(err, ERROR_UNAVAILABLE, "%s: libvirtd has ended, or does not answer any more: systemctl restart libvirtd helps (%s)",
                  what, message);
    else
        error_set(err, code, "%s: %s", what, message);
    if (last != NULL)
        virFreeError(last);
    return false;
}
