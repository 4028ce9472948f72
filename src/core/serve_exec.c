/* The verbs exec, console, vnc and port-forward: the command's streams are pipes, read only as fast as the requester takes them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/memory.h"
#include "core/exec.h"
#include "core/forward.h"
#include "core/serve.h"
#include "davit/limits.h"

#define READS_AT_ONCE 64
#define TIMEOUT_S 10 /* of one that is answered at once, unless it says another */
#define TIMEOUT_MAX_S 3600
#define LAST_BYTES 65536 /* of what is in a pipe when its command has ended: who writes on is not waited for */

struct pipe_end {
    int fd;
    uv_poll_t *poll;
    const char *name;
    struct strbuf kept; /* of one that is answered at once */
    bool truncated;
    bool over;          /* nothing comes any more */
    size_t left;        /* to be read, once the command has ended */
};

struct running {
    int64_t id; /* of the command; 0: it has ended */
    struct pipe_end out, err;
    int in, control;
    uv_poll_t *in_poll;
    struct strbuf input; /* that the command has not read */
    bool input_over;
    bool timed_out;
    uv_timer_t *timer;
    struct json *head;   /* container, containers */
    struct json *result; /* of the command, when it has ended */
};

static void close_at(int *fd)
{
    fd_close_at(fd);
    *fd = -1;
}

static void end_poll(uv_poll_t **poll)
{
    uv_poll_t *mine = *poll;
    *poll = NULL;
    if (mine != NULL) {
        uv_poll_stop(mine);
        served_close((uv_handle_t *)mine);
    }
}

static void end_pipe(struct pipe_end *end)
{
    end_poll(&end->poll);
    close_at(&end->fd);
    end->over = true;
}

static uv_poll_t *poll_new(struct served *served, int fd)
{
    uv_poll_t *poll = mem_alloc(sizeof(*poll));
    uv_poll_init(served->daemon->loop, poll, fd);
    served_open(served, (uv_handle_t *)poll);
    return poll;
}

/* ---- the end */

static void put_kept(struct json *result, const struct pipe_end *end)
{
    AUTO_FREE char *base64 = mem_printf("%sBase64", end->name);
    request_put_bytes(result, end->name, base64, end->kept.data != NULL ? end->kept.data : "", end->kept.len);
    if (end->truncated)
        json_set_boolean(result, "truncated", true);
}

/* When the command has ended and all that it wrote was read. */
static void maybe_end(struct served *served)
{
    struct running *running = served->state;
    if (running->result == NULL || !running->out.over || !running->err.over || served->stopped)
        return;
    struct json *result = mem_steal(&running->result);
    if (running->timed_out) {
        json_set_boolean(result, "ok", false);
        json_set_text(result, "reason", "Timeout");
        json_set_text(result, "message", "the command did not end in time, and was ended");
    }
    if (!served->stream) {
        put_kept(result, &running->out);
        put_kept(result, &running->err);
    }
    JSON_EACH(field, running->head)
        json_set(result, json_key(field), json_copy(field));
    served_end(served, result);
}

static void on_done(void *ctx, const struct json *result)
{
    struct served *served = ctx;
    struct running *running = served->state;
    running->id = 0;
    running->result = json_copy(result);
    running->out.left = running->err.left = LAST_BYTES;
    served_hold(served);
    if (!served->stopped)
        served->kind->pump(served);
    served_release(served);
    served_release(served); /* exec_begin's */
}

/* ---- out */

static void keep(struct pipe_end *end, const char *data, size_t len)
{
    size_t room = LIMIT_ANSWER_TEXT_BYTES / 2 - end->kept.len;
    end->truncated = end->truncated || len > room;
    strbuf_add_bytes(&end->kept, data, len < room ? len : room);
}

/* Who writes without a pause does not hold up the loop: the rest is read at its next turn. What has ended leaves so much, and no more. */
static bool may_read(const struct served *served, const struct pipe_end *end, bool has_ended, int reads)
{
    return !end->over && (has_ended || reads < READS_AT_ONCE) && (!served->stream || served_has_room(served));
}

static void read_pipe(struct served *served, struct pipe_end *end)
{
    bool has_ended = ((const struct running *)served->state)->result != NULL;
    char data[LIMIT_CHUNK_BYTES];
    for (int reads = 0; may_read(served, end, has_ended, reads); reads++) {
        ssize_t got = read(end->fd, data, sizeof(data));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN && !has_ended)
            return;
        if (got <= 0) {
            end_pipe(end);
            return;
        }
        if (served->stream)
            served_say(served, end->name, data, (size_t)got);
        else
            keep(end, data, (size_t)got);
        if (has_ended && (size_t)got >= end->left)
            end_pipe(end);
        end->left -= has_ended && !end->over ? (size_t)got : 0;
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct served *served = poll->data;
    struct daemon *daemon = served->daemon;
    (void)status;
    (void)events;
    served->kind->pump(served);
    daemon_settle(daemon);
}

