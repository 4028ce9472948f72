#include "core/claims.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "core/report.h"
#include "core/runtime.h"
#include "protocol/claim.h"
#include "protocol/resolve.h"

#define PURGE_RETRY_MS 30000u
#define USERS_BYTES 1024

bool claims_is_one(const struct object *object)
{
    return strcmp(object->id.resource, CLAIM_RESOURCE) == 0;
}

/* ---- documents */

bool claims_takes(const struct object *object, const struct slot_key *key, struct document *document,
                  struct refusal *refusal)
{
    const struct slot *slot = claims_is_one(object) ? object_slot(object, key) : NULL;
    if (slot == NULL || slot->data == NULL || document->data == NULL ||
        claim_bytes(document->data) >= claim_bytes(slot->data))
        return true;
    refusal_set(refusal, "Invalid", "PersistentVolumeClaim \"%.100s\" is invalid: spec.resources.requests.storage: Forbidden: "
                "field can not be less than status.capacity", object->id.name);
    refusal->generation = document->has_generation ? document->generation : -1;
    document_free(document);
    return false;
}

int claims_plan(const struct change *change, bool wanted_after)
{
    const struct object *object = change->object;
    if (!claims_is_one(object))
        return 0;
    if (wanted_after)
        return object->claim.purge ? -1 : 0;
    /* Who leaves a group means the group, and not the data; an owner that drops its claim means that. */
    struct slot_key key = { .source = change->source, .group = change->group, .rank = change->rank };
    const struct slot *dropped = change->source == SOURCE_OWNER ? object_slot(object, &key) : NULL;
    const struct slot *ruling = dropped != NULL ? dropped : object_ruling(object);
    bool asked = change->document.tombstone && change->document.purge;
    return asked || (ruling != NULL && claim_deletes(ruling->data));
}

void claims_changed(struct object *object)
{
    const struct slot *ruling = claims_is_one(object) ? object_ruling(object) : NULL;
    if (ruling == NULL || ruling->data == NULL)
        return;
    json_free(object->claim.last);
    object->claim.last = json_copy(ruling->data);
}

/* ---- who has it */

static bool names(const struct json *claims, const char *claim)
{
    JSON_EACH(name, claims)
        if (json_text(name) != NULL && strcmp(json_text(name), claim) == 0)
            return true;
    return false;
}

/* A container has it mounted, or is to have it when it starts. */
static bool holds(const struct core *core, const struct object *pod, const char *claim)
{
    for (const struct run *run = pod->runs; run != NULL; run = run->next)
        for (size_t i = 0; i < run->count; i++)
            if (run->instances[i].state != INSTANCE_EXITED && names(run->instances[i].claims, claim))
                return true;
    return names(runtime_claims_called(core, pod), claim);
}

/* It has begun with it, and goes on: between two attempts nothing holds it. */
static bool goes_on(const struct object *pod, const char *claim)
{
    const struct pod *wanted = object_wanted(pod);
    int64_t code = json_get_integer(pod->summary, "stateCode", STATE_PENDING);
    return wanted != NULL && code != STATE_SUCCEEDED && code != STATE_FAILED && object_has_begun(pod) &&
           resolve_uses(wanted, CLAIM_RESOURCE, claim);
}

static bool uses(const struct core *core, const struct object *pod, const struct object_id *claim)
{
    return strcmp(pod->id.namespace, claim->namespace) == 0 && strcmp(pod->id.resource, "pods") == 0 &&
           (holds(core, pod, claim->name) || goes_on(pod, claim->name));
}

/* The names of those that use it, but for one of them; the caller frees. */
static char *users_of(const struct core *core, const struct object_id *claim, const struct object *but)
{
    AUTO_STRBUF struct strbuf names;
    strbuf_init(&names, USERS_BYTES);
    for (const struct object *pod = core->objects.table; pod != NULL; pod = pod->hh.next)
        if (pod != but && uses(core, pod, claim))
            strbuf_printf(&names, "%s%s", names.len > 0 ? ", " : "", pod->id.name);
    return strbuf_steal(&names);
}

static struct object *find(const struct core *core, const char *namespace, const char *name)
{
    struct object_id id = { .resource = CLAIM_RESOURCE };
    snprintf(id.namespace, sizeof(id.namespace), "%s", namespace);
    snprintf(id.name, sizeof(id.name), "%s", name);
    return objects_find(&core->objects, &id);
}

/* Both are checked names: labels and dots, so no part of it leads out. */
char *claims_folder(const struct core *core, const struct object_id *id)
{
    return mem_printf("%s/claims/%s/%s", core->config->state_dir, id->namespace, id->name);
}

char *claims_mount(const struct core *core, const struct object *pod, const struct claim_source *source, struct json *out)
{
    const struct object *claim = find(core, pod->id.namespace, source->claim);
    const struct slot *ruling = claim != NULL ? object_ruling(claim) : NULL;
    bool ending = ruling == NULL && claim != NULL && claims_is_ending(core, claim);
    if (claim == NULL || (ruling == NULL && !ending))
        return mem_printf("persistentvolumeclaim \"%s\" not found", source->claim);
    if (ending && (claim->claim.purging || !goes_on(pod, source->claim)))
        return mem_printf("persistentvolumeclaim \"%s\" is being deleted", source->claim);
    const struct json *data = ruling != NULL ? ruling->data : claim->claim.last;
    AUTO_FREE char *others = claim_is_for_one_pod(data) ? users_of(core, &claim->id, pod) : NULL;
    if (others != NULL && others[0] != '\0')
        return mem_printf("volume uses the ReadWriteOncePod access mode and is already in use by another pod (%s)", others);
    struct json *part = json_set_object(out, "claim");
    AUTO_FREE char *path = claims_folder(core, &claim->id);
    json_set_text(part, "path", path);
    json_set_integer(part, "sizeBytes", claim_bytes(data));
    json_set_boolean(part, "readOnly", source->read_only);
    return NULL;
}

