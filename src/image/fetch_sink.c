#include "config.h"

#include "image/fetch_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#define GROW_BYTES (64 * 1024)

void sink_init(struct sink *sink, int fd_taken)
{
    memset(sink, 0, sizeof(*sink));
    sink->fd = fd_taken;
    if (fd_taken >= 0)
        fcntl(fd_taken, F_SETFL, fcntl(fd_taken, F_GETFL) | O_NONBLOCK);
}

void sink_close(struct sink *sink)
{
    if (sink->fd >= 0)
        close(sink->fd);
    free(sink->data);
    sink_init(sink, -1);
}

static void keep(struct sink *sink, const char *data, size_t len)
{
    if (sink->len + len + 1 > sink->size) {
        sink->size = (sink->len + len) / GROW_BYTES * GROW_BYTES + GROW_BYTES;
        sink->data = mem_resize(sink->data, sink->size, 1);
    }
    memcpy(sink->data + sink->len, data, len);
    sink->len += len;
    sink->data[sink->len] = '\0';
}

/* The bytes that went in; 0: it is full; -1: nobody reads. */
static ssize_t pipe_write(int fd, const char *data, size_t len)
{
    ssize_t put = write(fd, data, len);
    while (put < 0 && errno == EINTR)
        put = write(fd, data, len);
    if (put < 0)
        return errno == EAGAIN ? 0 : -1;
    return put;
}

enum sink_state sink_flush(struct sink *sink)
{
    if (sink->fd < 0)
        return SINK_TAKEN;
    while (sink->start < sink->len) {
        ssize_t put = pipe_write(sink->fd, sink->data + sink->start, sink->len - sink->start);
        if (put <= 0)
            return put == 0 ? SINK_FULL : SINK_GONE;
        sink->start += (size_t)put;
    }
    sink->start = sink->len = 0;
    return SINK_TAKEN;
}

enum sink_state sink_add(struct sink *sink, const char *data, size_t len)
{
    size_t done = 0;
    if (sink->fd >= 0) {
        enum sink_state state = sink_flush(sink);
        if (state != SINK_TAKEN)
            return state;
        ssize_t put = pipe_write(sink->fd, data, len);
        if (put <= 0)
            return put == 0 ? SINK_FULL : SINK_GONE;
        done = (size_t)put;
    }
    if (done < len)
        keep(sink, data + done, len - done);
    sink->taken += (int64_t)len;
    return SINK_TAKEN;
}

void sink_restart(struct sink *sink)
{
    if (sink->fd >= 0)
        return;
    sink->len = 0;
    sink->taken = 0;
}
