#include "core/owners.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/inbox.h"
#include "core/report.h"
#include "core/restart.h"
#include "protocol/owner.h"

bool owners_is_one(const struct object *object)
{
    return owner_is_one(object->id.resource);
}

/* "deployments/web": names the slots that it fills. The caller frees. */
static char *slot_of(const struct object *object)
{
    return mem_printf("%s/%s", object->id.resource, object->id.name);
}

static struct slot *owned_slot(const struct object *child, const char *group)
{
    struct slot_key key = { .source = SOURCE_OWNER, .group = group };
    return object_slot(child, &key);
}

/* The summary may still be that of the incarnation before. */
static bool is_ready(const struct object *child)
{
    return json_get_integer(child->summary, "ready", 0) == 1 &&
           json_get_integer(child->summary, "createdAt", 0) == (int64_t)child->created_ms;
}

static const struct json *owner_of(const struct object *object)
{
    const struct slot *ruling = object_ruling(object);
    return ruling != NULL ? ruling->data : NULL;
}

/* Children beyond what is wanted go: those of a scaled-down owner, and all of one that is gone. */
static void drop_children(struct core *core, const struct object *object, const char *group, int64_t wanted)
{
    for (struct object *child = core->objects.table; child != NULL; child = child->hh.next) {
        struct slot *slot = owned_slot(child, group);
        bool kept = false;
        if (slot == NULL || slot->left || strcmp(child->id.namespace, object->id.namespace) != 0)
            continue;
        for (int64_t i = 0; i < wanted && !kept; i++) {
            struct object_id id;
            owner_child_id(&object->id, i, &id);
            kept = object_id_compare(&id, &child->id) == 0;
        }
        struct slot_key key = { .source = SOURCE_OWNER, .group = group };
        if (!kept && !child->committing) {
            slot->left = true;
            inbox_empty_slot(core, child, &key);
        }
    }
}

/* Whether an update may take this one now: one after the other, and the next when the last is ready again. */
static bool is_its_turn(struct core *core, const struct object *object, const struct json *owner, int64_t index)
{
    if (owner_recreates(owner))
        return true;
    for (int64_t i = 0; i < owner_replicas(owner); i++) {
        struct object_id id;
        owner_child_id(&object->id, i, &id);
        const struct object *other = objects_find(&core->objects, &id);
        if (i != index && (other == NULL || other->committing || other->saving || !is_ready(other)))
            return false;
    }
    return true;
}

static void fill_child(struct core *core, struct object *object, const struct json *owner, const char *group, int64_t index)
{
    struct object_id id;
    char content[DIGEST_HEX_BYTES];
    AUTO_JSON struct json *document = owner_child(&object->id, owner, index);
    owner_child_id(&object->id, index, &id);
    struct object *child = objects_get(&core->objects, &id);
    struct slot *slot = child != NULL ? owned_slot(child, group) : NULL;
    if (child == NULL || child->committing)
        return;
    document_content(document, content);
    if (slot != NULL && strcmp(slot->content, content) == 0)
        return;
    if (slot != NULL && is_ready(child) && !is_its_turn(core, object, owner, index))
        return;
    inbox_owned(core, child, group, document);
}

/* One that is to be restarted, when an update might take it too. */
static void restart_child(struct core *core, struct object *object, const struct json *owner, int64_t index)
{
    struct object_id id;
    owner_child_id(&object->id, index, &id);
    struct object *child = objects_find(&core->objects, &id);
    bool marked = child != NULL && child->hash[0] != '\0' && strcmp(child->uid, child->restart_uid) == 0;
    if (!marked || child->committing || (is_ready(child) && !is_its_turn(core, object, owner, index)))
        return;
    restart_begin(core, child, 0);
}

void owners_step(struct core *core, struct object *object)
{
    const struct json *owner = owner_of(object);
    AUTO_FREE char *group = slot_of(object);
    if (object->committing)
        return;
    int64_t wanted = owner != NULL ? owner_replicas(owner) : 0;
    drop_children(core, object, group, wanted);
    for (int64_t i = 0; i < wanted; i++)
        fill_child(core, object, owner, group, i);
    for (int64_t i = 0; i < wanted; i++)
        restart_child(core, object, owner, i);
}

