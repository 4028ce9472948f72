/* davit-probe, started with the first probe that needs it, and davit-net. Wiring only. */
#include "core/daemon.h"

#include "base/memory.h"

#define NET_REST_MS 60000
#define NET_ANSWER_MS 180000 /* CNI plugins may take their time */

/* A call of libvirt may hang as long as libvirtd does; the host itself answers pings from another thread. */
#define VMS_REST_MS 20000
#define VMS_ANSWER_MS 10000

static void on_vms_frame(void *ctx, struct frame *frame)
{
    struct daemon *daemon = ctx;
    struct frame_view view = { .head = frame->head, .body = frame->body, .body_len = frame->body_len };
    core_vms_frame(daemon->core, &view);
    daemon_settle(daemon);
}

static void on_vms_up(void *ctx)
{
    struct daemon *daemon = ctx;
    core_vms_up(daemon->core);
    daemon_settle(daemon);
}

static void on_vms_down(void *ctx, const struct error *why)
{
    struct daemon *daemon = ctx;
    core_vms_down(daemon->core, why->message);
    daemon_settle(daemon);
}

void daemon_vms_start(void *ctx)
{
    struct daemon *daemon = ctx;
    AUTO_FREE char *program = mem_printf("%s/davit-runtime", daemon->config->libexec_dir);
    AUTO_FREE char *plugin = mem_printf("%s/%s.so", daemon->config->plugin_dir, daemon->core->vms.name);
    const char *const argv[] = { program, plugin, NULL };
    struct peer_options options = { .name = "davit-runtime", .argv = argv, .stdin_fd = -1, .rest_ms = VMS_REST_MS,
                                    .answer_ms = VMS_ANSWER_MS, .on_up = on_vms_up, .on_frame = on_vms_frame,
                                    .on_down = on_vms_down };
    daemon->vms = peer_new(daemon->loop, &options, daemon);
}

void daemon_to_vms(void *ctx, struct json *head, const void *body, size_t len)
{
    struct daemon *daemon = ctx;
    peer_send(daemon->vms, head, body, len);
}

void daemon_to_vms_fds(void *ctx, struct json *head, const void *body, size_t len, const int *fds, size_t fd_count)
{
    struct daemon *daemon = ctx;
    peer_send_fds(daemon->vms, head, body, len, fds, fd_count);
}

static void on_probe_frame(void *ctx, struct frame *frame)
{
    struct daemon *daemon = ctx;
    struct frame_view view = { .head = frame->head, .body = frame->body, .body_len = frame->body_len };
    core_probe_frame(daemon->core, &view);
    daemon_settle(daemon);
}

static void on_probe_up(void *ctx)
{
    struct daemon *daemon = ctx;
    core_probe_up(daemon->core);
    daemon_settle(daemon);
}

static void on_probe_down(void *ctx, const struct error *why)
{
    struct daemon *daemon = ctx;
    (void)why;
    core_probe_down(daemon->core);
    daemon_settle(daemon);
}

static void probe_start(struct daemon *daemon)
{
    if (daemon->probe != NULL)
        return;
    AUTO_FREE char *program = mem_printf("%s/davit-probe", daemon->config->libexec_dir);
    const char *const argv[] = { program, NULL };
    struct peer_options options = { .name = "davit-probe", .argv = argv, .stdin_fd = -1, .on_up = on_probe_up,
                                    .on_frame = on_probe_frame, .on_down = on_probe_down };
    daemon->probe = peer_new(daemon->loop, &options, daemon);
}

void daemon_to_probe(void *ctx, struct json *head)
{
    struct daemon *daemon = ctx;
    probe_start(daemon);
    peer_send(daemon->probe, head, NULL, 0);
}

bool daemon_to_probe_fds(void *ctx, const struct json *head, const int *fds, size_t fd_count)
{
    struct daemon *daemon = ctx;
    probe_start(daemon);
    if (!peer_is_up(daemon->probe))
        return false;
    peer_send_fds(daemon->probe, json_copy(head), NULL, 0, fds, fd_count);
    return true;
}

static void on_net_frame(void *ctx, struct frame *frame)
{
    struct daemon *daemon = ctx;
    struct frame_view view = { .head = frame->head, .body = frame->body, .body_len = frame->body_len };
    core_net_frame(daemon->core, &view);
    daemon_settle(daemon);
}

static void on_net_up(void *ctx)
{
    struct daemon *daemon = ctx;
    core_net_up(daemon->core);
    daemon_settle(daemon);
}

static void on_net_down(void *ctx, const struct error *why)
{
    struct daemon *daemon = ctx;
    core_net_down(daemon->core, why->message);
    daemon_settle(daemon);
}

static void net_start(struct daemon *daemon)
{
    AUTO_FREE char *program = mem_printf("%s/davit-net", daemon->config->libexec_dir);
    const char *const argv[] = { program, NULL };
    struct peer_options options = { .name = "davit-net", .argv = argv, .stdin_fd = -1,
                                    .rest_ms = NET_REST_MS, .answer_ms = NET_ANSWER_MS, .on_up = on_net_up,
                                    .on_frame = on_net_frame, .on_down = on_net_down };
    daemon->net = peer_new(daemon->loop, &options, daemon);
}

void daemon_to_net(void *ctx, struct json *head)
{
    struct daemon *daemon = ctx;
    if (daemon->net == NULL)
        net_start(daemon); /* what it missed is said when it is up */
    peer_send(daemon->net, head, NULL, 0);
}
