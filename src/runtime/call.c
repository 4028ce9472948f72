#include "config.h"

#include "runtime/call.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static enum davit_result run_list(const struct davit_runtime_plugin *plugin, void *ctx, const char *document,
                                  struct davit_call *call)
{
    (void)document;
    return plugin->list(ctx, call);
}

#define RUN_WITH_DOCUMENT(operation)                                                                      \
    static enum davit_result run_##operation(const struct davit_runtime_plugin *plugin, void *ctx,        \
                                             const char *document, struct davit_call *call)               \
    {                                                                                                     \
        return plugin->operation(ctx, document, call);                                                    \
    }

RUN_WITH_DOCUMENT(create)
RUN_WITH_DOCUMENT(start)
RUN_WITH_DOCUMENT(stop)
RUN_WITH_DOCUMENT(remove)
RUN_WITH_DOCUMENT(release)

static enum davit_result run_unknown(const struct davit_runtime_plugin *plugin, void *ctx, const char *document,
                                     struct davit_call *call);

/* An older plugin ends before it: `size` says so. */
#define RUN_IF_THERE(operation)                                                                           \
    static enum davit_result run_##operation(const struct davit_runtime_plugin *plugin, void *ctx,        \
                                             const char *document, struct davit_call *call)               \
    {                                                                                                     \
        size_t end = offsetof(struct davit_runtime_plugin, operation) + sizeof(plugin->operation);        \
        if (plugin->size < end || plugin->operation == NULL)                                              \
            return run_unknown(plugin, ctx, document, call);                                              \
        return plugin->operation(ctx, document, call);                                                    \
    }

RUN_IF_THERE(update)
RUN_IF_THERE(exec)
RUN_IF_THERE(stats)
RUN_IF_THERE(snapshot)

static enum davit_result run_unknown(const struct davit_runtime_plugin *plugin, void *ctx, const char *document,
                                     struct davit_call *call)
{
    (void)ctx;
    (void)document;
    snprintf(call->reason, sizeof(call->reason), "Unsupported");
    snprintf(call->message, sizeof(call->message), "the runtime %s has no such operation", plugin->name);
    return DAVIT_INVALID;
}

static const struct {
    const char *name;
    call_operation operation;
} operations[] = {
    {"list", run_list}, {"create", run_create}, {"start", run_start},     {"stop", run_stop},
    {"remove", run_remove}, {"release", run_release}, {"update", run_update}, {"exec", run_exec},
    {"stats", run_stats}, {"snapshot", run_snapshot}, {"unknown", run_unknown},
};

static void choose_operation(struct davit_call *call, const char *name)
{
    size_t last = sizeof(operations) / sizeof(operations[0]) - 1, i = 0;

    while (i < last && strcmp(operations[i].name, name) != 0)
        i++;
    call->name = operations[i].name;
    call->operation = operations[i].operation;
    call->beside = call->operation == run_exec || call->operation == run_stats;
}

static bool take_fds(struct davit_call *call, struct frame *frame, struct error *err)
{
    const struct json *names = json_get(frame->head, "fds");

    if (json_size(names) != frame->fd_count)
        return error_set(err, ERROR_INVALID, "call %lld names %zu descriptors and brings %zu", (long long)call->id,
                         json_size(names), frame->fd_count);
    JSON_EACH(name, names) {
        const char *text = json_text(name);

        call->fds[call->fd_count].fd = frame_take_fd(frame, call->fd_count);
        snprintf(call->fds[call->fd_count].name, CALL_FD_NAME_BYTES, "%s", text != NULL ? text : "");
        call->fd_count++;
    }
    return true;
}

struct davit_call *call_from_frame(struct frame *frame, uint64_t now_boot_ms, struct error *err)
{
    const char *name = json_get_text(frame->head, "call");
    int64_t id = json_get_integer(frame->head, "id", -1);
    int64_t deadline_ms = json_get_integer(frame->head, "deadlineMs", LIMIT_CALL_MS);
    struct davit_call *call;

    if (name == NULL || id < 0 || deadline_ms <= 0) {
        error_set(err, ERROR_INVALID, "a call frame needs call, id and a deadlineMs above 0");
        return NULL;
    }
    if (frame->body != NULL && memchr(frame->body, '\0', frame->body_len) != NULL) {
        error_set(err, ERROR_INVALID, "the document of call %lld holds a NUL byte", (long long)id);
        return NULL;
    }
    call = mem_alloc(sizeof(*call));
    choose_operation(call, name);
    call->id = id;
    call->lane = mem_strdup(json_get_text(frame->head, "lane"));
    call->document = frame->body != NULL ? mem_steal(&frame->body) : mem_strdup("{}");
    call->deadline_ms = (uint64_t)deadline_ms;
    call->expires_boot_ms = now_boot_ms + call->deadline_ms;
    call->cancel_fd = -1;
    if (take_fds(call, frame, err))
        return call;
    call_free(call);
    return NULL;
}

enum davit_result call_run(struct davit_call *call, const struct davit_runtime_plugin *plugin, void *ctx)
{
    return call->operation(plugin, ctx, call->document, call);
}

void call_close_fds(struct davit_call *call)
{
    for (size_t i = 0; i < call->fd_count; i++)
        fd_close_at(&call->fds[i].fd);
    call->fd_count = 0;
}

void call_free(struct davit_call *call)
{
    if (call == NULL)
        return;
    call_close_fds(call);
    fd_close_at(&call->cancel_fd);
    free(call->lane);
    free(call->document);
    free(call->answer);
    free(call);
}

const char *call_result_name(enum davit_result result)
{
    switch (result) {
    case DAVIT_INVALID:
        return "invalid";
    case DAVIT_NOT_FOUND:
        return "notFound";
    case DAVIT_UNAVAILABLE:
        return "unavailable";
    case DAVIT_OK:
    case DAVIT_FAILED:
    default:
        return "failed";
    }
}