/* A Job counts its failures; whoever wants pods that run gets a new one, once the old one has ended. */
bool owners_replaces(const struct object *object)
{
    const struct slot *ruling = object_ruling(object);
    const struct run *run = object_run(object, object->uid);
    for (size_t i = 0; run != NULL && i < run->count; i++)
        if (run->instances[i].state != INSTANCE_EXITED)
            return false;
    return object->end.reason[0] != '\0' && ruling != NULL && ruling->source == SOURCE_OWNER &&
           strncmp(ruling->group, "jobs/", 5) != 0 && strcmp(object->id.resource, "pods") == 0;
}

/* ---- what is told */

/* The name of a child is taken by a pod of somebody else: said, and left alone. */
static void count_child(struct core *core, const struct object *object, const struct json *owner, const char *group,
                        int64_t index, struct owner_report *report)
{
    struct object_id id;
    char content[DIGEST_HEX_BYTES];
    owner_child_id(&object->id, index, &id);
    const struct object *child = objects_find(&core->objects, &id);
    const struct slot *slot = child != NULL ? owned_slot(child, group) : NULL;
    if (slot == NULL)
        return;
    AUTO_JSON struct json *document = owner_child(&object->id, owner, index);
    document_content(document, content);
    report->present++;
    report->updated += strcmp(slot->content, content) == 0;
    if (object_ruling(child) != slot) {
        report->problem = "NameCollision";
        report->message = "a pod of the same name has a document of its own, which rules";
        return;
    }
    report->ready += is_ready(child);
    report->restarts += json_get_integer(child->summary, "restarts", 0);
    const char *reason = json_get_text(child->summary, "reason");
    if (!is_ready(child) && reason != NULL && report->message == NULL)
        report->message = json_get_text(child->summary, "message");
}

bool owners_is_told(const struct object *object)
{
    return owners_is_one(object) && owner_of(object) != NULL && !object->refused;
}

static void write_both(struct core *core, const struct object *object, struct json **state, struct json **status)
{
    const struct slot *ruling = object_ruling(object);
    const struct json *owner = owner_of(object);
    AUTO_FREE char *group = slot_of(object);
    AUTO_FREE char *source = slot_name(ruling);
    struct owner_report report = { .id = &object->id, .generation = ruling->generation, .source = source,
                                   .accepted_ms = ruling->accepted_ms, .wanted = owner_replicas(owner),
                                   .ignored = &ruling->ignored };
    for (int64_t i = 0; i < report.wanted; i++)
        count_child(core, object, owner, group, i, &report);
    *state = owner_state_write(&report);
    *status = owner_status_write(&report);
}

struct json *owners_describe(struct core *core, struct object *object)
{
    AUTO_JSON struct json *state = NULL;
    struct json *status = NULL;
    write_both(core, object, &state, &status);
    return status;
}

void owners_report(struct core *core, struct object *object)
{
    AUTO_JSON struct json *state = NULL;
    AUTO_JSON struct json *status = NULL;
    write_both(core, object, &state, &status);
    report_tell(core, "state", &object->id, state, true, object->told_state);
    report_tell(core, "status", &object->id, status, false, object->told_status);
}

void owners_child_told(struct core *core, const struct object *child)
{
    for (size_t i = 0; i < child->slot_count; i++) {
        const struct slot *slot = &child->slots[i];
        const char *slash = slot->source == SOURCE_OWNER ? strchr(slot->group, '/') : NULL;
        struct object_id id = { .name = "" };
        if (slash == NULL)
            continue;
        memcpy(id.namespace, child->id.namespace, sizeof(id.namespace));
        snprintf(id.resource, sizeof(id.resource), "%.*s", (int)(slash - slot->group), slot->group);
        snprintf(id.name, sizeof(id.name), "%s", slash + 1);
        struct object *owner = objects_find(&core->objects, &id);
        if (owner != NULL)
            core_touch(core, owner);
    }
}
