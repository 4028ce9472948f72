/* Requests whose answer is read from files or descriptors: logs, exec. As one answer, or as a stream of chunks that waits
 * for its requester (docs/protocol.md, Streams). On the outer side of the core: libuv. Nothing here blocks the loop.
 */
#ifndef CORE_SERVE_H
#define CORE_SERVE_H

#include "core/daemon.h"
#include "protocol/chunks.h"

/* Of core_env; ctx is the daemon. */
void serve_request(void *ctx, const struct request_call *call);
void serve_input(void *ctx, const char *key, const struct json *input);
/* davitd ends: each stream says so. */
void serve_end_all(struct daemon *daemon);

/* ---- for serve_logs.c and serve_exec.c */

struct served;

struct served_kind {
    const char *verb;
    bool (*begin)(struct served *served); /* false: it was answered already */
    void (*pump)(struct served *served);  /* there may be room for more */
    void (*input)(struct served *served, const struct json *input); /* NULL: it takes none */
    void (*stop)(struct served *served);  /* closes what it has; nothing more is said */
    void (*drop)(struct served *served);  /* frees `state` */
};

struct served {
    struct daemon *daemon;
    const struct served_kind *kind;
    int64_t serial; /* of the request */
    char who[LIMIT_REQUEST_NAME_BYTES + 1];
    char key[REQUEST_KEY_BYTES];
    struct json *args;
    char *reply, *correlation;
    bool stream;
    bool stopped;   /* answered to the end */
    bool again;     /* what is not acknowledged is to be said once more */
    uint64_t again_ms; /* boot: when it last was */
    size_t holding; /* handles and work that libuv still has; it is freed with the last one */
    struct chunks chunks;
    uv_timer_t *timer; /* of a stream: idle, lost */
    void *state;       /* the kind's own */
    struct served *prev, *next;
};

/* A handle of its kind: its data is the served one. */
void served_open(struct served *served, uv_handle_t *handle);
void served_close(uv_handle_t *handle); /* and frees it */
void served_hold(struct served *served);
void served_release(struct served *served);
bool served_has_room(const struct served *served);
/* One more chunk; up to LIMIT_CHUNK_BYTES, of "stdout" or "stderr". */
void served_say(struct served *served, const char *stream, const char *data, size_t len);
void served_tell(struct served *served, const struct json *fields); /* the same, with other fields */
/* The end, as the answer or the last chunk. `result`: {"ok":…}, taken. */
void served_end(struct served *served, struct json *result_taken);
void served_fail(struct served *served, const char *reason, const char *message);
/* {"namespace","pod","container"} of the request's args, as choice.h and exec.h want them. The caller frees. */
struct json *served_choice(const struct served *served);

extern const struct served_kind serve_logs;
extern const struct served_kind serve_exec;
extern const struct served_kind serve_console;
extern const struct served_kind serve_vnc;
extern const struct served_kind serve_forward;

#endif
