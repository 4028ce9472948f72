#include "core/handler.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "core/network.h"
#include "core/runtime.h"
#include "davit/limits.h"
#include "model/probe.h"

#define ANSWER_SLACK_MS 5000u /* beyond its own time limit, for the way */
#define HOOK_MAX_MS (366 * 86400000ull)

/* A question that is asked; found again by what it is about, for its object may have gone meanwhile. */
struct asking {
    int64_t id;
    struct object_id object;
    char uid[POD_UID_BYTES];
    char container[LIMIT_LABEL_BYTES + 1];
    int64_t attempt;
    bool is_hook, is_pre_stop;
    enum probe_kind probe;
    const struct runtime_state *runtime; /* that of its object */
    bool by_runtime;
    uint64_t due_boot_ms; /* a sleep: it is over then */
    struct asking *next;
};

struct json *handler_write(const struct container *container, const struct handler *handler)
{
    struct json *out = json_new_object();
    if (handler->exec != NULL) {
        struct json *command = json_set_array(json_set_object(out, "exec"), "command");
        for (size_t i = 0; i < handler->exec->command.count; i++)
            json_add_text(command, handler->exec->command.items[i]);
    } else if (handler->http != NULL) {
        const struct http_action *http = handler->http;
        const struct http_header *headers = http->headers.items;
        struct json *get = json_set_object(out, "httpGet");
        json_set_text(get, "path", http->path);
        json_set_integer(get, "port", network_port(container, http->port));
        json_set_text(get, "host", http->host);
        json_set_text(get, "scheme", http->scheme == SCHEME_HTTPS ? "HTTPS" : "HTTP");
        struct json *list = json_set_array(get, "headers");
        for (size_t i = 0; i < http->headers.count; i++)
            json_add(list, json_new_texts("name", headers[i].name, "value",
                                          headers[i].value != NULL ? headers[i].value : "", NULL));
    } else if (handler->tcp != NULL) {
        struct json *tcp = json_set_object(out, "tcpSocket");
        json_set_integer(tcp, "port", network_port(container, handler->tcp->port));
        json_set_text(tcp, "host", handler->tcp->host);
    } else if (handler->grpc != NULL) {
        struct json *grpc = json_set_object(out, "grpc");
        json_set_integer(grpc, "port", handler->grpc->port);
        json_set_text(grpc, "service", handler->grpc->service);
    } else if (handler->ping != NULL) {
        json_set_object(out, "exec");
    } else if (handler->sleep != NULL) {
        json_set_integer(json_set_object(out, "sleep"), "seconds", handler->sleep->seconds);
    }
    return out;
}

/* ---- asking */

static void ask_runtime(struct core *core, struct asking *asking, const struct json *exec, uint64_t timeout_ms)
{
    AUTO_JSON struct json *document =
        json_new_texts("uid", asking->uid, "container", asking->container, NULL);
    json_set_integer(document, "attempt", asking->attempt);
    if (json_get(exec, "command") != NULL)
        json_set(document, "command", json_copy(json_get(exec, "command")));
    else
        json_set_boolean(document, "ping", true); /* guestAgentPing */
    json_set_boolean(document, "capture", true);
    json_set_integer(document, "timeoutMs", (int64_t)timeout_ms);
    asking->by_runtime = true;
    runtime_send(core, asking->runtime, asking->id, "exec", timeout_ms + ANSWER_SLACK_MS, document);
}

static void ask_probe(struct core *core, struct asking *asking, const char *kind, const struct json *what, bool host_network,
                      uint64_t timeout_ms)
{
    char *addresses[2];
    size_t count = host_network ? 0 : network_addresses(core, asking->uid, addresses);
    const char *host = json_get_text(what, "host");
    struct json *head = json_new_texts("op", "probe", "kind", kind, NULL);
    json_set_integer(head, "id", asking->id);
    json_set_text(head, "host", host != NULL && host[0] != '\0' ? host : count > 0 ? addresses[0] : "127.0.0.1");
    json_set_integer(head, "port", json_get_integer(what, "port", 0));
    json_set_integer(head, "timeoutMs", (int64_t)timeout_ms);
    json_set_text(head, "scheme", json_get_text(what, "scheme"));
    const char *path = json_get_text(what, "path");
    json_set_text(head, "path", path != NULL && path[0] != '\0' ? path : "/");
    if (json_get(what, "headers") != NULL)
        json_set(head, "headers", json_copy(json_get(what, "headers")));
    json_set_text(head, "service", json_get_text(what, "service"));
    core->env->to_probe(core->env->ctx, head);
}

