#include "config.h"

#include "image/sparse.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#define BLOCK_BYTES 4096u
#define BUFFER_BYTES (64 * BLOCK_BYTES)

void sparse_init(struct sparse *sparse, int fd, uint64_t most_bytes)
{
    *sparse = (struct sparse){ .fd = fd, .most_bytes = most_bytes, .buffer = mem_alloc(BUFFER_BYTES) };
}

static bool is_zero(const char *block, size_t len)
{
    return block[0] == '\0' && memcmp(block, block + 1, len - 1) == 0;
}

static bool put(struct sparse *sparse, size_t from, size_t len, struct error *err)
{
    uint64_t at = sparse->size - sparse->len + from;
    sparse->bytes += len;
    if (sparse->bytes > sparse->most_bytes)
        return error_set(err, ERROR_NO_SPACE, "it needs more than the %llu bytes that are free for it",
                         (unsigned long long)sparse->most_bytes);
    while (len > 0) {
        ssize_t done = pwrite(sparse->fd, sparse->buffer + from, len, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return error_set_errno(err, done < 0 ? errno : EIO, "writing the disk");
        from += (size_t)done;
        at += (uint64_t)done;
        len -= (size_t)done;
    }
    return true;
}

/* Blocks lie in the buffer as they lie in the file: it is emptied when it is full, and at the end. */
static bool flush(struct sparse *sparse, struct error *err)
{
    size_t begin = 0, at = 0;
    while (at < sparse->len) {
        size_t len = sparse->len - at < BLOCK_BYTES ? sparse->len - at : BLOCK_BYTES;
        if (is_zero(sparse->buffer + at, len)) {
            if (at > begin && !put(sparse, begin, at - begin, err))
                return false;
            begin = at + len;
        }
        at += len;
    }
    if (at > begin && !put(sparse, begin, at - begin, err))
        return false;
    sparse->len = 0;
    return true;
}

bool sparse_add(struct sparse *sparse, const void *data, size_t len, struct error *err)
{
    const char *at = data;
    while (len > 0) {
        size_t part = BUFFER_BYTES - sparse->len < len ? BUFFER_BYTES - sparse->len : len;
        memcpy(sparse->buffer + sparse->len, at, part);
        sparse->len += part;
        sparse->size += part;
        at += part;
        len -= part;
        if (sparse->len == BUFFER_BYTES && !flush(sparse, err))
            return false;
    }
    return true;
}

bool sparse_finish(struct sparse *sparse, struct error *err)
{
    if (!flush(sparse, err))
        return false;
    return ftruncate(sparse->fd, (off_t)sparse->size) == 0 || error_set_errno(err, errno, "ending the disk");
}

void sparse_free(struct sparse *sparse)
{
    free(mem_steal(&sparse->buffer));
}
