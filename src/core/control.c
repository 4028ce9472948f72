#include <config.h>

#include "core/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/control_images.h"
#include "core/control_logs.h"
#include "core/control_watch.h"
#include "core/exec.h"
#include "core/export.h"
#include "core/forward.h"
#include "core/importer.h"
#include "core/manifests.h"
#include "core/placing.h"
#include "core/puller.h"
#include "core/stats.h"
#include "davit/limits.h"
#include "image/reference.h"
#include "wire/conn.h"

#define ACCEPT_RETRY_MS 1000u
#define METRICS_AVERAGE_MS 120000u /* who scrapes each minute is told the average of it */

struct control {
    struct daemon *daemon;
    int fd;
    char *path;
    uv_poll_t poll;
    uv_timer_t pause; /* no descriptor was left for a client: asked again later, for the poll would not let go */
    struct client *clients;
    size_t count;
    bool full; /* one was refused, and that was written down */
};

struct client {
    struct control *control;
    struct conn *conn;
    struct importer *importer;
    struct pull_watch *pull;
    int64_t request; /* one that is being answered; 0: none */
    int64_t exec; /* a command in a container; 0: none */
    bool asks_stats;
    struct watch *watch; /* it has made of this connection a session, as with a broker */
    struct client *next;
};

static void client_drop(struct client *client)
{
    struct control *control = client->control;
    for (struct client **at = &control->clients; *at != NULL; at = &(*at)->next)
        if (*at == client) {
            *at = client->next;
            break;
        }
    control->count--;
    control->full = control->full && control->count > LIMIT_CONTROL_CLIENTS / 2;
    if (client->importer != NULL)
        importer_detach(client->importer);
    if (client->pull != NULL)
        puller_unwatch(client->pull);
    if (client->request != 0)
        requests_forget(control->daemon->core, client->request);
    if (client->exec != 0)
        exec_forget(control->daemon->core, client->exec);
    stats_forget(control->daemon->core, client);
    watch_free(client->watch);
    conn_free(client->conn);
    free(client);
}

static void fail(struct client *client, const char *reason, const char *message)
{
    struct json *answer = json_new_texts("op", "result", "reason", reason, "message", message, NULL);
    json_set_boolean(answer, "ok", false);
    conn_send(client->conn, answer, NULL, 0);
}

static void say_version(struct client *client, struct frame *frame)
{
    (void)frame;
    struct json *answer = json_new_texts("op", "result", "version", PACKAGE_VERSION, "node",
                                         client->control->daemon->config->node, NULL);
    json_set_boolean(answer, "ok", true);
    json_set_boolean(answer, "connected", client->control->daemon->core->link.connected);
    json_set_text(answer, "root", client->control->daemon->config->root);
    json_set_text(answer, "brokerProblem", client->control->daemon->core->link.problem);
    conn_send(client->conn, answer, NULL, 0);
}

static void on_answer(void *ctx, struct json *answer_taken, bool last)
{
    struct client *client = ctx;
    if (last) {
        client->importer = NULL;
        client->pull = NULL;
    }
    conn_send(client->conn, answer_taken, NULL, 0);
}

/* A folder of which ".." is another one: davit-unpack must not get it. */
static bool leads_out(int fd)
{
    struct stat own, above;
    return fstat(fd, &own) == 0 && S_ISDIR(own.st_mode) &&
           (fstatat(fd, "..", &above, 0) != 0 || above.st_dev != own.st_dev || above.st_ino != own.st_ino);
}

static void import_image(struct client *client, struct frame *frame)
{
    AUTO_CLOSE int fd = frame_take_fd(frame, 0);
    if (fd < 0) {
        fail(client, "Invalid", "image-import needs the archive's file descriptor");
        return;
    }
    if (leads_out(fd)) {
        fail(client, "Invalid", "a folder must come as a mount of its own, as davit image import brings it");
        return;
    }
    client->importer = importer_start(client->control->daemon, fd, json_get(frame->head, "references"), on_answer, client);
}

static void import_disk(struct client *client, struct frame *frame)
{
    AUTO_CLOSE int fd = frame_take_fd(frame, 0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || S_ISDIR(st.st_mode))
        fail(client, "Invalid", "disk-import needs the disk's file descriptor");
    else if (json_size(json_get(frame->head, "references")) == 0)
        fail(client, "Invalid", "a disk has no name of its own: say what it is to be called");
    else
        client->importer = importer_start_disk(client->control->daemon, fd, json_get(frame->head, "references"), on_answer,
                                               client);
}

static void pull_image(struct client *client, struct frame *frame)
{
    struct daemon *daemon = client->control->daemon;
    const char *text = json_get_text(frame->head, "reference");
    struct reference parsed;
    struct error err;
    char reference[REFERENCE_TEXT_BYTES];
    if (!reference_parse(text != NULL ? text : "", &parsed, &err)) {
        fail(client, "Invalid", err.message);
        return;
    }
    reference_format(&parsed, reference);
    client->pull = puller_watch(daemon->puller, reference, on_answer, client);
    pulls_ask(daemon->core, reference, json_get(frame->head, "auths"));
}

