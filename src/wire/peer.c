#include "config.h"

#include "wire/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 30000
#define STEADY_MS 60000 /* a child that lived so long starts with the first back-off again */
#define GRACE_MS 5000
#define ANSWER_PARTS 3 /* between them what has come is read: it may be this process that stood still */
#define CHILD_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The rest of the environment stays here: it may hold secrets, and NOTIFY_SOCKET is not the children's. */
static const char *const passed_on[] = {"JOURNAL_STREAM", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS"};
#define ENV_MAX (sizeof(passed_on) / sizeof(passed_on[0]) + 3)

enum peer_state {
    PEER_WAITING, /* the timer starts it */
    PEER_UP,
    PEER_ENDING, /* its connection is gone; the timer kills it */
    PEER_REAPED, /* it has exited; libuv lets go of the handle */
    PEER_GONE    /* ran once */
};

struct peer {
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_process_t process;
    enum peer_state state;
    struct peer_options options; /* with copies of its own */
    char **argv;
    void *ctx;
    struct conn *conn;
    struct error why; /* of this life's end, where it was not the exit */
    bool told_up;
    bool told_down;
    bool freed;
    bool timer_closed;
    unsigned asked; /* PEER_UP: parts of answer_ms that passed since the ping; 0: it is not asked */
    uint64_t started_ms;
    uint64_t backoff_ms;
};

static void on_start(uv_timer_t *timer);
static void on_grace_over(uv_timer_t *timer);

static void peer_finish(struct peer *peer)
{
    if (!peer->timer_closed || (peer->state != PEER_WAITING && peer->state != PEER_GONE))
        return;
    for (size_t i = 0; peer->argv[i] != NULL; i++)
        free(peer->argv[i]);
    free(peer->argv);
    free((char *)(uintptr_t)peer->options.name);
    fd_close_at(&peer->options.stdin_fd);
    free(peer);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;

    peer->timer_closed = true;
    peer_finish(peer);
}

static void peer_report_down(struct peer *peer, const struct error *why)
{
    if (peer->freed || peer->told_down || (!peer->told_up && !peer->options.once))
        return;
    peer->told_down = true;
    if (peer->options.on_down != NULL)
        peer->options.on_down(peer->ctx, why);
}

static void peer_schedule(struct peer *peer)
{
    uint64_t wait_ms = peer->backoff_ms;

    peer->state = PEER_WAITING;
    peer->backoff_ms = wait_ms == 0 ? BACKOFF_FIRST_MS : wait_ms * 2 < BACKOFF_LAST_MS ? wait_ms * 2 : BACKOFF_LAST_MS;
    uv_timer_start(&peer->timer, on_start, wait_ms, 0);
}

static void on_process_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;

    if (peer->freed || peer->options.once) {
        peer->state = PEER_GONE;
        if (peer->freed && !uv_is_closing((uv_handle_t *)&peer->timer))
            uv_close((uv_handle_t *)&peer->timer, on_timer_closed);
        else
            peer_finish(peer);
        return;
    }
    peer_schedule(peer);
}

/* How the child ended, for a person. */
static void exit_describe(const struct peer *peer, int64_t status, int sig, struct error *why)
{
    if (peer->why.code != ERROR_NONE)
        *why = peer->why;
    else if (sig != 0)
        error_set(why, ERROR_UNAVAILABLE, "it was killed by signal %d (%s)", sig, strsignal(sig));
    else
        error_set(why, ERROR_UNAVAILABLE, "it exited with status %d", (int)status);
    error_wrap(why, "%s", peer->options.name);
}

static void on_exit_status(uv_process_t *process, int64_t status, int sig)
{
    struct peer *peer = process->data;
    struct error why;

    peer->state = PEER_REAPED; /* from here its pid may be another's: nothing kills it any more */
    if (peer->conn != NULL)
        conn_drain(peer->conn);
    conn_free(mem_steal(&peer->conn));
    uv_timer_stop(&peer->timer);
    if (uv_now(peer->loop) - peer->started_ms >= STEADY_MS)
        peer->backoff_ms = BACKOFF_FIRST_MS;
    exit_describe(peer, status, sig, &why);
    if (!peer->freed && !(peer->options.once && status == 0 && sig == 0))
        log_warn("%s", why.message);
    uv_close((uv_handle_t *)process, on_process_closed);
    peer_report_down(peer, &why);
}