static void ask(struct core *core, struct asking *asking, const struct json *handler, bool host_network,
                uint64_t timeout_ms)
{
    static const struct {
        const char *key, *kind;
    } kinds[] = { { "httpGet", "http" }, { "tcpSocket", "tcp" }, { "grpc", "grpc" } };
    if (json_get(handler, "exec") != NULL) {
        ask_runtime(core, asking, json_get(handler, "exec"), timeout_ms);
        return;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (json_get(handler, kinds[i].key) != NULL) {
            ask_probe(core, asking, kinds[i].kind, json_get(handler, kinds[i].key), host_network, timeout_ms);
            return;
        }
    int64_t seconds = json_get_integer(json_get(handler, "sleep"), "seconds", 0);
    asking->due_boot_ms = core_boot_ms(core) + (uint64_t)seconds * 1000;
}

void handler_begin(struct core *core, struct object *object, const struct pod_action *action, const struct pod *pod)
{
    struct run *run = object_run(object, action->uid);
    struct instance *one = run_find(run, action->container, action->attempt);
    if (one == NULL)
        return;
    uint64_t now = core_boot_ms(core);
    struct asking *asking = mem_alloc(sizeof(*asking));
    asking->id = ++core->last_call;
    asking->object = object->id;
    asking->runtime = runtime_of(core, object);
    memcpy(asking->uid, action->uid, sizeof(asking->uid));
    memcpy(asking->container, action->container, sizeof(asking->container));
    asking->attempt = action->attempt;
    asking->is_hook = action->kind == POD_HOOK;
    asking->is_pre_stop = action->hook_is_pre_stop;
    asking->probe = action->probe;
    LL_PREPEND(core->askings, asking);
    core_touch(core, object); /* it goes on beside this */
    if (asking->is_pre_stop) {
        one->pre_stop_state = HOOK_RUNS;
        runtime_ending_begun(core, object, run, one);
        ask(core, asking, one->pre_stop, !network_has(core, asking->uid), action->grace_ms);
        return;
    }
    const struct container *container = pod_container(pod, action->container_index);
    const struct probe *probe = asking->is_hook ? NULL : container_probe(container, action->probe);
    if (probe != NULL)
        probe_begun(&one->probes[action->probe], probe, now);
    else
        one->post_start = HOOK_RUNS;
    AUTO_JSON struct json *handler =
        handler_write(container, probe != NULL ? &probe->handler : container->lifecycle->post_start);
    ask(core, asking, handler, pod->host_network, probe != NULL ? probe_timeout_ms(probe) : HOOK_MAX_MS);
}

/* ---- answers */

static const struct container *container_of(const struct object *object, const struct asking *asking)
{
    const struct pod *pod = object_wanted(object);
    if (pod == NULL || strcmp(object->uid, asking->uid) != 0)
        return NULL;
    for (size_t i = 0; i < pod_count(pod); i++)
        if (strcmp(pod_container(pod, i)->name, asking->container) == 0)
            return pod_container(pod, i);
    return NULL;
}

/* One event at the begin of a row of failures, not one a failure. */
static void take_probe(struct core *core, struct object *object, const struct asking *asking, struct instance *one,
                       bool passed, const char *message)
{
    const struct container *container = container_of(object, asking);
    const struct probe *probe = container != NULL ? container_probe(container, asking->probe) : NULL;
    struct probe_state *state = &one->probes[asking->probe];
    if (probe == NULL) {
        state->asked = false;
        return;
    }
    bool turned = probe_answered(state, probe, passed, core_boot_ms(core), core_wall_ms(core));
    if (!passed && (turned || state->failures == 1))
        core_event(core, object, true, "Unhealthy", "%s probe failed: %.400s", probe_name(asking->probe), message);
}

static void take_hook(struct core *core, struct object *object, const struct asking *asking, struct instance *one,
                      bool passed, const char *message)
{
    const char *name = asking->is_pre_stop ? "PreStopHook" : "PostStartHook";
    enum hook_state state = passed ? HOOK_DONE : HOOK_FAILED;
    if (asking->is_pre_stop)
        one->pre_stop_state = state;
    else
        one->post_start = state;
    if (!passed)
        core_event(core, object, true, asking->is_pre_stop ? "FailedPreStopHook" : "FailedPostStartHook",
                   "%s failed: %.400s", name, message);
}

static struct instance *instance_of(struct core *core, const struct asking *asking, struct object **object)
{
    *object = objects_find(&core->objects, &asking->object);
    return *object != NULL ? run_find(object_run(*object, asking->uid), asking->container, asking->attempt) : NULL;
}

/* Takes `asking`, which is in no list any more. */
static void answered(struct core *core, struct asking *asking, bool passed, const char *message)
{
    struct object *object;
    struct instance *one = instance_of(core, asking, &object);
    if (one != NULL) {
        if (asking->is_hook)
            take_hook(core, object, asking, one, passed, message);
        else
            take_probe(core, object, asking, one, passed, message);
        core_touch(core, object);
    }
    free(asking);
}

static struct asking *taken(struct core *core, int64_t id)
{
    struct asking *asking;
    LL_SEARCH_SCALAR(core->askings, asking, id, id);
    if (asking != NULL)
        LL_DELETE(core->askings, asking);
    return asking;
}

/* Kubernetes: a probe that could not be carried out says nothing of the container. It is asked again when it is due. */
static void undecided(struct core *core, struct asking *asking, const char *message)
{
    struct object *object;
    struct instance *one = instance_of(core, asking, &object);
    if (one != NULL) {
        one->probes[asking->probe].asked = false;
        core_event(core, object, true, "Unhealthy", "%s probe errored: %.400s", probe_name(asking->probe), message);
        core_touch(core, object);
    }
    free(asking);
}

bool handler_exec_answered(struct core *core, const struct frame_view *frame)
{
    struct asking *asking = taken(core, json_get_integer(frame->head, "id", 0));
    struct error ignored; /* without an answer it has failed */
    if (asking == NULL)
        return false;
    AUTO_JSON struct json *answer = frame->body_len > 0 ? json_parse(frame->body, frame->body_len, &ignored) : NULL;
    bool ran = json_get_boolean(frame->head, "ok", false);
    int64_t code = json_get_integer(answer, "exitCode", -1);
    bool late = json_get_boolean(answer, "timedOut", false);
    const char *said = json_get_text(ran ? answer : frame->head, ran ? "output" : "message");
    AUTO_FREE char *message = NULL;
    if (late)
        message = mem_printf("command timed out: %s", said != NULL ? said : "");
    else if (ran && asking->is_hook)
        message = mem_printf("command exited with %" PRId64 ": %s", code, said != NULL ? said : "");
    else
        message = mem_strdup(said != NULL ? said : "");
    if (ran || asking->is_hook)
        answered(core, asking, ran && code == 0 && !late, message);
    else
        undecided(core, asking, message);
    return true;
}

void handler_probe_answered(struct core *core, const struct frame_view *frame)
{
    struct asking *asking = taken(core, json_get_integer(frame->head, "id", 0));
    const char *message = json_get_text(frame->head, "message");
    if (asking != NULL)
        answered(core, asking, json_get_boolean(frame->head, "ok", false), message != NULL ? message : "");
}

uint64_t handler_settle(struct core *core)
{
    uint64_t now = core_boot_ms(core), next = 0;
    struct asking *asking, *following;
    LL_FOREACH_SAFE(core->askings, asking, following) {
        if (asking->due_boot_ms == 0)
            continue;
        if (asking->due_boot_ms <= now) {
            LL_DELETE(core->askings, asking);
            answered(core, asking, true, "");
        } else if (next == 0 || asking->due_boot_ms < next) {
            next = asking->due_boot_ms;
        }
    }
    return next;
}

/* A probe is asked again when it is due, postStart at once; a preStop has had its time. */
static void lost(struct core *core, const struct asking *asking)
{
    struct object *object;
    struct instance *one = instance_of(core, asking, &object);
    if (one == NULL)
        return;
    if (!asking->is_hook) {
        one->probes[asking->probe].asked = false;
        one->probes[asking->probe].due_boot_ms = core_boot_ms(core);
    } else if (asking->is_pre_stop) {
        one->pre_stop_state = HOOK_DONE;
    } else {
        one->post_start = HOOK_NONE;
    }
    core_touch(core, object);
}

void handler_lost(struct core *core, const struct runtime_state *runtime)
{
    struct asking *asking, *following;
    LL_FOREACH_SAFE(core->askings, asking, following)
        if (asking->due_boot_ms == 0 && (asking->by_runtime ? asking->runtime : NULL) == runtime) {
            LL_DELETE(core->askings, asking);
            lost(core, asking);
            free(asking);
        }
}

void handler_free_all(struct core *core)
{
    while (core->askings != NULL) {
        struct asking *asking = core->askings;
        LL_DELETE(core->askings, asking);
        free(asking);
    }
}