struct json *claims_of(const struct pod *pod)
{
    struct json *names = NULL;
    for (size_t i = 0; i < pod->volumes.count; i++) {
        const struct claim_source *source = pod_volume(pod, i)->claim;
        if (source == NULL)
            continue;
        names = names != NULL ? names : json_new_array();
        json_add_text(names, source->claim);
    }
    return names;
}

/* ---- its end */

bool claims_is_ending(const struct core *core, const struct object *object)
{
    if (!claims_is_one(object) || object_ruling(object) != NULL)
        return false;
    if (object->claim.purge || object->claim.purging)
        return true;
    AUTO_FREE char *users = object->claim.last != NULL || object->slot_count > 0 ? users_of(core, &object->id, NULL) : NULL;
    return users != NULL && users[0] != '\0';
}

void claims_step(struct core *core, struct object *object)
{
    struct claim_facts *facts = &object->claim;
    if (!claims_is_ending(core, object))
        return;
    core->claims.watch = true;
    if (!facts->purge || facts->purging || object->committing || object->saving)
        return;
    if (core_boot_ms(core) < facts->retry_boot_ms) {
        core_wake_object(core, object, facts->retry_boot_ms);
        return;
    }
    AUTO_FREE char *users = users_of(core, &object->id, NULL);
    if (users[0] != '\0' || !runtime_all_listed(core) || core->env->purge_claim == NULL)
        return;
    facts->purging = true;
    core->env->purge_claim(core->env->ctx, object->id.namespace, object->id.name);
}

/* Whoever ends has its users looked at again: a pod does not know who waits for it. */
void claims_settle(struct core *core)
{
    if (!core->claims.watch)
        return;
    core->claims.watch = false;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (claims_is_one(object) && object_ruling(object) == NULL && object->claim.told_ending)
            core_touch(core, object);
}

struct forgetting {
    struct core *core;
    struct object *object;
};

static void forgotten(void *ctx, const struct error *err)
{
    struct forgetting *forgetting = ctx;
    struct core *core = forgetting->core;
    struct object *object = forgetting->object;
    object->saving = false;
    object->claim.purging = false;
    if (err != NULL) {
        core_store_failed(core, err);
        object->claim.retry_boot_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
    } else if (object_ruling(object) == NULL) {
        object->claim.purge = false;
        object->claim.counted = false;
    }
    core_touch(core, object);
    free(forgetting);
}

void core_claim_purged(struct core *core, const char *namespace, const char *name, const char *problem)
{
    struct object *object = find(core, namespace, name);
    if (object == NULL || !object->claim.purging)
        return;
    core_touch(core, object);
    if (problem != NULL) {
        object->claim.purging = false;
        object->claim.retry_boot_ms = core_boot_ms(core) + PURGE_RETRY_MS;
        core_event(core, object, true, "PurgeFailed", "what is in the claim cannot be removed: %.300s", problem);
        return;
    }
    core_event(core, object, false, "Purged", "what was in the claim is removed");
    struct forgetting *forgetting = mem_alloc(sizeof(*forgetting));
    *forgetting = (struct forgetting){ .core = core, .object = object };
    object->saving = true;
    struct store_txn *txn = store_begin(core->store);
    store_delete_purge(txn, &object->id);
    store_commit(txn, forgotten, forgetting);
}

/* ---- what is told */

bool claims_is_told(const struct core *core, const struct object *object)
{
    const struct slot *ruling = object_ruling(object);
    return claims_is_one(object) && (ruling != NULL ? ruling->data != NULL : claims_is_ending(core, object));
}

static const struct slot *tombstone_of(const struct object *object)
{
    for (size_t i = 0; i < object->slot_count; i++)
        if (object->slots[i].tombstone)
            return &object->slots[i];
    return NULL;
}

void claims_report(struct core *core, struct object *object, struct json **described)
{
    static const struct pod_view nothing = { .uid = "" };
    const struct slot *ruling = object_ruling(object), *slot = ruling != NULL ? ruling : tombstone_of(object);
    AUTO_FREE char *source = slot != NULL ? slot_name(slot) : NULL;
    AUTO_FREE char *users = ruling == NULL ? users_of(core, &object->id, NULL) : NULL;
    struct pod_report common = {
        .id = &object->id, .uid = "", .generation = slot != NULL ? slot->generation : -1, .source = source,
        .refusal = object->refused ? &object->refusal : NULL, .ignored = ruling != NULL ? &ruling->ignored : NULL,
        .retained = ruling != NULL && ruling->source < SOURCE_MANIFESTS ? ruling->retained : RETAINED_UNKNOWN,
        .accepted_ms = ruling != NULL ? ruling->created_ms : slot != NULL ? slot->accepted_ms : 0, .view = &nothing,
    };
    struct claim_report report = {
        .common = &common, .claim = ruling != NULL ? ruling->data : object->claim.last,
        .used_bytes = object->claim.counted ? object->claim.used_bytes : POD_UNSET,
        .terminating = ruling == NULL, .purging = object->claim.purge, .users = users,
    };
    if (described != NULL) {
        *described = claim_status_write(&report);
        return;
    }
    object->claim.told_ending = ruling == NULL;
    core->claims.watch = core->claims.watch || ruling == NULL;
    report_both(core, object, claim_state_write(&report), claim_status_write(&report), described);
}
