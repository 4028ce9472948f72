#include "config.h"

#include "wire/frame.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "wire/socket.h"

#define FRAME_MAX_BYTES ((size_t)FRAME_HEADER_BYTES + LIMIT_FRAME_HEAD_BYTES + LIMIT_FRAME_BODY_BYTES)
#define CHUNK_BYTES (64 * 1024)
#define WAITING_FDS (2 * LIMIT_FRAME_FDS)

static const char magic[4] = {'D', 'V', 'T', '1'};

/* A sender puts nothing behind a frame with descriptors into the same sendmsg, and the kernel ends a read behind them:
 * so they belong to the frame in which the chunk that brought them ends.
 */
struct waiting_fd {
    int fd;
    uint64_t chunk_end; /* bytes since the start */
};

struct frame_reader {
    char *data;
    size_t len;
    size_t size;
    size_t used;    /* bytes of `data` already given out */
    uint64_t start; /* place of data[used] in the stream */
    struct waiting_fd fds[WAITING_FDS];
    size_t fd_count;
    struct error broken;
};

void frame_free(struct frame *frame)
{
    json_free(frame->head);
    free(frame->body);
    for (size_t i = 0; i < frame->fd_count; i++)
        fd_close_at(&frame->fds[i]);
    memset(frame, 0, sizeof(*frame));
}

int frame_take_fd(struct frame *frame, size_t index)
{
    return index < frame->fd_count ? fd_steal(&frame->fds[index]) : -1;
}

static void u32_put(char *at, size_t value)
{
    uint32_t little = htole32((uint32_t)value);

    memcpy(at, &little, sizeof(little));
}

static size_t u32_get(const char *at)
{
    uint32_t little;

    memcpy(&little, at, sizeof(little));
    return le32toh(little);
}

char *frame_encode(const struct json *head, const void *body, size_t body_len, size_t *len, struct error *err)
{
    AUTO_FREE char *text = json_print(head);
    size_t head_len = strlen(text);

    if (head_len > LIMIT_FRAME_HEAD_BYTES || body_len > LIMIT_FRAME_BODY_BYTES) {
        error_set(err, ERROR_LIMIT, "a frame of %zu and %zu bytes is over the cap of %d and %d", head_len, body_len,
                  LIMIT_FRAME_HEAD_BYTES, LIMIT_FRAME_BODY_BYTES);
        return NULL;
    }
    *len = FRAME_HEADER_BYTES + head_len + body_len;
    char *data = mem_alloc(*len);
    memcpy(data, magic, sizeof(magic));
    u32_put(data + 4, head_len);
    u32_put(data + 8, body_len);
    memcpy(data + FRAME_HEADER_BYTES, text, head_len);
    if (body_len > 0)
        memcpy(data + FRAME_HEADER_BYTES + head_len, body, body_len);
    return data;
}

struct frame_reader *frame_reader_new(void)
{
    return mem_alloc(sizeof(struct frame_reader));
}

void frame_reader_free(struct frame_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; i < reader->fd_count; i++)
        close(reader->fds[i].fd);
    free(reader->data);
    free(reader);
}

/* What was given out leaves the buffer; a large one is not kept for the next large frame. */
static void reader_compact(struct frame_reader *reader)
{
    reader->len -= reader->used;
    if (reader->len == 0 && reader->size > CHUNK_BYTES) {
        free(mem_steal(&reader->data));
        reader->size = 0;
    } else if (reader->used > 0 && reader->len > 0) {
        memmove(reader->data, reader->data + reader->used, reader->len);
    }
    reader->used = 0;
}

static void reader_add(struct frame_reader *reader, const void *data, size_t len)
{
    reader_compact(reader);
    if (reader->len + len > reader->size) {
        reader->size = reader->size * 2 > reader->len + len ? reader->size * 2 : reader->len + len;
        reader->data = mem_resize(reader->data, reader->size, 1);
    }
    if (len > 0)
        memcpy(reader->data + reader->len, data, len);
    reader->len += len;
}

static bool reader_break(struct frame_reader *reader, enum error_code code, const char *what)
{
    return error_set(&reader->broken, code, "%s", what);
}

static bool reader_take_fds(struct frame_reader *reader, const int *fds, size_t fd_count)
{
    uint64_t end = reader->start + (reader->len - reader->used);

    for (size_t i = 0; i < fd_count; i++) {
        if (reader->fd_count < WAITING_FDS)
            reader->fds[reader->fd_count++] = (struct waiting_fd){fds[i], end};
        else
            close(fds[i]);
    }
    return reader->fd_count < WAITING_FDS || reader_break(reader, ERROR_LIMIT, "too many descriptors for one frame");
}

bool frame_reader_feed(struct frame_reader *reader, const void *data, size_t len, const int *fds, size_t fd_count,
                       struct error *err)
{
    bool ok = reader->broken.code == ERROR_NONE;