/* Without room nobody listens, and the pipe holds the command back. */
static void listen_to(struct served *served, struct pipe_end *end)
{
    if (end->over || end->poll == NULL)
        return;
    if (!served->stream || served_has_room(served))
        uv_poll_start(end->poll, UV_READABLE, on_readable);
    else
        uv_poll_stop(end->poll);
}

/* ---- in */

static void on_writable(uv_poll_t *poll, int status, int events);

static void close_input(struct running *running)
{
    end_poll(&running->in_poll);
    close_at(&running->in);
}

/* What the command has read is told by a chunk, so that more may come. */
static void write_input(struct served *served)
{
    struct running *running = served->state;
    bool had = running->input.len > 0;
    while (running->in >= 0 && running->input.len > 0) {
        ssize_t put = write(running->in, running->input.data, running->input.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN)
            break;
        if (put < 0) {
            close_input(running); /* nobody reads it */
            running->input.len = 0;
            break;
        }
        running->input.len -= (size_t)put;
        memmove(running->input.data, running->input.data + put, running->input.len);
    }
    if (running->in < 0)
        running->input.len = 0;
    else if (running->input.len > 0)
        uv_poll_start(running->in_poll, UV_WRITABLE, on_writable);
    else if (running->input_over)
        close_input(running);
    else
        uv_poll_stop(running->in_poll);
    if (had && running->input.len == 0 && served->stream && served_has_room(served))
        served_say(served, NULL, "", 0);
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
    struct served *served = poll->data;
    struct daemon *daemon = served->daemon;
    (void)status;
    (void)events;
    write_input(served);
    daemon_settle(daemon);
}

/* False: bytes are given, and cannot be read. */
static bool add_input(struct running *running, const struct json *from)
{
    const char *text = json_get_text(from, "stdin"), *base64 = json_get_text(from, "stdinBase64");
    bool given = json_get(from, "stdin") != NULL || json_get(from, "stdinBase64") != NULL;
    AUTO_FREE char *bytes = NULL;
    size_t len = 0;
    if (text != NULL)
        strbuf_add(&running->input, text);
    else if (base64 != NULL && base64_decode(base64, strlen(base64), &bytes, &len))
        strbuf_add_bytes(&running->input, bytes, len);
    else if (given)
        return false;
    running->input_over = running->input_over || json_get_boolean(from, "eof", false);
    return true;
}

static void resize(const struct running *running, const struct json *size)
{
    const struct json *first = json_first(size);
    int64_t columns = 0, rows = 0;
    char line[64];
    if (!json_integer(first, &columns) || !json_integer(json_next(first), &rows) || columns < 1 || rows < 1 ||
        columns > UINT16_MAX || rows > UINT16_MAX || running->control < 0)
        return;
    int len = snprintf(line, sizeof(line), "resize %d %d\n", (int)columns, (int)rows);
    (void)!write(running->control, line, (size_t)len); /* one that is lost is a window of the wrong size */
}

static void input(struct served *served, const struct json *from)
{
    struct running *running = served->state;
    bool has_more = json_get(from, "stdin") != NULL || json_get(from, "stdinBase64") != NULL ||
                    json_get(from, "eof") != NULL || json_get(from, "resize") != NULL;
    if (!has_more || !chunks_take_input(&served->chunks, json_get_integer(from, "seq", 0)))
        return;
    resize(running, json_get(from, "resize"));
    if (!add_input(running, from))
        served_fail(served, "InvalidRequest", "stdin must be a text, and stdinBase64 base64: what was given is lost");
    else if (running->input.overflow)
        served_fail(served, "TooMuchInput", "more was given to read than the command took: wait for \"input\" in the chunks");
    else
        write_input(served);
}

/* ---- the beginning */

static void pump(struct served *served)
{
    struct running *running = served->state;
    read_pipe(served, &running->out);
    read_pipe(served, &running->err);
    listen_to(served, &running->out);
    listen_to(served, &running->err);
    maybe_end(served);
}

static void on_timeout(uv_timer_t *timer)
{
    struct served *served = timer->data;
    struct running *running = served->state;
    running->timed_out = true;
    close_at(&running->control); /* which ends it */
}

static bool make_pipe(struct pipe_end *end, const char *name, int *other, struct error *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    end->fd = fds[0];
    end->name = name;
    end->over = false;
    *other = fds[1];
    return fcntl(end->fd, F_SETFL, O_NONBLOCK) == 0 || error_set_errno(err, errno, "cannot set up a pipe");
}

