/* A child process behind a connection: started, watched, started again with a back-off (first at once, then 0.1 s
 * doubling to 30 s, reset after 60 s of life). The child gets its socket as FRAME_CHILD_FD, an explicit environment, no
 * other descriptor but 0 (/dev/null or stdin_fd), 1 and 2 (the parent's stderr), and default signals. Its umask is the
 * parent's: davitd sets its own to 0077 before the first peer. A child makes FRAME_CHILD_FD close-on-exec before it
 * starts anything. It is killed (SIGKILL) when its connection breaks and it has not gone within 5 s. All on the loop's
 * thread.
 */
#ifndef WIRE_PEER_H
#define WIRE_PEER_H

#include "wire/conn.h"

struct peer;

struct peer_options {
    const char *name;        /* in log lines; copied */
    const char *const *argv; /* argv[0] is a path; NULL-terminated; copied */
    int stdin_fd;            /* -1: /dev/null. Duplicated; with `once` the child alone has it after its start. */
    bool once;               /* do not start it again (davit-unpack) */
    /* After rest_ms without a frame the child is asked `ping`; one that sends nothing within answer_ms hangs: it is ended,
     * and another started. From its first frame on. 0: it may be silent.
     */
    uint64_t rest_ms, answer_ms;
    void (*on_up)(void *ctx);                            /* started: send the first frame from here */
    void (*on_frame)(void *ctx, struct frame *frame);
    /* Gone, and every frame it sent was delivered: what was asked of it is lost. It says how the child ended. Without
     * on_up before it, where a child that is to run once could not be started at all.
     */
    void (*on_down)(void *ctx, const struct error *why);
};

/* Callbacks may be NULL. */
struct peer *peer_new(uv_loop_t *loop, const struct peer_options *options, void *ctx); /* starts it on the next turn */
bool peer_is_up(const struct peer *peer);
pid_t peer_pid(const struct peer *peer); /* 0 when down */
void peer_send(struct peer *peer, struct json *head_taken, const void *body, size_t body_len); /* down: dropped */
void peer_send_fds(struct peer *peer, struct json *head_taken, const void *body, size_t body_len, const int *fds,
                   size_t fd_count);
void peer_pause(struct peer *peer, bool paused);
/* Ends the child now and starts another (a bad frame, a call over its deadline). */
void peer_restart(struct peer *peer, const char *why);
/* Closes the socket; the child exits on EOF, or is killed 5 s later: the loop runs until then. No callback comes after
 * it. NULL is fine.
 */
void peer_free(struct peer *peer);

#endif
