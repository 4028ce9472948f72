#include "config.h"

#include "cli/control.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/memory.h"
#include "wire/frame.h"

bool control_connect(const char *path, int *socket_fd, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(err, ERROR_INVALID, "%s: longer than the %zu bytes of a socket's path", path,
                         sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    *socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*socket_fd >= 0 && connect(*socket_fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return true;
    int failed = errno;
    const char *help = failed == EACCES ? "Only root and davitd's own user may; use sudo."
                                        : "Is davitd running on this device? Set --control or DAVIT_CONTROL.";
    return error_set(err, failed == EACCES ? ERROR_DENIED : ERROR_UNAVAILABLE, "cannot reach davitd at %s: %s. %s",
                     path, strerror(failed), help);
}

enum error_code control_code_of(const char *reason)
{
    return strncmp(reason, "TooMany", strlen("TooMany")) == 0 ? ERROR_LIMIT : error_code_from_name(reason);
}

bool control_check_result(const struct json *head, struct error *err)
{
    const char *reason = json_get_text(head, "reason");
    const char *message = json_get_text(head, "message");
    if (json_get_boolean(head, "ok", false))
        return true;
    enum error_code code = control_code_of(reason != NULL ? reason : "");
    return error_set(err, code, "davitd says %s: %s", reason != NULL ? reason : "no",
                     message != NULL ? message : "it gives no message");
}

/* What came with a result; NULL: nothing is expected. */
struct brought {
    int *fds;
    size_t count, most;
    char *text;
};

static struct json *read_result(int fd, void (*on_progress)(void *ctx, const struct json *progress), void *ctx,
                                struct brought *brought, struct error *err)
{
    struct json *result = NULL;
    struct frame_reader *reader = frame_reader_new();
    struct frame frame = {0};
    while (result == NULL && frame_receive(fd, reader, &frame, err)) {
        const char *op = json_get_text(frame.head, "op");
        if (op != NULL && strcmp(op, "result") == 0) {
            result = json_copy(frame.head);
            for (int taken; brought != NULL && brought->count < brought->most &&
                            (taken = frame_take_fd(&frame, brought->count)) >= 0;)
                brought->fds[brought->count++] = taken;
            if (brought != NULL)
                brought->text = mem_strndup(frame.body != NULL ? frame.body : "", frame.body_len);
        }
        if (op != NULL && strcmp(op, "progress") == 0 && on_progress != NULL)
            on_progress(ctx, frame.head);
        frame_free(&frame);
    }
    frame_reader_free(reader);
    return result;
}

static struct json *ask(const char *path, const struct json *request, int fd,
                        void (*on_progress)(void *ctx, const struct json *progress), void *ctx, struct brought *brought,
                        struct error *err)
{
    AUTO_CLOSE int socket_fd = -1;
    AUTO_JSON struct json *result = NULL;
    if (!control_connect(path, &socket_fd, err))
        return NULL;
    bool sent = frame_send(socket_fd, request, NULL, 0, fd >= 0 ? &fd : NULL, fd >= 0 ? 1 : 0, err);
    struct error unread = {0}; /* who takes nothing more may have said why */
    result = read_result(socket_fd, on_progress, ctx, brought, sent ? err : &unread);
    if (result == NULL) {
        (void)error_wrap(err, "davitd at %s gave no result", path);
        return NULL;
    }
    return control_check_result(result, err) ? mem_steal(&result) : NULL;
}

struct json *control_call(const char *path, const struct json *request, int fd,
                          void (*on_progress)(void *ctx, const struct json *progress), void *ctx, struct error *err)
{
    return ask(path, request, fd, on_progress, ctx, NULL, err);
}

struct json *control_open(const char *path, const struct json *request, int *fds, size_t most, size_t *count,
                          struct error *err)
{
    struct brought brought = { .fds = fds, .most = most };
    struct json *result = ask(path, request, -1, NULL, NULL, &brought, err);
    *count = brought.count;
    free(brought.text);
    return result;
}

char *control_text(const char *path, const struct json *request, struct error *err)
{
    struct brought brought = { 0 };
    AUTO_JSON struct json *result = ask(path, request, -1, NULL, NULL, &brought, err);
    if (result != NULL)
        return brought.text;
    free(brought.text);
    return NULL;
}
