#include "core/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/claim_folders.h"
#include "core/control.h"
#include "core/exec.h"
#include "core/manifests.h"
#include "core/placing.h"
#include "core/puller.h"
#include "core/serve.h"
#include "core/telemetry.h"
#include "davit/limits.h"

#define LINK_WAIT_MS 3000    /* for the runtime's first list, before the broker is asked */
#define RUNTIME_REST_MS 25000  /* a runtime host that hangs is another one after 30 s */
#define RUNTIME_ANSWER_MS 5000
#define END_WAIT_MS 2000     /* for the good-bye to arrive */
#define MANIFESTS_WAIT_MS 200 /* an editor writes in more than one step */

static uint64_t env_boot_ms(void *ctx)
{
    (void)ctx;
    return clock_boot_ms();
}

static uint64_t env_wall_ms(void *ctx)
{
    (void)ctx;
    return clock_wall_ms();
}

static void env_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t have = 0; have < len;) {
        ssize_t got = getrandom((char *)out + have, len - have, 0);
        have += got > 0 ? (size_t)got : 0;
    }
}

static void env_to_link(void *ctx, struct json *head, const void *body, size_t len)
{
    struct daemon *daemon = ctx;
    if (daemon->link != NULL)
        peer_send(daemon->link, head, body, len);
    else
        json_free(head);
}

static void env_to_runtime(void *ctx, struct json *head, const void *body, size_t len)
{
    struct daemon *daemon = ctx;
    peer_send(daemon->runtime, head, body, len);
}

static void env_to_runtime_fds(void *ctx, struct json *head, const void *body, size_t len, const int *fds, size_t fd_count)
{
    struct daemon *daemon = ctx;
    peer_send_fds(daemon->runtime, head, body, len, fds, fd_count);
}

static void env_pause_link(void *ctx, bool paused)
{
    struct daemon *daemon = ctx;
    if (daemon->link != NULL)
        peer_pause(daemon->link, paused);
}

static void env_pull(void *ctx, const char *reference, const struct json *auths)
{
    struct daemon *daemon = ctx;
    puller_start(daemon->puller, reference, auths);
}

static void env_cancel_pull(void *ctx, const char *reference)
{
    struct daemon *daemon = ctx;
    puller_cancel(daemon->puller, reference);
}

static void env_machine(void *ctx, struct machine *out)
{
    const struct daemon *daemon = ctx;
    machine_look(daemon->config->state_dir, out);
}

static void env_drop_layer(void *ctx, int64_t folder)
{
    struct daemon *daemon = ctx;
    placing_remove_later(daemon, mem_printf("%s/images/layers/%" PRId64, daemon->config->state_dir, folder));
}

static void end_now(struct daemon *daemon)
{
    uv_stop(daemon->loop);
}

static void settle(struct daemon *daemon);

static void on_timer(uv_timer_t *timer)
{
    settle(timer->data);
}

static void on_rest(uv_timer_t *timer)
{
    (void)timer;
    mem_rest();
}

static void settle(struct daemon *daemon)
{
    uint64_t next = core_settle(daemon->core);
    uint64_t now = clock_boot_ms();
    if (daemon->core->runtime.listed)
        daemon_link_start(daemon);
    if (daemon->ending && outbox_waiting(daemon->core->outbox) == 0)
        end_now(daemon);
    /* Boot time and the loop's clock differ by suspends: a late timer looks again, it decides nothing. */
    uv_update_time(daemon->loop);
    if (next == 0)
        uv_timer_stop(&daemon->timer);
    else
        uv_timer_start(&daemon->timer, on_timer, next > now ? next - now : 0, 0);
}

void daemon_settle(struct daemon *daemon)
{
    settle(daemon);
    uv_timer_start(&daemon->rest_timer, on_rest, MEM_REST_MS, 0);
}

static void on_store(uv_poll_t *poll, int status, int events)
{
    struct daemon *daemon = poll->data;
    (void)status;
    (void)events;
    store_dispatch(daemon->store);
    daemon_settle(daemon);
}

static void on_link_wait(uv_timer_t *timer)
{
    daemon_link_start(timer->data);
}

static void on_runtime_up(void *ctx)
{
    struct daemon *daemon = ctx;
    core_runtime_up(daemon->core);
    daemon_settle(daemon);
}

static void on_runtime_frame(void *ctx, struct frame *frame)
{
    struct daemon *daemon = ctx;
    struct frame_view view = { .head = frame->head, .body = frame->body, .body_len = frame->body_len };
    core_runtime_frame(daemon->core, &view);
    settle(daemon); /* not worth a rest: what makes work for long commits something, or tells it */
}

static void on_runtime_down(void *ctx, const struct error *why)
{
    struct daemon *daemon = ctx;
    core_runtime_down(daemon->core, why->message);
    daemon_settle(daemon);
}

