/* restart: the same pod again, as another incarnation. Its containers end gracefully, and restart counts begin anew, as
 * for a pod that Kubernetes made anew. An owner's pods go one after the other, where its updates do.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/change.h"
#include "core/owned.h"
#include "core/request_verbs.h"
#include "core/runtime.h"
#include "core/restart.h"

#include "protocol/replicas.h"

static void not_found(struct core *core, const struct request_call *call)
{
    requests_fail(core, call->serial, "NotFound", "%s \"%s\" not found in namespace \"%s\"", call->object.resource,
                  call->object.name, call->object.namespace);
}

/* An image that has gone since: what runs is not ended for what cannot be started again. */
static const char *missing_image(const struct core *core, const struct object *object, const struct pod *pod)
{
    const struct runtime_state *runtime = runtime_seen(core, object);
    for (size_t i = 0; runtime->listed && runtime->needs_images && i < pod_image_count(pod); i++)
        if (pod_image(pod, i) != NULL && images_find(&core->images, pod_image(pod, i)) == NULL)
            return pod_image(pod, i);
    return NULL;
}

static void answer(struct core *core, int64_t serial, int64_t pods)
{
    const struct request_call *call = requests_find(core, serial);
    struct json *json = call != NULL ? request_answer(call->args) : NULL;
    if (json == NULL)
        return;
    if (strcmp(call->object.resource, "virtualmachines") != 0)
        json_set_integer(json, "pods", pods);
    requests_answer(core, serial, json);
}

void restart_done(struct core *core, int64_t serial)
{
    answer(core, serial, 1);
}

void restart_begin(struct core *core, struct object *object, int64_t serial)
{
    struct change *change = mem_alloc(sizeof(*change));
    change->core = core;
    change->object = object;
    change->restart = true;
    change->restart_serial = serial;
    change->accepted_ms = core_wall_ms(core);
    change->seq = -1;
    change_commit(change);
}

static void fail_image(struct core *core, int64_t serial, const char *image)
{
    requests_fail(core, serial, "ImageMissing",
                  "image %.200s is not on this device any more: nothing was ended. Bring it with davit image pull", image);
}

void request_restart_go(struct core *core, struct request_call *call)
{
    struct object *object = objects_find(&core->objects, &call->object);
    const struct pod *pod = object != NULL && object->hash[0] != '\0' ? object_wanted(object) : NULL;
    call->restarting = object != NULL && object->committing;
    if (call->restarting)
        return;
    const char *image = pod != NULL ? missing_image(core, object, pod) : NULL;
    if (pod == NULL)
        not_found(core, call);
    else if (image != NULL)
        fail_image(core, call->serial, image);
    else if (runtime_seen(core, object)->listed && object->runs == NULL && !object_has_begun(object))
        answer(core, call->serial, 1); /* it has not begun yet: it will, as it was asked to */
    else
        restart_begin(core, object, call->serial);
}

/* ---- all pods of an owner */

struct marking {
    struct core *core;
    int64_t serial;
    struct object_id owner;
    char (*uids)[POD_UID_BYTES];
    size_t count;
};

static void marked(void *ctx, const struct error *err)
{
    struct marking *marking = ctx;
    struct core *core = marking->core;
    struct object *owner = objects_find(&core->objects, &marking->owner);
    for (size_t i = 0; err == NULL && i < marking->count; i++)
        restart_mark(core, marking->uids[i], false);
    if (owner != NULL)
        core_touch(core, owner);
    if (err != NULL)
        requests_fail(core, marking->serial, "StoreFailed", "nothing was done: %.300s", err->message);
    else
        answer(core, marking->serial, (int64_t)marking->count);
    free(marking->uids);
    free(marking);
}

void restart_mark(struct core *core, const char *uid, bool made)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (strcmp(object->uid, uid) == 0) {
            object->replaces = object->replaces || made;
            if (!made)
                memcpy(object->restart_uid, object->uid, sizeof(object->restart_uid));
        }
}

/* NULL: none at this place, or the name is another one's. */
static const struct object *child_at(struct core *core, const struct object_id *owner_id, const struct json *owner, size_t place)
{
    AUTO_FREE char *group = mem_printf("%s/%s", owner_id->resource, owner_id->name);
    struct object_id id;
    replicas_child_id(owner_id, owner, place, &id);
    const struct object *child = objects_find(&core->objects, &id);
    const struct slot *slot = owned_slot(child, group);
    return slot != NULL && slot == object_ruling(child) && child->uid[0] != '\0' && child->hash[0] != '\0' ? child : NULL;
}

static void mark_all(struct core *core, struct request_call *call, const struct json *owner)
{
    struct rollout_rule rule;
    replicas_rule(owner, &rule);
    if (rule.paused || rule.on_delete) {
        requests_fail(core, call->serial, "InvalidRequest", "%s is paused, or updated OnDelete: restart its pods by their names",
                      call->object.name);
        return;
    }
    size_t begin = rule.is_set ? rule.partition : 0;
    for (size_t place = begin; place < rule.wanted; place++) {
        const struct object *child = child_at(core, &call->object, owner, place);
        const char *image = child != NULL ? missing_image(core, child, object_wanted(child)) : NULL;
        if (image != NULL) {
            fail_image(core, call->serial, image);
            return;
        }
    }
    struct marking *marking = mem_alloc(sizeof(*marking));
    struct store_txn *txn = store_begin(core->store);
    marking->core = core;
    marking->serial = call->serial;
    marking->owner = call->object;
    marking->uids = mem_array(rule.wanted + 1, sizeof(*marking->uids));
    for (size_t place = begin; place < rule.wanted; place++) {
        const struct object *child = child_at(core, &call->object, owner, place);
        if (child == NULL)
            continue;
        memcpy(marking->uids[marking->count++], child->uid, POD_UID_BYTES);
        store_put_restart(txn, child->uid, false);
    }
    store_commit(txn, marked, marking);
}

/* An App's pods are those of its Deployment. */
static bool has_replicas(struct object_id *id)
{
    static const char *const kinds[] = { "deployments", "daemonsets", "statefulsets" };
    bool has = false;
    if (strcmp(id->resource, "apps") == 0)
        snprintf(id->resource, sizeof(id->resource), "deployments");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        has = has || strcmp(kinds[i], id->resource) == 0;
    return has;
}

void request_restart(struct core *core, struct request_call *call)
{
    bool of_owner = has_replicas(&call->object);
    const struct object *object = objects_find(&core->objects, &call->object);
    const struct slot *ruling = object != NULL ? object_ruling(object) : NULL;
    bool is_vm = strcmp(call->object.resource, "virtualmachines") == 0;
    if (strcmp(call->object.resource, "pods") == 0 || (is_vm && request_may_restart_vm(core, call)))
        request_restart_go(core, call);
    else if (is_vm)
        return; /* answered */
    else if (!of_owner)
        requests_fail(core, call->serial, "InvalidRequest", "%s cannot be restarted: pods, deployments, daemonsets, statefulsets, apps and virtualmachines can",
                      call->object.resource);
    else if (ruling == NULL || ruling->data == NULL)
        not_found(core, call);
    else
        mark_all(core, call, ruling->data);
}
