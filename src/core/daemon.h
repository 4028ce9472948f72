/* davitd around its core: the loop, the children, the control socket, the signals. Wiring only. */
#ifndef CORE_DAEMON_H
#define CORE_DAEMON_H

#include <uv.h>

#include "core/core.h"
#include "wire/peer.h"

struct control;
struct puller;
struct placing;
struct served;

struct daemon {
    uv_loop_t *loop;
    struct config *config;
    struct store *store;
    struct core_env env;
    struct core *core;
    struct peer *link;
    struct peer *runtime;
    struct peer *vms;   /* the runtime of virtual machines; NULL until it is needed */
    struct peer *probe; /* NULL until it is needed */
    struct peer *net;   /* NULL: pods have no network but the loopback */
    struct control *control;
    struct puller *puller;
    struct served *served;   /* requests that are read from files and descriptors */
    struct placing *placings; /* the first one is under way */
    uv_poll_t store_poll;
    uv_timer_t timer;
    uv_timer_t link_timer;    /* the broker is asked once what runs is known, or after a while */
    uv_timer_t watchdog;
    uv_timer_t end_timer;
    uv_signal_t sigterm, sigint, sighup;
    uv_fs_event_t manifests;
    uv_timer_t manifests_timer, rest_timer;
    bool ending;
};

/* Runs until a signal ends it. The exit code. */
int daemon_run(struct config *config);
/* After anything came in: lets the core do what is due and sets the timer. */
void daemon_settle(struct daemon *daemon);

/* link_child.c: davit-link, and what it needs to connect. */
void daemon_link_start(struct daemon *daemon);

/* daemon_children.c: of core_env. Each starts its child when it is first needed. */
void daemon_vms_start(void *ctx);
void daemon_to_vms(void *ctx, struct json *head, const void *body, size_t len);
void daemon_to_vms_fds(void *ctx, struct json *head, const void *body, size_t len, const int *fds, size_t fd_count);
void daemon_to_probe(void *ctx, struct json *head);
bool daemon_to_probe_fds(void *ctx, const struct json *head, const int *fds, size_t fd_count);
void daemon_to_net(void *ctx, struct json *head);

/* daemon_history.c: of core_env. */
void daemon_keep_samples(void *ctx, char *path_taken, char *text_taken, size_t len);
void daemon_read_samples(void *ctx, char *path_taken);
void daemon_remove_samples(void *ctx, char *path_taken, bool counted);

/* notify.c: systemd's notification socket; nothing without one. */
void notify_send(const char *text);
uint64_t notify_watchdog_ms(void); /* how often to say WATCHDOG=1; 0: never */

#endif
