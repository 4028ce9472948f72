/* One call of the parent to the plugin, from its frame to its result. */
#ifndef RUNTIME_CALL_H
#define RUNTIME_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "davit/runtime.h"
#include "wire/frame.h"

#define CALL_REASON_BYTES 64
#define CALL_MESSAGE_BYTES 1024
#define CALL_FD_NAME_BYTES 16

typedef enum davit_result (*call_operation)(const struct davit_runtime_plugin *plugin, void *ctx,
                                            const char *document, struct davit_call *call);

struct davit_call {
    int64_t id;
    const char *name;         /* static */
    call_operation operation;
    char *lane;               /* NULL: runs beside everything */
    bool beside;              /* it may take long: a thread of its own, not one of the pool */
    char *document;
    uint64_t deadline_ms;     /* how long it may take */
    uint64_t expires_boot_ms;
    bool answered;            /* its result is on the way, or it is over its deadline */
    int cancel_fd;            /* made when asked for */
    struct {
        char name[CALL_FD_NAME_BYTES];
        int fd;
    } fds[LIMIT_FRAME_FDS];   /* that came with it */
    size_t fd_count;
    char *answer;
    char reason[CALL_REASON_BYTES];
    char message[CALL_MESSAGE_BYTES];
    struct davit_call *next;  /* in the queue, or among the running */
};

/* Takes the body and the descriptors out of a `call` frame. NULL: the frame cannot be understood. */
MUST_CHECK struct davit_call *call_from_frame(struct frame *frame, uint64_t now_boot_ms, struct error *err);
/* Runs it; blocks. */
enum davit_result call_run(struct davit_call *call, const struct davit_runtime_plugin *plugin, void *ctx);
/* Whoever holds the other ends hears that the call is over before its result can. */
void call_close_fds(struct davit_call *call);
void call_free(struct davit_call *call);
/* The word for a result on the wire: "failed", "notFound" … */
const char *call_result_name(enum davit_result result);

#endif