static void open_log(struct client *client, struct frame *frame)
{
    int fds[ROTATED_FILES];
    size_t count = 0;
    struct json *answer = control_log(client->control->daemon->core, frame->head, fds, &count);
    json_set_text(answer, "op", "result");
    conn_send_fds(client->conn, answer, NULL, 0, fds, count);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

static void on_request_answered(void *ctx, struct json *answer_taken)
{
    struct client *client = ctx;
    client->request = 0;
    json_set_text(answer_taken, "op", "result");
    conn_send(client->conn, answer_taken, NULL, 0);
}

/* The verbs of the broker's requests. */
static void ask_request(struct client *client, struct frame *frame)
{
    struct daemon *daemon = client->control->daemon;
    client->request = requests_control(daemon->core, json_get_text(frame->head, "verb"), frame->head, on_request_answered, client);
    daemon_settle(daemon);
}

static void on_command_ended(void *ctx, const struct json *result)
{
    struct client *client = ctx;
    struct json *answer = json_copy(result);
    client->exec = 0;
    json_set_text(answer, "op", "result");
    conn_send(client->conn, answer, NULL, 0);
}

/* Those that the head names, in its order. */
static void take_streams(struct frame *frame, int fds[EXEC_FDS])
{
    size_t at = 0;
    for (size_t i = 0; i < EXEC_FDS; i++)
        fds[i] = -1;
    JSON_EACH(name, json_get(frame->head, "fds")) {
        const char *text = json_text(name);
        for (size_t i = 0; text != NULL && i < EXEC_FDS; i++)
            if (fds[i] < 0 && strcmp(exec_fd_names[i], text) == 0)
                fds[i] = frame_take_fd(frame, at);
        at++;
    }
}

static void run_command(struct client *client, struct frame *frame)
{
    struct json *said = NULL;
    int fds[EXEC_FDS];
    bool forwards = strcmp(json_get_text(frame->head, "op"), "port-forward") == 0;
    take_streams(frame, fds);
    client->exec = (forwards ? forward_begin : exec_begin)(client->control->daemon->core, frame->head, fds, on_command_ended, client,
                                                           &said);
    json_set_text(said, "op", client->exec != 0 ? "begun" : "result");
    conn_send(client->conn, said, NULL, 0);
}

static void on_stats(void *ctx, struct json *answer_taken)
{
    struct client *client = ctx;
    client->asks_stats = false;
    conn_send(client->conn, answer_taken, NULL, 0);
}

static void ask_stats(struct client *client, struct frame *frame)
{
    struct daemon *daemon = client->control->daemon;
    client->asks_stats = true;
    stats_ask(daemon->core, frame->head, on_stats, client);
    daemon_settle(daemon);
}

static void on_metrics(void *ctx, struct json *answer_taken)
{
    struct client *client = ctx;
    AUTO_JSON struct json *answer = answer_taken;
    AUTO_FREE char *text = export_write(client->control->daemon->core, answer);
    client->asks_stats = false;
    if (text == NULL) {
        fail(client, "TooLarge", "more is measured than one answer holds");
        return;
    }
    struct json *head = json_new_texts("op", "result", NULL);
    json_set_boolean(head, "ok", true);
    conn_send(client->conn, head, text, strlen(text));
}

static void ask_metrics(struct client *client, struct frame *frame)
{
    struct daemon *daemon = client->control->daemon;
    (void)frame;
    client->asks_stats = true;
    stats_ask_within(daemon->core, METRICS_AVERAGE_MS, on_metrics, client);
    daemon_settle(daemon);
}

static void begin_watch(struct client *client, struct frame *frame)
{
    client->watch = watch_new(client->control->daemon->core, client->conn, frame->head);
}

static void on_watch_frame(struct client *client, const char *op, const struct frame *frame)
{
    struct daemon *daemon = client->control->daemon;
    if (op == NULL || strcmp(op, "publish") != 0 || !watch_publish(client->watch, frame))
        return;
    manifests_read(daemon->core);
    daemon_settle(daemon);
}

static void on_told(void *ctx, const char *topic, const char *payload, bool retained)
{
    struct control *control = ctx;
    for (struct client *client = control->clients; client != NULL; client = client->next)
        if (client->watch != NULL)
            watch_tell(client->watch, topic, payload, retained);
}

static const struct {
    const char *op;
    void (*answer)(struct client *client, struct frame *frame);
} requests[] = {
    { "version", say_version },
    { "image-import", import_image },
    { "disk-import", import_disk },
    { "image-pull", pull_image },
    { "log", open_log },
    { "request", ask_request },
    { "exec", run_command },
    { "port-forward", run_command },
    { "stats", ask_stats },
    { "metrics", ask_metrics },
    { "connect", begin_watch },
};

/* Answered at once. */
static const struct {
    const char *op;
    struct json *(*answer)(struct core *core, const struct json *request);
} questions[] = {
    { "image-list", control_images_list },
    { "image-inspect", control_images_inspect },
    { "image-remove", control_images_remove },
    { "image-prune", control_images_prune },
};

static bool answer_question(struct client *client, const char *op, const struct frame *frame)
{
    struct daemon *daemon = client->control->daemon;
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        if (strcmp(questions[i].op, op) != 0)
            continue;
        conn_send(client->conn, questions[i].answer(daemon->core, frame->head), NULL, 0);
        daemon_settle(daemon);
        return true;
    }
    return false;
}

