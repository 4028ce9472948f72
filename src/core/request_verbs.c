#include "core/request_verbs.h"

#include <config.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "core/report.h"
#include "core/snapshots.h"
#include "core/stats.h"

static void run_ping(struct core *core, struct request_call *call)
{
    struct json *answer = request_answer(call->args);
    json_set_text(answer, "node", core->config->node);
    json_set_text(answer, "version", PACKAGE_VERSION);
    json_set_integer(answer, "ts", (int64_t)core_wall_ms(core));
    requests_answer(core, call->serial, answer);
}

static void run_describe(struct core *core, struct request_call *call)
{
    struct object *object = objects_find(&core->objects, &call->object);
    struct json *status = object != NULL ? report_describe(core, object) : NULL;
    if (status == NULL) {
        requests_fail(core, call->serial, "NotFound", "%s \"%s\" not found in namespace \"%s\"", call->object.resource,
                      call->object.name, call->object.namespace);
        return;
    }
    struct json *answer = request_answer(call->args);
    json_set(answer, "status", status);
    requests_answer(core, call->serial, answer);
}

struct asking_stats {
    struct core *core;
    int64_t serial;
};

static void on_stats(void *ctx, struct json *answer_taken)
{
    struct asking_stats *asking = ctx;
    AUTO_JSON struct json *answer = answer_taken;
    const struct request_call *call = requests_find(asking->core, asking->serial);
    const struct json *id = call != NULL ? json_get(call->args, "id") : NULL;
    json_remove(answer, "op");
    if (id != NULL)
        json_set(answer, "id", json_copy(id));
    requests_answer(asking->core, asking->serial, mem_steal(&answer));
    free(asking);
}

static void run_top(struct core *core, struct request_call *call)
{
    struct asking_stats *asking = mem_alloc(sizeof(*asking));
    AUTO_JSON struct json *request = json_copy(call->args);
    asking->core = core;
    asking->serial = call->serial;
    if (call->object.name[0] != '\0')
        json_set_text(request, "pod", call->object.name);
    if (call->object.name[0] != '\0')
        json_set_text(request, "resource", call->object.resource);
    stats_ask(core, request, on_stats, asking);
}

/* By what reads files and pumps descriptors, outside. */
static void run_outside(struct core *core, struct request_call *call)
{
    if (core->env->serve != NULL)
        core->env->serve(core->env->ctx, call);
    else
        requests_fail(core, call->serial, "Unsupported", "this node cannot do that");
}

static const struct request_verb verbs[] = {
    { .name = "ping", .run = run_ping },
    { .name = "describe", .of_object = true, .run = run_describe },
    { .name = "revisions", .of_object = true, .run = request_revisions },
    { .name = "restart", .once = true, .of_object = true, .run = request_restart },
    { .name = "start", .once = true, .of_object = true, .run = request_start },
    { .name = "stop", .once = true, .of_object = true, .run = request_stop },
    { .name = "snapshot", .once = true, .of_object = true, .run = request_snapshot },
    { .name = "rollback", .once = true, .of_object = true, .run = request_rollback },
    { .name = "top", .run = run_top },
    { .name = "exec", .once = true, .streams = true, .of_object = true, .run = run_outside },
    { .name = "console", .once = true, .streams = true, .of_object = true, .run = run_outside },
    { .name = "vnc", .once = true, .streams = true, .of_object = true, .run = run_outside },
    { .name = "port-forward", .once = true, .streams = true, .of_object = true, .run = run_outside },
    { .name = "logs", .streams = true, .of_object = true, .run = run_outside },
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

const struct request_verb *request_verb_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < VERB_COUNT; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

char *request_verbs_list(void)
{
    struct strbuf list;
    strbuf_init(&list, 256);
    for (size_t i = 0; i < VERB_COUNT; i++)
        strbuf_printf(&list, "%s%s", i > 0 ? " " : "", verbs[i].name);
    return strbuf_steal(&list);
}
