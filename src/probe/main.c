/* davit-probe: asks workloads how they are, and connects people to them, without privileges, away from davitd. See docs/wire.md. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/sandbox.h"
#include "probe/asker.h"
#include "probe/forward.h"
#include "wire/frame.h"
#include "wire/socket.h"

#define READ_BYTES (16 * 1024)

/* Any thread. */
static void send_taken(struct json *head)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct error err;
    pthread_mutex_lock(&lock);
    if (!frame_send(FRAME_CHILD_FD, head, NULL, 0, NULL, 0, &err))
        _exit(0); /* the parent is gone */
    pthread_mutex_unlock(&lock);
    json_free(head);
}

static void tell(void *ctx, int64_t id, bool passed, const char *message)
{
    struct json *head = json_new_texts("op", "result", "message", message, NULL);
    (void)ctx;
    json_set_integer(head, "id", id);
    json_set_boolean(head, "ok", passed);
    send_taken(head);
}

static void tell_forward(int64_t id, const char *reason, const char *message)
{
    struct json *head = json_new_texts("op", "forwarded", "reason", reason, "message", message, NULL);
    json_set_integer(head, "id", id);
    json_set_boolean(head, "ok", reason == NULL);
    send_taken(head);
}

static bool take(struct asker *asker, struct frame *frame, struct error *err)
{
    const char *op = json_get_text(frame->head, "op");
    if (op != NULL && strcmp(op, "cancel") == 0) {
        asker_cancel(asker, json_get_integer(frame->head, "id", -1));
        return true;
    }
    if (op != NULL && strcmp(op, "forward") == 0)
        return forward_begin(frame, tell_forward, err);
    if (op == NULL || strcmp(op, "probe") != 0)
        return error_set(err, ERROR_INVALID, "op \"%.64s\" is unknown", op != NULL ? op : "");
    struct question *question = question_read(frame->head, err);
    if (question != NULL)
        asker_ask(asker, question);
    return question != NULL;
}

static bool take_all(struct asker *asker, struct frame_reader *reader, struct error *err)
{
    struct frame frame;
    while (frame_reader_next(reader, &frame, err)) {
        bool good = take(asker, &frame, err);
        frame_free(&frame);
        if (!good)
            return false;
    }
    return err->code == ERROR_NONE;
}

static int serve(struct asker *asker, struct frame_reader *reader)
{
    char data[READ_BYTES];
    struct error err = { 0 };
    for (;;) {
        struct pollfd parent = { .fd = FRAME_CHILD_FD, .events = POLLIN };
        asker_wait(asker, &parent);
        asker_run(asker);
        if (parent.revents == 0)
            continue;
        int fds[LIMIT_FRAME_FDS];
        size_t fd_count = 0;
        ssize_t got = socket_receive(FRAME_CHILD_FD, data, sizeof(data), fds, &fd_count);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return 0;
        if (got > 0 && (!frame_reader_feed(reader, data, (size_t)got, fds, fd_count, &err) || !take_all(asker, reader, &err))) {
            log_error("the parent sent nonsense: %s", err.message);
            return 1;
        }
    }
}

int main(void)
{
    const struct sandbox sandbox = { .user = "nobody", .calls = SANDBOX_CALLS_NETWORK };
    struct error err = { 0 };
    log_init("davit-probe", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    mallopt(M_ARENA_MAX, 1); /* libcurl looks names up in threads: they share one small heap */
    fcntl(FRAME_CHILD_FD, F_SETFL, fcntl(FRAME_CHILD_FD, F_GETFL) & ~O_NONBLOCK);
    struct asker *asker = asker_new(tell, NULL);
    if (!sandbox_enter(&sandbox, &err)) {
        log_error("%s", err.message);
        _exit(1);
    }
    _exit(serve(asker, frame_reader_new()));
}
