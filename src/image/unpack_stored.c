#include "config.h"

#include "image/unpack_stored.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/frame.h"

bool unpack_parent_may_speak(void)
{
    char byte = 0;
    ssize_t got = recv(FRAME_CHILD_FD, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

bool stored_read(void *ctx, const void **data, size_t *len, struct error *err)
{
    struct stored *stored = ctx;
    ssize_t got;
    do
        got = read(STDIN_FILENO, stored->buffer, STORED_READ_BYTES);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set_errno(err, errno, "reading standard input");
    stored->read += got;
    if (stored->size >= 0 && got == 0 && stored->read < stored->size)
        return error_set(err, ERROR_INVALID, "it ends after %" PRId64 " of %" PRId64 " bytes", stored->read, stored->size);
    if (stored->size >= 0 && stored->read > stored->size)
        return error_set(err, ERROR_CONFLICT, "it has more than the %" PRId64 " bytes that its manifest says", stored->size);
    if (stored->checksum != NULL)
        checksum_add(stored->checksum, stored->buffer, (size_t)got);
    *data = stored->buffer;
    *len = (size_t)got;
    return true;
}