static void on_frame(void *ctx, struct frame *frame)
{
    struct client *client = ctx;
    const char *op = json_get_text(frame->head, "op");
    if (client->watch != NULL) {
        on_watch_frame(client, op, frame);
        return;
    }
    if (client->importer != NULL || client->pull != NULL || client->request != 0 || client->exec != 0 || client->asks_stats) {
        fail(client, "Busy", "one request a connection");
        return;
    }
    for (size_t i = 0; op != NULL && i < sizeof(requests) / sizeof(requests[0]); i++)
        if (strcmp(requests[i].op, op) == 0) {
            requests[i].answer(client, frame);
            return;
        }
    if (op != NULL && answer_question(client, op, frame))
        return;
    fail(client, "Unsupported", "this davitd does not know the request; is davit of the same version?");
}

static void on_closed(void *ctx, const struct error *why)
{
    (void)why; /* a client that has its answer goes */
    client_drop(ctx);
}

static bool may_ask(int fd)
{
    struct ucred peer = { 0 };
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    struct control *control = timer->data;
    uv_poll_start(&control->poll, UV_READABLE, on_connection);
}

/* Best effort: who does not read it sees a connection that was closed. */
static void refuse_more(struct control *control, int fd)
{
    AUTO_FREE char *message = mem_printf("%d connections to davitd's control socket are open: end some, as `davit logs -f`, "
                                         "exec or port-forward on this device", LIMIT_CONTROL_CLIENTS);
    AUTO_JSON struct json *answer = json_new_texts("op", "result", "reason", "TooManyConnections", "message", message, NULL);
    struct error ignored;
    json_set_boolean(answer, "ok", false);
    if (!frame_send(fd, answer, NULL, 0, NULL, 0, &ignored))
        log_debug("nobody read that the control socket takes no more");
    if (!control->full)
        log_warn("a connection to the control socket was refused: %s", message);
    control->full = true;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    static const struct conn_handlers handlers = { .on_frame = on_frame, .on_closed = on_closed };
    struct control *control = poll->data;
    (void)status;
    (void)events;
    AUTO_CLOSE int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
            return; /* it has gone again */
        log_warn("a connection to the control socket cannot be taken: %s", strerror(errno));
        uv_poll_stop(&control->poll);
        uv_timer_start(&control->pause, on_pause_over, ACCEPT_RETRY_MS, 0);
        return;
    }
    if (!may_ask(fd)) {
        log_warn("a connection to the control socket was refused: only root and davitd's own user may ask");
        return;
    }
    if (control->count >= LIMIT_CONTROL_CLIENTS) {
        refuse_more(control, fd);
        return;
    }
    struct client *client = mem_alloc(sizeof(*client));
    client->control = control;
    client->next = control->clients;
    control->clients = client;
    control->count++;
    client->conn = conn_new(control->daemon->loop, fd_steal(&fd), &handlers, client);
}

static bool listen_on(struct control *control, struct error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(control->path) >= sizeof(address.sun_path))
        return error_set(err, ERROR_INVALID, "%s is too long for a unix socket: choose a shorter run_dir", control->path);
    memcpy(address.sun_path, control->path, strlen(control->path));
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->fd < 0)
        return error_set_errno(err, errno, "cannot make a socket");
    if (unlink(control->path) != 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot replace %s", control->path);
    /* umask 0077 makes it 0600. */
    if (bind(control->fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(control->fd, 8) != 0)
        return error_set_errno(err, errno, "cannot listen on %s", control->path);
    return true;
}

struct control *control_new(struct daemon *daemon, struct error *err)
{
    struct control *control = mem_alloc(sizeof(*control));
    control->daemon = daemon;
    control->fd = -1;
    control->path = mem_printf("%s/control.sock", daemon->config->run_dir);
    if (!listen_on(control, err)) {
        if (control->fd >= 0)
            close(control->fd);
        free(control->path);
        free(control);
        return NULL;
    }
    uv_poll_init(daemon->loop, &control->poll, control->fd);
    control->poll.data = control;
    uv_timer_init(daemon->loop, &control->pause);
    control->pause.data = control;
    uv_poll_start(&control->poll, UV_READABLE, on_connection);
    outbox_listen(daemon->core->outbox, on_told, control);
    placing_clean(daemon);
    return control;
}

void control_free(struct control *control)
{
    outbox_listen(control->daemon->core->outbox, NULL, NULL);
    while (control->clients != NULL)
        client_drop(control->clients);
    uv_poll_stop(&control->poll);
    uv_timer_stop(&control->pause);
    close(control->fd);
    unlink(control->path);
    free(control->path);
    free(control); /* with the loop: nothing turns any more */
}