static void runtime_start(struct daemon *daemon)
{
    AUTO_FREE char *program = mem_printf("%s/davit-runtime", daemon->config->libexec_dir);
    AUTO_FREE char *plugin = mem_printf("%s/%s.so", daemon->config->plugin_dir, daemon->core->runtime.name);
    const char *const argv[] = { program, plugin, NULL };
    struct peer_options options = { .name = "davit-runtime", .argv = argv, .stdin_fd = -1,
                                    .rest_ms = RUNTIME_REST_MS, .answer_ms = RUNTIME_ANSWER_MS, .on_up = on_runtime_up,
                                    .on_frame = on_runtime_frame, .on_down = on_runtime_down };
    daemon->runtime = peer_new(daemon->loop, &options, daemon);
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    notify_send("WATCHDOG=1");
}

static void on_end_wait(uv_timer_t *timer)
{
    end_now(timer->data);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct daemon *daemon = signal->data;
    if (number == SIGHUP) {
        manifests_read(daemon->core);
        daemon_settle(daemon);
        return;
    }
    log_info("ending; what runs goes on");
    notify_send("STOPPING=1");
    daemon->ending = true;
    if (!daemon->core->link.connected) {
        end_now(daemon);
        return;
    }
    serve_end_all(daemon);
    core_farewell(daemon->core);
    uv_timer_start(&daemon->end_timer, on_end_wait, END_WAIT_MS, 0);
    daemon_settle(daemon);
}

static void on_manifests_quiet(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    manifests_read(daemon->core);
    daemon_settle(daemon);
}

static void on_manifests(uv_fs_event_t *event, const char *file, int events, int status)
{
    struct daemon *daemon = event->data;
    (void)file;
    (void)events;
    if (status == 0)
        uv_timer_start(&daemon->manifests_timer, on_manifests_quiet, MANIFESTS_WAIT_MS, 0);
}

static void start_signal(struct daemon *daemon, uv_signal_t *signal, int number)
{
    uv_signal_init(daemon->loop, signal);
    signal->data = daemon;
    uv_signal_start(signal, on_signal, number);
}

static void start_timer(struct daemon *daemon, uv_timer_t *timer)
{
    uv_timer_init(daemon->loop, timer);
    timer->data = daemon;
}

static void watch_manifests(struct daemon *daemon)
{
    uv_fs_event_init(daemon->loop, &daemon->manifests);
    daemon->manifests.data = daemon;
    int failed = uv_fs_event_start(&daemon->manifests, on_manifests, daemon->config->manifests_dir, 0);
    if (failed != 0 && failed != UV_ENOENT)
        log_warn("cannot watch %s: %s; SIGHUP reads it again", daemon->config->manifests_dir, uv_strerror(failed));
    manifests_read(daemon->core);
}