static void peer_kill(struct peer *peer)
{
    int status = uv_process_kill(&peer->process, SIGKILL);

    if (status != 0 && status != UV_ESRCH)
        log_error("killing %s: %s", peer->options.name, uv_strerror(status));
}

/* The connection is over; the child has its grace to end by itself. */
static void peer_end(struct peer *peer, bool at_once)
{
    conn_free(mem_steal(&peer->conn));
    peer->state = PEER_ENDING;
    if (at_once)
        peer_kill(peer);
    uv_timer_start(&peer->timer, on_grace_over, GRACE_MS, 0);
}

static void on_grace_over(uv_timer_t *timer)
{
    struct peer *peer = timer->data;
    struct error why;

    if (peer->state != PEER_ENDING)
        return;
    log_warn("%s has not ended within %d ms and is killed", peer->options.name, GRACE_MS);
    peer_kill(peer);
    /* Said now, for a process in state D would hold up everyone who waits for it. */
    error_set(&why, ERROR_UNAVAILABLE, "%s: it did not end by itself and was killed", peer->options.name);
    peer_report_down(peer, &why);
}

/* While a child is up, the timer is its watch. */
static void on_watch(uv_timer_t *timer)
{
    struct peer *peer = timer->data;

    if (peer->asked > ANSWER_PARTS - 1) {
        AUTO_FREE char *why = mem_printf("it has not answered for %llu s", (unsigned long long)peer->options.answer_ms / 1000);
        peer_restart(peer, why);
        return;
    }
    if (peer->asked == 0)
        peer_send(peer, json_new_texts("op", "ping", NULL), NULL, 0);
    peer->asked++;
    uv_timer_start(&peer->timer, on_watch, peer->options.answer_ms / ANSWER_PARTS, 0);
}

static void peer_watch(struct peer *peer)
{
    peer->asked = 0;
    if (peer->options.rest_ms != 0 && peer->state == PEER_UP)
        uv_timer_start(&peer->timer, on_watch, peer->options.rest_ms, 0);
}

static void on_conn_frame(void *ctx, struct frame *frame)
{
    struct peer *peer = ctx;
    const char *op = json_get_text(frame->head, "op");

    peer_watch(peer);
    if (op != NULL && strcmp(op, "pong") == 0)
        return;
    if (!peer->freed && peer->options.on_frame != NULL)
        peer->options.on_frame(peer->ctx, frame);
}

static void on_conn_closed(void *ctx, const struct error *why)
{
    struct peer *peer = ctx;

    if (why->code != ERROR_UNAVAILABLE) /* else its exit says more than the end of the connection */
        peer->why = *why;
    if (peer->state == PEER_UP)
        peer_end(peer, false);
}

static const struct conn_handlers handlers = {on_conn_frame, on_conn_closed};

static void env_fill(char *env[ENV_MAX])
{
    const char *path = getenv("PATH");
    size_t count = 0;

    env[count++] = mem_printf("PATH=%s", path != NULL ? path : CHILD_PATH);
    env[count++] = mem_strdup("LANG=C.UTF-8");
    for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++) {
        const char *value = getenv(passed_on[i]);
        if (value != NULL)
            env[count++] = mem_printf("%s=%s", passed_on[i], value);
    }
    env[count] = NULL;
}

/* Whatever a library opened without close-on-exec stays here. Before Linux 5.11 there is only our own care. */
static void fds_keep(void)
{
#ifdef SYS_close_range
    const unsigned close_range_cloexec = 1U << 2;

    if (syscall(SYS_close_range, 3U, ~0U, close_range_cloexec) != 0)
        log_debug("close_range: %s", strerror(errno));
#endif
}

static int peer_spawn(struct peer *peer, int child_fd)
{
    char *env[ENV_MAX];
    uv_stdio_container_t stdio[FRAME_CHILD_FD + 1] = {
        {.flags = peer->options.stdin_fd >= 0 ? UV_INHERIT_FD : UV_IGNORE, .data.fd = peer->options.stdin_fd},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = child_fd},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_status,
        .file = peer->argv[0],
        .args = peer->argv,
        .env = env,
        .stdio_count = FRAME_CHILD_FD + 1,
        .stdio = stdio,
    };

    env_fill(env);
    fds_keep();
    peer->process.data = peer;
    int status = uv_spawn(peer->loop, &peer->process, &options);
    for (size_t i = 0; env[i] != NULL; i++)
        free(env[i]);
    return status;
}

