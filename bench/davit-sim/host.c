#include "host.h"

#include <string.h>

#include "base/memory.h"

static void answer(struct host *host, struct json *head_taken, char *body_taken)
{
    struct frame_due *due = mem_alloc(sizeof(*due));
    due->head = head_taken;
    due->body = body_taken;
    if (host->last != NULL)
        host->last->next = due;
    else
        host->first = due;
    host->last = due;
}

struct frame_due *host_take(struct host *host)
{
    struct frame_due *due = host->first;
    if (due != NULL && (host->first = due->next) == NULL)
        host->last = NULL;
    return due;
}

void frame_due_free(struct frame_due *due)
{
    json_free(due->head);
    free(due->body);
    free(due);
}

static void on_changed(void *ctx, const char *event)
{
    answer(ctx, json_new_texts("op", "notify", NULL), mem_strdup(event));
}

void host_init(struct host *host)
{
    *host = (struct host){ .instances = { .changed = on_changed, .ctx = host } };
}

static struct fake_outcome carry_out(struct host *host, const char *name, const struct json *asked)
{
    static const struct {
        const char *name;
        struct fake_outcome (*run)(struct fake_instances *all, const struct json *asked);
    } operations[] = { { "create", fake_create }, { "start", fake_start }, { "stop", fake_stop },
                       { "remove", fake_remove }, { "release", fake_release } };
    for (size_t i = 0; name != NULL && i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i].name, name) == 0)
            return operations[i].run(&host->instances, asked);
    return (struct fake_outcome){ DAVIT_FAILED, "Unsupported", "the plugin fake cannot do this" };
}

static void call(struct host *host, const struct json *head, const char *body, size_t len)
{
    struct error err;
    const char *name = json_get_text(head, "call");
    bool is_list = name != NULL && strcmp(name, "list") == 0;
    AUTO_JSON struct json *asked = body != NULL ? json_parse(body, len, &err) : NULL;
    struct fake_outcome outcome = is_list ? (struct fake_outcome){ .result = DAVIT_OK } : carry_out(host, name, asked);
    struct json *result = json_new_texts("op", "result", "reason", outcome.reason, "message", outcome.message, "result",
                                         outcome.result == DAVIT_OK          ? NULL
                                         : outcome.result == DAVIT_NOT_FOUND ? "notFound"
                                                                             : "failed", NULL);
    json_set_integer(result, "id", json_get_integer(head, "id", 0));
    json_set_boolean(result, "ok", outcome.reason == NULL);
    answer(host, result, is_list ? fake_list(&host->instances) : NULL);
}

void host_say(struct host *host, struct json *head_taken, const void *body, size_t len)
{
    AUTO_JSON struct json *head = head_taken;
    const char *op = json_get_text(head, "op");
    if (op != NULL && strcmp(op, "open") == 0)
        answer(host, json_new_texts("op", "opened", "plugin", "fake", NULL),
               mem_strdup("{\"version\":\"fake\",\"images\":false}"));
    else
        call(host, head, body, len);
}
