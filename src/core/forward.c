#include "core/forward.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "core/choice.h"
#include "core/owned.h"
#include "protocol/names.h"

#define CONNECT_MS 10000
#define PORT_MAX 65535

/* One that waits for davit-probe. */
struct forward {
    struct json *head;
    int fds[EXEC_FDS];
    size_t fd_count;
    struct forward *next;
};

/* ---- where to */

struct target {
    char host[64];
    int64_t port;
};

/* The name that a Service's port of this number has; NULL: there is no such port. */
static const char *service_port_name(const struct json *spec, int64_t number)
{
    JSON_EACH(port, json_get(spec, "ports"))
        if (json_get_integer(port, "port", 0) == number) {
            const char *name = json_get_text(port, "name");
            return name != NULL ? name : "";
        }
    return NULL;
}

static int64_t target_port(const struct json *endpoint, const char *name)
{
    JSON_EACH(port, json_get(endpoint, "ports")) {
        const char *has = json_get_text(port, "name");
        if (strcmp(has != NULL ? has : "", name) == 0)
            return json_get_integer(port, "port", 0);
    }
    return 0;
}

/* The first that is ready. NULL: found. */
static struct json *find_service(const struct core *core, const struct object_id *id, struct target *target)
{
    const struct object *object = objects_find(&core->objects, id);
    const struct slot *ruling = object != NULL ? object_ruling(object) : NULL;
    const char *name = ruling != NULL ? service_port_name(ruling->data, target->port) : NULL;
    if (ruling == NULL)
        return choice_refuse("NotFound", mem_printf("service \"%s\" not found", id->name));
    if (name == NULL)
        return choice_refuse("NotFound", mem_printf("service %s has no port %" PRId64, id->name, target->port));
    JSON_EACH(endpoint, services_endpoints(core, id)) {
        int64_t port = target_port(endpoint, name);
        const char *address = json_text(json_first(json_get(endpoint, "addresses")));
        if (!json_get_boolean(endpoint, "ready", false) || port == 0 || address == NULL)
            continue;
        target->port = port;
        snprintf(target->host, sizeof(target->host), "%s", address);
        return NULL;
    }
    return choice_refuse("NotRunning", mem_printf("no pod of service %s is ready: davit describe svc %s says which it chooses",
                                                  id->name, id->name));
}

static struct json *find_pod(const struct core *core, const struct json *request, struct target *target)
{
    struct choice choice;
    struct json *refusal = NULL;
    char *addresses[2];
    AUTO_JSON struct json *chosen = json_copy(request);
    if (json_get(chosen, "pod") == NULL)
        json_set_text(chosen, "pod", json_get_text(request, "object"));
    if (!choice_make(core, chosen, &choice, &refusal))
        return refusal;
    if (choice.newest == NULL || choice.newest->state != INSTANCE_RUNNING)
        return choice_refuse("NotRunning", mem_printf("%s/%s is not running", choice.object->id.resource, choice.object->id.name));
    size_t count = choice.pod->host_network ? 0 : network_addresses(core, choice.object->uid, addresses);
    if (!choice.pod->host_network && (count == 0 || choice.object->network.state != NETWORK_READY))
        return choice_refuse("Unavailable", mem_printf("%s/%s has no address", choice.object->id.resource, choice.object->id.name));
    snprintf(target->host, sizeof(target->host), "%s", count > 0 ? addresses[0] : "127.0.0.1");
    return NULL;
}

/* NULL: found. */
static struct json *find_target(const struct core *core, const struct json *request, struct target *target)
{
    struct object_id id;
    struct refusal refusal;
    target->port = json_get_integer(request, "port", 0);
    if (target->port < 1 || target->port > PORT_MAX)
        return choice_refuse("InvalidRequest", mem_strdup("\"port\" must be a number from 1 to 65535"));
    if (!request_object(request, &id, &refusal))
        return choice_refuse(refusal.reason, mem_strdup(refusal.message));
    return strcmp(id.resource, "services") == 0 ? find_service(core, &id, target) : find_pod(core, request, target);
}