static void peer_start_failed(struct peer *peer, const char *cause)
{
    struct error why;

    error_set(&why, ERROR_UNAVAILABLE, "%s: starting %s: %s", peer->options.name, peer->argv[0], cause);
    log_error("%s", why.message);
    peer_report_down(peer, &why);
}

static void on_start(uv_timer_t *timer)
{
    struct peer *peer = timer->data;
    int ends[2];

    memset(&peer->why, 0, sizeof(peer->why));
    peer->told_up = false;
    peer->told_down = false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        int cause = errno;
        if (peer->options.once)
            peer->state = PEER_GONE;
        else
            peer_schedule(peer);
        peer_start_failed(peer, strerror(cause));
        return;
    }
    int status = peer_spawn(peer, ends[1]);
    close(ends[1]);
    /* Held on, a pipe would not be broken when its one reader has gone. */
    if (peer->options.once && peer->options.stdin_fd >= 0)
        close(fd_steal(&peer->options.stdin_fd));
    if (status != 0) {
        close(ends[0]);
        peer->state = PEER_REAPED;
        uv_close((uv_handle_t *)&peer->process, on_process_closed);
        peer_start_failed(peer, uv_strerror(status));
        return;
    }
    peer->conn = conn_new(peer->loop, ends[0], &handlers, peer);
    peer->state = PEER_UP;
    peer->told_up = true;
    peer->started_ms = uv_now(peer->loop);
    log_debug("%s is process %d", peer->options.name, peer->process.pid);
    if (peer->options.on_up != NULL)
        peer->options.on_up(peer->ctx);
}

static char **argv_copy(const char *const *argv)
{
    size_t count = 0;

    while (argv[count] != NULL)
        count++;
    char **copy = mem_array(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = mem_strdup(argv[i]);
    return copy;
}

struct peer *peer_new(uv_loop_t *loop, const struct peer_options *options, void *ctx)
{
    struct peer *peer = mem_alloc(sizeof(*peer));

    peer->loop = loop;
    peer->ctx = ctx;
    peer->options = *options;
    peer->options.name = mem_strdup(options->name);
    peer->argv = argv_copy(options->argv);
    if (options->stdin_fd >= 0) {
        peer->options.stdin_fd = fcntl(options->stdin_fd, F_DUPFD_CLOEXEC, 0);
        if (peer->options.stdin_fd < 0)
            log_error("%s: duplicating its standard input: %s; it reads /dev/null", options->name, strerror(errno));
    }
    uv_timer_init(loop, &peer->timer);
    peer->timer.data = peer;
    peer_schedule(peer);
    return peer;
}

bool peer_is_up(const struct peer *peer)
{
    return peer->state == PEER_UP;
}

pid_t peer_pid(const struct peer *peer)
{
    return peer->state == PEER_UP || peer->state == PEER_ENDING ? peer->process.pid : 0;
}

void peer_send_fds(struct peer *peer, struct json *head_taken, const void *body, size_t body_len, const int *fds,
                   size_t fd_count)
{
    if (peer->conn == NULL || peer->state != PEER_UP)
        json_free(head_taken);
    else
        conn_send_fds(peer->conn, head_taken, body, body_len, fds, fd_count);
}

void peer_send(struct peer *peer, struct json *head_taken, const void *body, size_t body_len)
{
    peer_send_fds(peer, head_taken, body, body_len, NULL, 0);
}

void peer_pause(struct peer *peer, bool paused)
{
    if (peer->conn != NULL)
        conn_pause(peer->conn, paused);
}

void peer_restart(struct peer *peer, const char *why)
{
    if (peer->state != PEER_UP)
        return;
    error_set(&peer->why, ERROR_UNAVAILABLE, "ended: %s", why);
    peer_end(peer, true);
}

void peer_free(struct peer *peer)
{
    if (peer == NULL || peer->freed)
        return;
    peer->freed = true;
    switch (peer->state) {
    case PEER_UP:
        peer_end(peer, false);
        break;
    case PEER_ENDING:
    case PEER_REAPED:
        break; /* freed when the process is */
    case PEER_WAITING:
    case PEER_GONE:
        uv_close((uv_handle_t *)&peer->timer, on_timer_closed);
        break;
    }
}
