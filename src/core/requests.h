/* Requests: what a person or a program asks of this node, over the broker or the control socket. One table of verbs has
 * both ways in. What has an effect is remembered on the disk before it is carried out, and carried out once
 * (docs/protocol.md, Requests). Deciding thread only; what reads files or pumps descriptors is behind core_env.serve.
 */
#ifndef CORE_REQUESTS_H
#define CORE_REQUESTS_H

#include <uthash.h>

#include "protocol/request.h"
#include "protocol/topic.h"

struct core;
struct frame_view;
struct store_txn;

/* One that has not been answered. */
struct request_call {
    int64_t serial;
    const struct request_verb *verb;
    char who[LIMIT_REQUEST_NAME_BYTES + 1]; /* "" on the control socket */
    char key[REQUEST_KEY_BYTES];            /* WHO/VERB/ID; "": it has none */
    struct json *args;
    struct object_id object; /* name "": none is named */
    bool stream;
    char *reply, *correlation; /* topic; base64, NULL: none */
    int64_t seq;             /* of the message: acknowledged once it is on the disk; -1: it was, or never will be */
    bool recorded;           /* a row knows it */
    bool restarting;         /* waits for its object to be free */
    void (*done)(void *ctx, struct json *answer_taken); /* the control socket's; NULL: answered over the broker */
    void *ctx;
    struct request_call *prev, *next;
};

struct snapshot_job;

struct requests {
    struct request_record *known; /* by key, oldest first */
    struct request_call *calls;
    size_t call_count;
    int64_t last_serial;
    struct snapshot_job *snapshots; /* being taken, gone back to */
    bool powered;            /* something is said of the power of some object */
    bool announced;          /* what the last davitd left is told with the first connection */
    uint64_t told_ms;        /* boot: the last word on requests that nobody can be answered about */
    uint64_t untold;         /* since then */
};

MUST_CHECK bool requests_load(struct core *core, struct error *err);
void requests_free(struct core *core);

/* A message on R/nodes/N/request/VERB/WHO. */
void requests_message(struct core *core, const struct topic *topic, const struct frame_view *frame, int64_t seq);
/* One on a topic that is none. */
void requests_misdirected(struct core *core, const char *topic, const char *why, int64_t seq);
void requests_connected(struct core *core);
/* One of the control socket. `done` comes once, perhaps within the call. Returns what requests_forget takes; 0: it is
 * answered already.
 */
int64_t requests_control(struct core *core, const char *verb, const struct json *args,
                         void (*done)(void *ctx, struct json *answer_taken), void *ctx);
/* Whoever asked has gone: `done` does not come any more. */
void requests_forget(struct core *core, int64_t serial);
void requests_settle(struct core *core);
/* Answers; nothing if it is not waited for any more. For a stream that ends: its last chunk. */
void requests_answer(struct core *core, int64_t serial, struct json *answer_taken);
void requests_fail(struct core *core, int64_t serial, const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
struct request_call *requests_find(const struct core *core, int64_t serial); /* NULL */

#endif
