/* App: fills the slots of what it means. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/owner_kinds.h"
#include "protocol/app.h"
#include "protocol/names.h"

struct sweep {
    const struct json *expansion;
    const char *group;
};

static void id_of(const struct object *owner, const struct json *document, struct object_id *id)
{
    const struct resource *resource = resource_by_kind(json_get_text(document, "kind"));
    owner_child_id(&owner->id, resource->plural, id, "%s", json_get_text(json_get(document, "metadata"), "name"));
}

static void sweep_child(struct core *core, struct object *child, void *ctx)
{
    const struct sweep *sweep = ctx;
    JSON_EACH(document, sweep->expansion) {
        struct object_id id;
        id_of(child, document, &id);
        if (object_id_compare(&id, &child->id) == 0)
            return;
    }
    owned_empty(core, child, sweep->group);
}

void apps_step(struct core *core, struct object *owner, const struct json *spec, const char *group)
{
    struct error err;
    AUTO_JSON struct json *expansion = spec != NULL ? app_expand(&owner->id, json_get(spec, "spec"), &err) : NULL;
    struct sweep sweep = { .expansion = expansion, .group = group };
    if (spec != NULL && expansion == NULL)
        return; /* it was accepted by another version */
    owned_each(core, owner, group, sweep_child, &sweep);
    JSON_EACH(document, expansion) {
        struct object_id id;
        id_of(owner, document, &id);
        owned_fill(core, &id, group, document);
    }
}

void apps_report(struct core *core, struct object *owner, const struct json *spec, const char *group,
                 const struct owner_told *told)
{
    struct error err = { .message = "" };
    struct app_report report = { .told = *told };
    AUTO_JSON struct json *expansion = app_expand(&owner->id, json_get(spec, "spec"), &err);
    report.expansion = expansion;
    if (expansion == NULL) {
        report.problem = "InvalidOwner";
        report.message = err.message;
    }
    JSON_EACH(document, expansion) {
        struct object_id id;
        const char *message = NULL;
        id_of(owner, document, &id);
        const struct object *child = objects_find(&core->objects, &id);
        const char *problem = owned_problem(core, child, group, &message);
        if (report.problem == NULL && problem != NULL) {
            report.problem = problem;
            report.message = message;
        }
        if (document == json_first(expansion) && child != NULL)
            report.main = child->summary;
    }
    AUTO_JSON struct json *status = app_status_write(&report);
    owned_tell(core, owner, told, app_state_write(&report), status);
}
