/* davit-probe: asks workloads how they are, without privileges, away from davitd. See docs/wire.md. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/sandbox.h"
#include "probe/asker.h"
#include "wire/frame.h"

#define READ_BYTES (16 * 1024)

static void tell(void *ctx, int64_t id, bool passed, const char *message)
{
    struct error err;
    struct json *head = json_new_texts("op", "result", "message", message, NULL);
    (void)ctx;
    json_set_integer(head, "id", id);
    json_set_boolean(head, "ok", passed);
    if (!frame_send(FRAME_CHILD_FD, head, NULL, 0, NULL, 0, &err))
        _exit(0); /* the parent is gone */
    json_free(head);
}

static bool take(struct asker *asker, const struct frame *frame, struct error *err)
{
    const char *op = json_get_text(frame->head, "op");
    if (op != NULL && strcmp(op, "cancel") == 0) {
        asker_cancel(asker, json_get_integer(frame->head, "id", -1));
        return true;
    }
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
        ssize_t got = read(FRAME_CHILD_FD, data, sizeof(data));
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return 0;
        if (got > 0 && (!frame_reader_feed(reader, data, (size_t)got, NULL, 0, &err) || !take_all(asker, reader, &err))) {
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