static void start_handles(struct daemon *daemon)
{
    uv_poll_init(daemon->loop, &daemon->store_poll, store_fd(daemon->store));
    daemon->store_poll.data = daemon;
    uv_poll_start(&daemon->store_poll, UV_READABLE, on_store);
    uv_timer_t *const timers[] = { &daemon->timer, &daemon->link_timer, &daemon->watchdog, &daemon->end_timer,
                                   &daemon->manifests_timer, &daemon->rest_timer };
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
        start_timer(daemon, timers[i]);
    uv_timer_start(&daemon->link_timer, on_link_wait, LINK_WAIT_MS, 0);
    uint64_t watchdog_ms = notify_watchdog_ms();
    if (watchdog_ms != 0)
        uv_timer_start(&daemon->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
    start_signal(daemon, &daemon->sigterm, SIGTERM);
    start_signal(daemon, &daemon->sigint, SIGINT);
    start_signal(daemon, &daemon->sighup, SIGHUP);
}

static bool prepare_folders(const struct config *config, struct error *err)
{
    AUTO_FREE char *images = mem_printf("%s/images/layers", config->state_dir);
    if (!file_make_dirs(images, 0700, err) || !file_make_dirs(config->run_dir, 0700, err))
        return false;
    struct statfs info;
    if (statfs(config->run_dir, &info) != 0)
        return error_set_errno(err, errno, "%s", config->run_dir);
    if (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC)
        return true;
    return error_set(err, ERROR_INVALID,
                     "[paths] run_dir=%s is no tmpfs: environments and secrets lie there; mount a tmpfs on it",
                     config->run_dir);
}

/* A damaged database is put aside, never deleted: what runs is adopted by the documents that the broker still holds. */
static struct store *open_store(const struct config *config, char *lost, size_t lost_size, struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/davit.db", config->state_dir);
    struct store *store = store_open(path, STORE_THREADED, clock_boot_id(), err);
    if (store != NULL || err->code != ERROR_INVALID)
        return store;
    AUTO_FREE char *aside = mem_printf("%s.damaged-%llu", path, (unsigned long long)clock_wall_ms());
    log_error("%s; it is put aside as %s", err->message, aside);
    static const char *const parts[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < 3; i++) {
        AUTO_FREE char *from = mem_printf("%s%s", path, parts[i]);
        AUTO_FREE char *to = mem_printf("%s%s", aside, parts[i]);
        if (rename(from, to) != 0 && errno != ENOENT) {
            error_set_errno(err, errno, "cannot put %s aside", from);
            return NULL;
        }
    }
    snprintf(lost, lost_size, "the database was damaged and put aside as %s", aside);
    return store_open(path, STORE_THREADED, clock_boot_id(), err);
}

/* A plugin that is a package of its own. */
static bool has_vms(const struct config *config)
{
    AUTO_FREE char *plugin = mem_printf("%s/libvirt.so", config->plugin_dir);
    return config->fake.enabled || (config->libvirt.enabled && access(plugin, R_OK) == 0);
}

static bool start(struct daemon *daemon, struct error *err)
{
    char lost[256] = "";
    AUTO_FREE char *lock = mem_printf("%s/davitd.lock", daemon->config->run_dir);
    if (!prepare_folders(daemon->config, err) || file_fence(lock, LIMIT_FENCE_MS, err) < 0)
        return false;
    daemon->store = open_store(daemon->config, lost, sizeof(lost), err);
    if (daemon->store == NULL)
        return false;
    struct machine machine;
    machine_look(daemon->config->state_dir, &machine);
    daemon->env = (struct core_env){ .ctx = daemon,
                                     .boot_id = clock_boot_id(),
                                     .boot_ms = env_boot_ms,
                                     .wall_ms = env_wall_ms,
                                     .random = env_random,
                                     .to_link = env_to_link,
                                     .presence_twice = true,
                                     .to_runtime = env_to_runtime,
                                     .to_runtime_fds = env_to_runtime_fds,
                                     .vms_start = has_vms(daemon->config) ? daemon_vms_start : NULL,
                                     .to_vms = daemon_to_vms,
                                     .to_vms_fds = daemon_to_vms_fds,
                                     .to_probe = daemon_to_probe,
                                     .to_probe_fds = daemon_to_probe_fds,
                                     .to_net = daemon_to_net,
                                     .cpu_m = sysconf(_SC_NPROCESSORS_ONLN) * 1000,
                                     .memory_bytes = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE),
                                     .disk_bytes = machine.disk_bytes,
                                     .machine = env_machine,
                                     .pause_link = env_pause_link,
                                     .pull = env_pull,
                                     .cancel_pull = env_cancel_pull,
                                     .purge_claim = claim_folders_purge,
                                     .drop_layer = env_drop_layer,
                                     .keep_samples = daemon_keep_samples,
                                     .read_samples = daemon_read_samples,
                                     .remove_samples = daemon_remove_samples,
                                     .serve = serve_request,
                                     .stream_input = serve_input };
    daemon->puller = puller_new(daemon);
    daemon->core = core_new(daemon->config, &daemon->env, daemon->store, err);
    if (daemon->core == NULL)
        return false;
    snprintf(daemon->core->database_lost, sizeof(daemon->core->database_lost), "%s", lost);
    daemon->control = control_new(daemon, err);
    if (daemon->control == NULL)
        return false;
    claim_folders_clean(daemon);
    start_handles(daemon);
    runtime_start(daemon);
    watch_manifests(daemon);
    daemon_settle(daemon);
    return true;
}

int daemon_run(struct config *config)
{
    struct daemon daemon = { .config = config, .loop = uv_default_loop() };
    struct error err;
    if (!start(&daemon, &err)) {
        log_error("%s", err.message);
        return 1;
    }
    log_info("node %s of root %s, runtime %s", config->node, config->root, daemon.core->runtime.name);
    notify_send("READY=1");
    uv_run(daemon.loop, UV_RUN_DEFAULT);
    if (daemon.link != NULL) {
        /* Without the good-bye on the broker, DISCONNECT would take the will back, and the node stay online for ever. */
        if (outbox_waiting(daemon.core->outbox) == 0)
            peer_send(daemon.link, json_new_texts("op", "disconnect", NULL), NULL, 0);
        peer_free(daemon.link);
    }
    telemetry_keep_now(daemon.core);
    exec_end_all(daemon.core, NULL, "Unavailable", "davitd ends, and the command with it");
    peer_free(daemon.runtime);
    peer_free(daemon.vms);
    peer_free(daemon.probe);
    peer_free(daemon.net);
    control_free(daemon.control);
    puller_free(daemon.puller);
    store_close(daemon.store);
    return 0;
}