/* ---- davit-probe */

static void drop(struct forward *forward)
{
    json_free(forward->head);
    for (size_t i = 0; i < forward->fd_count; i++)
        fd_close_at(&forward->fds[i]);
    free(forward);
}

static void send_waiting(struct core *core)
{
    struct forward *forward, *next;
    LL_FOREACH_SAFE(core->forwards, forward, next) {
        if (!core->env->to_probe_fds(core->env->ctx, forward->head, forward->fds, forward->fd_count))
            return;
        LL_DELETE(core->forwards, forward);
        drop(forward);
    }
}

void forward_probe_up(struct core *core)
{
    send_waiting(core);
}

void forward_free_all(struct core *core)
{
    struct forward *forward, *next;
    LL_FOREACH_SAFE(core->forwards, forward, next)
        drop(forward);
    core->forwards = NULL;
}

void forward_probe_down(struct core *core)
{
    forward_free_all(core);
    exec_end_forwards(core, "Unavailable", "davit-probe ended, and the connection with it");
}

bool forward_answered(struct core *core, const struct frame_view *frame)
{
    const char *op = json_get_text(frame->head, "op");
    if (op == NULL || strcmp(op, "forwarded") != 0)
        return false;
    const char *reason = json_get_text(frame->head, "reason"), *message = json_get_text(frame->head, "message");
    AUTO_JSON struct json *result = NULL;
    if (json_get_boolean(frame->head, "ok", false)) {
        result = json_new_object();
        json_set_boolean(result, "ok", true);
        json_set_integer(result, "exitCode", 0);
    } else {
        result = choice_refuse(reason != NULL ? reason : "ConnectFailed", mem_strdup(message != NULL ? message : ""));
    }
    exec_finish(core, json_get_integer(frame->head, "id", 0), result);
    return true;
}

/* ---- the beginning */

static void ask(struct core *core, int64_t id, const struct target *target, int fds[EXEC_FDS])
{
    struct forward *forward = mem_alloc(sizeof(*forward));
    forward->head = json_new_texts("op", "forward", "host", target->host, NULL);
    json_set_integer(forward->head, "id", id);
    json_set_integer(forward->head, "port", target->port);
    json_set_integer(forward->head, "timeoutMs", CONNECT_MS);
    struct json *names = json_set_array(forward->head, "fds");
    for (size_t i = 0; i < EXEC_FDS; i++) {
        if (fds[i] < 0 || i == EXEC_STDERR)
            continue;
        json_add_text(names, exec_fd_names[i]);
        forward->fds[forward->fd_count++] = fds[i];
        fds[i] = -1;
    }
    LL_APPEND(core->forwards, forward);
    send_waiting(core);
}

int64_t forward_begin(struct core *core, const struct json *request, int fds[EXEC_FDS], exec_done done, void *ctx,
                      struct json **said)
{
    struct target target;
    int64_t id = 0;
    *said = core->env->to_probe_fds != NULL ? find_target(core, request, &target)
                                            : choice_refuse("Unsupported", mem_strdup("this node cannot do that"));
    if (*said == NULL && exec_forwards(core) >= LIMIT_FORWARDS)
        *said = choice_refuse("TooManyForwards", mem_printf("%d connections are forwarded already: end one", LIMIT_FORWARDS));
    if (*said == NULL && (fds[EXEC_STDOUT] < 0 || fds[EXEC_CONTROL] < 0))
        *said = choice_refuse("InvalidRequest", mem_strdup("stdout and control are needed"));
    if (*said == NULL) {
        id = exec_add_forward(core, done, ctx);
        *said = json_new_object();
        json_set_boolean(*said, "ok", true);
        ask(core, id, &target, fds);
    }
    for (size_t i = 0; i < EXEC_FDS; i++)
        fd_close_at(&fds[i]);
    return id;
}
