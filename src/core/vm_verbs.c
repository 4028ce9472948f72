/* start, stop: what a person says of a virtual machine's power. KubeVirt's rules: what its run strategy does by itself is not
 * asked for, and what is asked for lasts until the next word or another run strategy.
 */
#include <string.h>

#include "base/memory.h"
#include "core/request_verbs.h"
#include "core/snapshots.h"

struct object *request_vm(struct core *core, const struct request_call *call)
{
    struct object *object = objects_find(&core->objects, &call->object);
    const struct slot *ruling = object != NULL ? object_ruling(object) : NULL;
    if (strcmp(call->object.resource, "virtualmachines") != 0)
        requests_fail(core, call->serial, "InvalidRequest", "%s of what? Of a virtual machine, as vm/hmi; %s/%s is none",
                      call->verb->name, call->object.resource, call->object.name);
    else if (ruling == NULL || ruling->tombstone)
        requests_fail(core, call->serial, "NotFound", "virtualmachines \"%s\" not found in namespace \"%s\"", call->object.name,
                      call->object.namespace);
    else if (power_vm(object) == NULL)
        requests_fail(core, call->serial, "InvalidRequest", "the document of %s cannot be read: davit describe vm %s says why",
                      call->object.name, call->object.name);
    else
        return object;
    return NULL;
}

/* The same, for what changes its power. */
static struct object *free_vm(struct core *core, const struct request_call *call)
{
    struct object *object = request_vm(core, call);
    if (object == NULL || !snapshots_hold(core, object))
        return object;
    requests_fail(core, call->serial, "Busy", "%s is going back to a snapshot: wait for its event RolledBack", object->id.name);
    return NULL;
}

/* A pod's power is its document. */
static bool is_pod(struct core *core, const struct request_call *call, const char *what_to_do)
{
    bool is = strcmp(call->object.resource, "virtualmachines") != 0;
    if (is)
        requests_fail(core, call->serial, "InvalidRequest", "only a virtual machine can be %s, as vm/hmi. %s/%s: %s",
                      strcmp(call->verb->name, "stop") == 0 ? "stopped" : "started", call->object.resource, call->object.name,
                      what_to_do);
    return is;
}

struct asking {
    struct core *core;
    int64_t serial;
};

static void said(void *ctx, const struct error *err)
{
    AUTO_FREE struct asking *asking = ctx;
    const struct request_call *call = requests_find(asking->core, asking->serial);
    if (err != NULL)
        requests_fail(asking->core, asking->serial, "StoreFailed", "nothing was done: %.300s", err->message);
    else if (call != NULL)
        requests_answer(asking->core, asking->serial, request_answer(call->args));
}

static void say(struct core *core, const struct request_call *call, struct object *object, enum power power, bool force,
                bool anew)
{
    struct asking *asking = mem_alloc(sizeof(*asking));
    *asking = (struct asking){ .core = core, .serial = call->serial };
    power_set(core, object, power, force, anew, said, asking);
}

void request_start(struct core *core, struct request_call *call)
{
    struct object *object = is_pod(core, call, "it runs as long as its document is there; davit restart starts it again")
                                ? NULL
                                : free_vm(core, call);
    if (object == NULL)
        return;
    if (object->power != POWER_OFF && power_runs(object))
        requests_fail(core, call->serial, "AlreadyRunning", "%s is running already", object->id.name);
    else if (power_comes(object))
        requests_fail(core, call->serial, "AlreadyRunning", "%s is being started by its run strategy: davit describe vm %s says "
                      "what it waits for", object->id.name, object->id.name);
    else
        say(core, call, object, POWER_ON, false, object_has_begun(object));
}

void request_stop(struct core *core, struct request_call *call)
{
    struct object *object = is_pod(core, call, "delete it, or set replicas: 0 of what owns it") ? NULL : free_vm(core, call);
    if (object == NULL)
        return;
    if (!power_runs(object) && !power_comes(object) && !object->calling)
        requests_fail(core, call->serial, "NotRunning", "%s is not running", object->id.name);
    else
        say(core, call, object, POWER_OFF, json_get_boolean(call->args, "force", false), false);
}

bool request_may_restart_vm(struct core *core, const struct request_call *call)
{
    const struct object *object = free_vm(core, call);
    if (object == NULL)
        return false;
    bool off = object->power == POWER_OFF || (!power_runs(object) && !power_comes(object));
    if (off)
        requests_fail(core, call->serial, "NotRunning", "%s is not running: davit start vm/%s starts it", object->id.name,
                      object->id.name);
    return !off;
}
