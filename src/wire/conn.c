#include "config.h"

#include "wire/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "wire/socket.h"

#define CHUNK_BYTES (64 * 1024)
#define READS_PER_TURN 16 /* then the other connections of the loop have theirs */
#define PARTS_PER_SEND 64

struct outgoing {
    struct outgoing *next;
    char *data;
    size_t len;
    size_t sent;
    int fds[LIMIT_FRAME_FDS];
    size_t fd_count;
};

struct conn {
    uv_poll_t poll;
    int fd;
    const struct conn_handlers *handlers;
    void *ctx;
    struct frame_reader *reader;
    struct outgoing *first;
    struct outgoing *last;
    size_t queued_bytes;
    struct error failure; /* said to on_closed from the loop, never from inside a send */
    bool paused;
    bool held; /* frames may be left in the reader since a pause */
    bool draining;
    bool mute;   /* the other side takes nothing more; what it sent is still read */
    bool closed; /* on_closed was called */
    bool freed;
    unsigned busy; /* inside a callback: the memory stays until it returns */
    bool gone;     /* libuv let go */
};

static void conn_watch(struct conn *conn);

static void outgoing_free(struct outgoing *out)
{
    for (size_t i = 0; i < out->fd_count; i++)
        close(out->fds[i]);
    free(out->data);
    free(out);
}

static void queue_drop(struct conn *conn)
{
    while (conn->first != NULL) {
        struct outgoing *out = conn->first;
        conn->first = out->next;
        outgoing_free(out);
    }
    conn->last = NULL;
    conn->queued_bytes = 0;
}

/* The shutdown wakes the poll, which then says why. */
static void conn_fail(struct conn *conn, const struct error *why)
{
    if (conn->failure.code != ERROR_NONE || conn->closed)
        return;
    conn->failure = *why;
    conn->mute = true;
    queue_drop(conn);
    shutdown(conn->fd, SHUT_RDWR);
    conn_watch(conn);
}

static void conn_report(struct conn *conn, const struct error *why)
{
    struct error copy = *why;

    if (conn->closed || conn->freed)
        return;
    conn->closed = true;
    uv_poll_stop(&conn->poll);
    queue_drop(conn);
    conn->handlers->on_closed(conn->ctx, &copy);
}

/* Takes what was sent off the queue. */
static void queue_advance(struct conn *conn, size_t sent)
{
    conn->queued_bytes -= sent;
    while (sent > 0) {
        struct outgoing *out = conn->first;
        size_t rest = out->len - out->sent;
        if (sent < rest) {
            out->sent += sent;
            return;
        }
        sent -= rest;
        conn->first = out->next;
        if (conn->first == NULL)
            conn->last = NULL;
        outgoing_free(out);
    }
}

/* Descriptors ride on the first byte of their frame, and nothing behind that frame goes with them. */
static size_t queue_gather(const struct conn *conn, struct iovec *parts)
{
    size_t count = 0;

    for (struct outgoing *out = conn->first; out != NULL && count < PARTS_PER_SEND; out = out->next) {
        if (count > 0 && out->fd_count > 0)
            break;
        parts[count++] = (struct iovec){.iov_base = out->data + out->sent, .iov_len = out->len - out->sent};
        if (out->fd_count > 0)
            break;
    }
    return count;
}

static void conn_flush(struct conn *conn)
{
    struct iovec parts[PARTS_PER_SEND];

    while (conn->first != NULL && !conn->mute) {
        struct outgoing *out = conn->first;
        size_t count = queue_gather(conn, parts);
        ssize_t sent = socket_send(conn->fd, parts, count, out->fds, out->sent == 0 ? out->fd_count : 0);
        if (sent >= 0) {
            queue_advance(conn, (size_t)sent);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            /* Its last words may still wait to be read; the end itself comes as EOF. */
            conn->mute = true;
            queue_drop(conn);
        }
    }
}

/* False: nothing more is to be read now. */
static bool frames_deliver(struct conn *conn)
{
    struct frame frame;
    struct error err = {0};

    while (!conn->freed && !conn->closed && !conn->held && frame_reader_next(conn->reader, &frame, &err)) {
        conn->handlers->on_frame(conn->ctx, &frame);
        frame_free(&frame);
        conn->held = conn->paused && !conn->draining;
    }
    if (conn->freed || conn->closed)
        return false;
    if (err.code == ERROR_NONE)
        return true;
    error_wrap(&err, "the other side broke the frame format");
    conn_report(conn, &err);
    return false;
}

static bool conn_read_once(struct conn *conn)
{
    char buffer[CHUNK_BYTES];
    int fds[LIMIT_FRAME_FDS];
    size_t fd_count;
    struct error err;
    ssize_t got = socket_receive(conn->fd, buffer, sizeof(buffer), fds, &fd_count);

    if (got < 0 && errno == EINTR)
        return true;
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
        error_set(&err, ERROR_UNAVAILABLE, "the other side closed the connection");
    } else if (got < 0) {
        error_set_errno(&err, errno, "receiving frames");
    } else if (frame_reader_feed(conn->reader, buffer, (size_t)got, fds, fd_count, &err)) {
        return frames_deliver(conn);
    }
    conn_report(conn, &err);
    return false;
}