static bool make_ends(struct running *running, bool with_input, bool tty, int fds[EXEC_FDS], struct error *err)
{
    int pair[2];
    for (size_t i = 0; i < EXEC_FDS; i++)
        fds[i] = -1;
    if (!make_pipe(&running->out, "stdout", &fds[EXEC_STDOUT], err) ||
        (!tty && !make_pipe(&running->err, "stderr", &fds[EXEC_STDERR], err)))
        return false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return error_set_errno(err, errno, "cannot make a socket");
    running->control = pair[0];
    fds[EXEC_CONTROL] = pair[1];
    if (!with_input)
        return true;
    if (pipe2(pair, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    fds[EXEC_STDIN] = pair[0];
    running->in = pair[1];
    return fcntl(running->in, F_SETFL, O_NONBLOCK) == 0 || error_set_errno(err, errno, "cannot set up a pipe");
}

static struct json *command_of(const struct served *served, bool with_input, bool tty)
{
    static const char *const copied[] = { "command", "columns", "rows", "object", "port" };
    struct json *request = served_choice(served);
    for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
        if (json_get(served->args, copied[i]) != NULL)
            json_set(request, copied[i], json_copy(json_get(served->args, copied[i])));
    json_set_boolean(request, "stdin", with_input);
    json_set_boolean(request, "tty", tty);
    if (served->kind == &serve_console || served->kind == &serve_vnc)
        json_set_text(request, "console", served->kind == &serve_vnc ? "vnc" : "serial");
    return request;
}

static void watch(struct served *served, bool with_input)
{
    struct running *running = served->state;
    running->out.poll = poll_new(served, running->out.fd);
    if (running->err.fd >= 0)
        running->err.poll = poll_new(served, running->err.fd);
    if (with_input)
        running->in_poll = poll_new(served, running->in);
    if (served->stream)
        return;
    int64_t seconds = json_get_integer(served->args, "timeoutSeconds", TIMEOUT_S);
    seconds = seconds < 1 ? 1 : seconds > TIMEOUT_MAX_S ? TIMEOUT_MAX_S : seconds;
    running->timer = mem_alloc(sizeof(*running->timer));
    uv_timer_init(served->daemon->loop, running->timer);
    served_open(served, (uv_handle_t *)running->timer);
    uv_timer_start(running->timer, on_timeout, (uint64_t)seconds * 1000, 0);
}

static struct running *running_new(void)
{
    struct running *running = mem_alloc(sizeof(*running));
    running->out.fd = running->err.fd = running->in = running->control = -1;
    running->out.over = running->err.over = true;
    strbuf_init(&running->out.kept, LIMIT_ANSWER_TEXT_BYTES);
    strbuf_init(&running->err.kept, LIMIT_ANSWER_TEXT_BYTES);
    strbuf_init(&running->input, LIMIT_STREAM_INPUT_BYTES);
    return running;
}

static bool begin(struct served *served)
{
    struct running *running = served->state = running_new();
    bool raw = served->kind != &serve_exec; /* bytes in both directions, and nothing else */
    bool tty = served->stream && (raw || json_get_boolean(served->args, "tty", false));
    const struct json *given = json_get(served->args, "stdin");
    bool with_input = served->stream ? raw || json_get_boolean(served->args, "stdin", false) : json_text(given) != NULL;
    int fds[EXEC_FDS];
    struct error err;
    AUTO_JSON struct json *said = NULL;
    if (raw && !served->stream) {
        served_fail(served, "InvalidRequest", "its bytes are a stream: ask with \"stream\":true");
        return false;
    }
    if (!make_ends(running, with_input, tty, fds, &err)) {
        for (size_t i = 0; i < EXEC_FDS; i++)
            fd_close_at(&fds[i]);
        served_fail(served, "Unavailable", err.message);
        return false;
    }
    AUTO_JSON struct json *request = command_of(served, with_input, tty);
    running->id = (served->kind == &serve_forward ? forward_begin : exec_begin)(served->daemon->core, request, fds, on_done, served,
                                                                               &said);
    if (running->id == 0) {
        served_fail(served, json_get_text(said, "reason"), json_get_text(said, "message"));
        return false;
    }
    served_hold(served); /* until on_done */
    json_remove(said, "ok");
    running->head = mem_steal(&said);
    watch(served, with_input);
    if (served->stream) {
        served_tell(served, running->head);
    } else if (with_input) {
        (void)add_input(running, served->args); /* a text, or with_input is not set */
        running->input_over = true;
        write_input(served);
    }
    return true;
}

/* Closing the control socket ends the command; on_done still comes. */
static void stop(struct served *served)
{
    struct running *running = served->state;
    end_pipe(&running->out);
    end_pipe(&running->err);
    close_input(running);
    close_at(&running->control);
    exec_left(served->daemon->core, running->id);
    served_close((uv_handle_t *)mem_steal(&running->timer));
}

static void drop(struct served *served)
{
    struct running *running = served->state;
    strbuf_free(&running->out.kept);
    strbuf_free(&running->err.kept);
    strbuf_free(&running->input);
    json_free(running->head);
    json_free(running->result);
    free(running);
}

const struct served_kind serve_exec = {
    .verb = "exec", .begin = begin, .pump = pump, .input = input, .stop = stop, .drop = drop
};
const struct served_kind serve_console = {
    .verb = "console", .begin = begin, .pump = pump, .input = input, .stop = stop, .drop = drop
};
const struct served_kind serve_vnc = {
    .verb = "vnc", .begin = begin, .pump = pump, .input = input, .stop = stop, .drop = drop
};
const struct served_kind serve_forward = {
    .verb = "port-forward", .begin = begin, .pump = pump, .input = input, .stop = stop, .drop = drop
};
