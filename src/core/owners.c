#include "core/owners.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/owner_kinds.h"

static const struct {
    const char *resource;
    owner_step step;
    owner_report report;
} kinds[] = { { "deployments", replicas_step, replicas_report }, { "daemonsets", replicas_step, replicas_report },
              { "statefulsets", replicas_step, replicas_report }, { "jobs", jobs_step, jobs_report },
              { "cronjobs", crons_step, crons_report },           { "apps", apps_step, apps_report } };

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static size_t kind_of(const struct object *object)
{
    size_t i = 0;
    while (i < KIND_COUNT && strcmp(kinds[i].resource, object->id.resource) != 0)
        i++;
    return i;
}

bool owners_is_one(const struct object *object)
{
    return kind_of(object) < KIND_COUNT;
}

void owners_step(struct core *core, struct object *object)
{
    const struct slot *ruling = object_ruling(object);
    bool unreadable = ruling != NULL && ruling->data == NULL;
    /* Before it is known what runs, nothing of its children is. */
    if (object->committing || object->saving || unreadable || !core->runtime.listed)
        return;
    if (object->wait_boot_ms > core_boot_ms(core)) {
        core_wake_object(core, object, object->wait_boot_ms);
        return;
    }
    AUTO_FREE char *group = owned_group(object);
    kinds[kind_of(object)].step(core, object, owned_spec(object), group);
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

bool owners_is_told(const struct object *object)
{
    return owners_is_one(object) && owned_spec(object) != NULL;
}

void owners_tell(struct core *core, struct object *object, struct json **described)
{
    AUTO_FREE char *group = owned_group(object);
    AUTO_FREE char *source = slot_name(object_ruling(object));
    struct owner_told told = owned_told(object, source);
    told.described = described;
    kinds[kind_of(object)].report(core, object, owned_spec(object), group, &told);
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