static bool conn_may_read(const struct conn *conn)
{
    return !conn->paused && !conn->freed && !conn->closed;
}

static void conn_release(struct conn *conn)
{
    if (conn->gone && conn->busy == 0)
        free(conn);
}

static void on_gone(uv_handle_t *handle)
{
    struct conn *conn = handle->data;

    conn->gone = true;
    conn_release(conn);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct conn *conn = poll->data;

    conn->busy++;
    if (conn->failure.code != ERROR_NONE) {
        conn_report(conn, &conn->failure);
    } else {
        if (conn->held && !conn->paused) {
            conn->held = false;
            frames_deliver(conn);
        }
        if (status < 0 || (events & UV_READABLE) != 0) {
            for (unsigned i = 0; i < READS_PER_TURN && conn_may_read(conn) && conn_read_once(conn); i++)
                continue;
        }
        if (!conn->freed && !conn->closed) {
            conn_flush(conn);
            conn_watch(conn);
        }
    }
    conn->busy--;
    conn_release(conn);
}

static void conn_watch(struct conn *conn)
{
    int events = 0;

    if (conn->closed || conn->freed)
        return;
    if (!conn->paused || conn->failure.code != ERROR_NONE)
        events |= UV_READABLE;
    if (conn->first != NULL || (conn->held && !conn->paused))
        events |= UV_WRITABLE; /* also what brings the held frames back */
    if (events == 0)
        uv_poll_stop(&conn->poll);
    else
        uv_poll_start(&conn->poll, events, on_poll);
}

struct conn *conn_new(uv_loop_t *loop, int fd, const struct conn_handlers *handlers, void *ctx)
{
    struct conn *conn = mem_alloc(sizeof(*conn));

    conn->fd = fd;
    conn->handlers = handlers;
    conn->ctx = ctx;
    conn->reader = frame_reader_new();
    conn->poll.data = conn;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    int status = uv_poll_init(loop, &conn->poll, fd);
    if (status != 0) { /* no socket, or the kernel has no memory left */
        log_error("watching a connection: %s; the process ends here and is started again", uv_strerror(status));
        abort();
    }
    conn_watch(conn);
    return conn;
}

static bool fds_copy(struct outgoing *out, const int *fds, size_t fd_count, struct error *err)
{
    if (fd_count > LIMIT_FRAME_FDS)
        return error_set(err, ERROR_LIMIT, "a frame carries at most %d descriptors", LIMIT_FRAME_FDS);
    for (size_t i = 0; i < fd_count; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
            return error_set_errno(err, errno, "duplicating a descriptor for a frame");
        out->fds[out->fd_count++] = copy;
    }
    return true;
}

static struct outgoing *outgoing_new(const struct json *head, const void *body, size_t body_len, const int *fds,
                                     size_t fd_count, struct error *err)
{
    struct outgoing *out = mem_alloc(sizeof(*out));

    out->data = frame_encode(head, body, body_len, &out->len, err);
    if (out->data != NULL && fds_copy(out, fds, fd_count, err))
        return out;
    outgoing_free(out);
    return NULL;
}

void conn_send_fds(struct conn *conn, struct json *head_taken, const void *body, size_t body_len, const int *fds,
                   size_t fd_count)
{
    AUTO_JSON struct json *head = head_taken;
    struct error err;

    if (conn->mute || conn->closed || conn->freed)
        return;
    struct outgoing *out = outgoing_new(head, body, body_len, fds, fd_count, &err);
    if (out == NULL) {
        conn_fail(conn, &err);
        return;
    }
    if (conn->queued_bytes + out->len > LIMIT_PEER_QUEUE_BYTES) {
        outgoing_free(out);
        error_set(&err, ERROR_LIMIT, "the other side does not read: more than %d bytes wait for it",
                  LIMIT_PEER_QUEUE_BYTES);
        conn_fail(conn, &err);
        return;
    }
    conn->queued_bytes += out->len;
    if (conn->last != NULL)
        conn->last->next = out;
    else
        conn->first = out;
    conn->last = out;
    conn_watch(conn); /* sent at the end of this turn, with all else that is queued by then */
}

void conn_send(struct conn *conn, struct json *head_taken, const void *body, size_t body_len)
{
    conn_send_fds(conn, head_taken, body, body_len, NULL, 0);
}

void conn_pause(struct conn *conn, bool paused)
{
    conn->paused = paused;
    conn_watch(conn);
}

void conn_drain(struct conn *conn)
{
    conn->busy++;
    conn->draining = true;
    conn->held = false;
    if (conn->failure.code == ERROR_NONE && frames_deliver(conn)) {
        while (!conn->freed && !conn->closed && conn_read_once(conn))
            continue;
    }
    conn->busy--;
    conn_release(conn);
}

size_t conn_queued_bytes(const struct conn *conn)
{
    return conn->queued_bytes;
}

void conn_free(struct conn *conn)
{
    if (conn == NULL || conn->freed)
        return;
    if (!conn->closed)
        conn_flush(conn);
    conn->freed = true;
    queue_drop(conn);
    frame_reader_free(conn->reader);
    conn->reader = NULL;
    uv_close((uv_handle_t *)&conn->poll, on_gone);
    close(conn->fd);
    conn->fd = -1;
}
