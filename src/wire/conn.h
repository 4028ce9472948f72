/* A socket that carries frames, driven by a libuv loop. All calls and callbacks on the loop's thread. */
#ifndef WIRE_CONN_H
#define WIRE_CONN_H

#include <uv.h>

#include "wire/frame.h"

struct conn;

struct conn_handlers {
    /* The frame is freed after the call; frame_take_fd and mem_steal take parts out of it. conn_close is allowed. */
    void (*on_frame)(void *ctx, struct frame *frame);
    /* Once, when the other side is gone, broke the format or let the queue fill. conn_free must follow. */
    void (*on_closed)(void *ctx, const struct error *why);
};

/* Takes fd, a stream unix socket; makes it non-blocking and close-on-exec. `handlers` outlive the connection. */
struct conn *conn_new(uv_loop_t *loop, int fd, const struct conn_handlers *handlers, void *ctx);
/* Never blocks: what the socket does not take waits, up to LIMIT_PEER_QUEUE_BYTES, then the connection closes. Head is
 * taken and freed; descriptors are duplicated.
 */
void conn_send(struct conn *conn, struct json *head_taken, const void *body, size_t body_len);
void conn_send_fds(struct conn *conn, struct json *head_taken, const void *body, size_t body_len, const int *fds,
                   size_t fd_count);
/* Stop and start reading: back pressure on the sender. */
void conn_pause(struct conn *conn, bool paused);
/* Reads what has come, paused or not, down to the last frame: for a peer that is known to have ended. */
void conn_drain(struct conn *conn);
size_t conn_queued_bytes(const struct conn *conn);
/* No callback comes after it. What waits is offered to the socket once more. Frees itself once libuv lets go. NULL is
 * fine.
 */
void conn_free(struct conn *conn);

#endif
