/* The one wire format between davitd, its children and the CLI, over stream unix sockets:
 *
 *     4 bytes "DVT1" | u32 head bytes | u32 body bytes (both little-endian) | JSON object | raw body
 *
 * File descriptors ride by SCM_RIGHTS on the first byte of their frame. Pure: bytes in, frames out.
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "davit/limits.h"

#define FRAME_HEADER_BYTES 12
#define FRAME_CHILD_FD 3 /* a child finds its socket here */

struct frame {
    struct json *head; /* an object */
    char *body;        /* one NUL behind it; NULL when empty */
    size_t body_len;
    int fds[LIMIT_FRAME_FDS]; /* -1 where taken or none */
    size_t fd_count;
};

void frame_free(struct frame *frame); /* closes the descriptors that are left */
/* Takes descriptor `index` out of the frame; -1 where there is none. */
int frame_take_fd(struct frame *frame, size_t index);

/* Encodes header, head and body into one buffer; the caller frees. NULL: over a cap. */
MUST_CHECK char *frame_encode(const struct json *head, const void *body, size_t body_len, size_t *len,
                              struct error *err);

/* An incremental reader. */
struct frame_reader;
struct frame_reader *frame_reader_new(void);
void frame_reader_free(struct frame_reader *reader);
/* Gives it what came from the socket; descriptors are taken in every case. */
MUST_CHECK bool frame_reader_feed(struct frame_reader *reader, const void *data, size_t len, const int *fds,
                                  size_t fd_count, struct error *err);
/* True and a frame (to be freed by the caller) when one is whole. Not whole: false, err->code ERROR_NONE. Broken
 * (bad magic, over a cap, head no JSON object): false with a code, for good.
 */
MUST_CHECK bool frame_reader_next(struct frame_reader *reader, struct frame *frame, struct error *err);

/* The blocking pair, for threads and for small programs without a loop. EOF is ERROR_UNAVAILABLE. */
MUST_CHECK bool frame_send(int fd, const struct json *head, const void *body, size_t body_len, const int *fds,
                           size_t fd_count, struct error *err);
MUST_CHECK bool frame_receive(int fd, struct frame_reader *reader, struct frame *frame, struct error *err);

#endif