    if (ok && reader->len - reader->used + len > FRAME_MAX_BYTES + CHUNK_BYTES)
        ok = reader_break(reader, ERROR_LIMIT, "more bytes than a frame can have are waiting to be read");
    if (ok)
        reader_add(reader, data, len);
    ok = reader_take_fds(reader, fds, fd_count) && ok;
    if (!ok)
        *err = reader->broken;
    return ok;
}

/* The lengths of the frame at the front; false when it is not there yet, or broken. */
static bool reader_lengths(struct frame_reader *reader, size_t *head_len, size_t *body_len)
{
    const char *at = reader->data + reader->used;
    size_t there = reader->len - reader->used;

    if (there > 0 && memcmp(at, magic, there < sizeof(magic) ? there : sizeof(magic)) != 0)
        return reader_break(reader, ERROR_INVALID, "a frame does not start with DVT1");
    if (there < FRAME_HEADER_BYTES)
        return false;
    *head_len = u32_get(at + 4);
    *body_len = u32_get(at + 8);
    if (*head_len > LIMIT_FRAME_HEAD_BYTES || *body_len > LIMIT_FRAME_BODY_BYTES)
        return reader_break(reader, ERROR_LIMIT, "a frame is over the cap");
    return there >= FRAME_HEADER_BYTES + *head_len + *body_len;
}

static bool frame_give_fds(struct frame_reader *reader, struct frame *frame, uint64_t frame_end)
{
    size_t kept = 0;

    for (size_t i = 0; i < reader->fd_count; i++) {
        if (reader->fds[i].chunk_end > frame_end)
            reader->fds[kept++] = reader->fds[i];
        else if (frame->fd_count < LIMIT_FRAME_FDS)
            frame->fds[frame->fd_count++] = reader->fds[i].fd;
        else
            close(reader->fds[i].fd);
    }
    bool too_many = reader->fd_count - kept > LIMIT_FRAME_FDS;
    reader->fd_count = kept;
    return !too_many || reader_break(reader, ERROR_LIMIT, "too many descriptors for one frame");
}

static bool frame_fill(struct frame_reader *reader, struct frame *frame, size_t head_len, size_t body_len)
{
    const char *at = reader->data + reader->used + FRAME_HEADER_BYTES;
    size_t total = FRAME_HEADER_BYTES + head_len + body_len;

    for (size_t i = 0; i < LIMIT_FRAME_FDS; i++)
        frame->fds[i] = -1;
    frame->head = json_parse(at, head_len, &reader->broken);
    if (frame->head == NULL)
        return error_wrap(&reader->broken, "the head of a frame");
    if (json_type(frame->head) != JSON_OBJECT)
        return reader_break(reader, ERROR_INVALID, "the head of a frame is no JSON object");
    if (body_len > 0)
        frame->body = mem_dup(at + head_len, body_len);
    frame->body_len = body_len;
    reader->used += total;
    reader->start += total;
    return frame_give_fds(reader, frame, reader->start);
}

bool frame_reader_next(struct frame_reader *reader, struct frame *frame, struct error *err)
{
    size_t head_len = 0;
    size_t body_len = 0;

    memset(frame, 0, sizeof(*frame));
    memset(err, 0, sizeof(*err));
    if (reader->broken.code == ERROR_NONE && reader_lengths(reader, &head_len, &body_len) &&
        frame_fill(reader, frame, head_len, body_len))
        return true;
    frame_free(frame);
    *err = reader->broken;
    return false;
}

bool frame_send(int fd, const struct json *head, const void *body, size_t body_len, const int *fds, size_t fd_count,
                struct error *err)
{
    size_t len;
    AUTO_FREE char *data = frame_encode(head, body, body_len, &len, err);

    if (data == NULL)
        return false;
    if (fd_count > LIMIT_FRAME_FDS)
        return error_set(err, ERROR_LIMIT, "a frame carries at most %d descriptors", LIMIT_FRAME_FDS);
    for (size_t sent = 0; sent < len;) {
        struct iovec part = {.iov_base = data + sent, .iov_len = len - sent};
        ssize_t put = socket_send(fd, &part, 1, fds, sent == 0 ? fd_count : 0);
        if (put >= 0)
            sent += (size_t)put;
        else if (errno != EINTR && (errno != EAGAIN || !socket_wait(fd, true)))
            return error_set_errno(err, errno, "sending a frame");
    }
    return true;
}

bool frame_receive(int fd, struct frame_reader *reader, struct frame *frame, struct error *err)
{
    char buffer[CHUNK_BYTES];
    int fds[LIMIT_FRAME_FDS];
    size_t fd_count;

    while (!frame_reader_next(reader, frame, err)) {
        if (err->code != ERROR_NONE)
            return false;
        ssize_t got = socket_receive(fd, buffer, sizeof(buffer), fds, &fd_count);
        if (got == 0)
            return error_set(err, ERROR_UNAVAILABLE, "the other side closed the connection");
        if (got > 0 && !frame_reader_feed(reader, buffer, (size_t)got, fds, fd_count, err))
            return false;
        if (got < 0 && errno != EINTR && (errno != EAGAIN || !socket_wait(fd, false)))
            return error_set_errno(err, errno, "receiving a frame");
    }
    return true;
}
