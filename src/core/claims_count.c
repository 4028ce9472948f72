/* What is in the claims that are used: counted seldom, and told only when it makes a difference. */
#include <string.h>

#include "base/memory.h"
#include "core/claims.h"
#include "core/runtime.h"
#include "protocol/claim.h"

#define COUNT_EVERY_MS 600000u
#define STEP_BYTES 1048576
#define STEP_SHARE 100 /* of what it asks for: less of a change is not told */

static bool is_due(const struct core *core, const struct object *claim)
{
    return claim->claim.last != NULL && (!claim->claim.counted ||
                                         core_boot_ms(core) >= claim->claim.counted_boot_ms + COUNT_EVERY_MS);
}

static struct object *named(const struct core *core, const struct object *pod, const char *name)
{
    struct object_id id = { .resource = CLAIM_RESOURCE };
    memcpy(id.namespace, pod->id.namespace, sizeof(id.namespace));
    if (name == NULL || strlen(name) >= sizeof(id.name))
        return NULL;
    memcpy(id.name, name, strlen(name));
    return objects_find(&core->objects, &id);
}

static bool has(const struct json *array, const char *text)
{
    JSON_EACH(one, array)
        if (strcmp(json_text(one), text) == 0)
            return true;
    return false;
}

static void add_claims(const struct core *core, const struct object *pod, const struct instance *one, struct json *folders)
{
    if (one->state != INSTANCE_RUNNING)
        return;
    JSON_EACH(name, one->claims) {
        const struct object *claim = named(core, pod, json_text(name));
        AUTO_FREE char *folder = claim != NULL && is_due(core, claim) ? claims_folder(core, &claim->id) : NULL;
        if (folder != NULL && !has(folders, folder))
            json_add_text(folders, folder);
    }
}

void claims_look(struct core *core)
{
    AUTO_JSON struct json *document = json_new_object();
    struct json *folders = json_set_array(document, "folders");
    json_set_array(document, "uids");
    if (core->claims.call != 0)
        return;
    for (const struct object *pod = core->objects.table; pod != NULL; pod = pod->hh.next)
        for (const struct run *run = pod->runs; run != NULL; run = run->next)
            for (size_t i = 0; i < run->count; i++)
                add_claims(core, pod, &run->instances[i], folders);
    if (json_size(folders) == 0)
        return;
    core->claims.call = ++core->last_call;
    runtime_send(core, &core->runtime, core->claims.call, "stats", LIMIT_CALL_MS, document);
}

static void take(struct core *core, struct object *claim, int64_t bytes)
{
    struct claim_facts *facts = &claim->claim;
    int64_t step = claim_bytes(facts->last) / STEP_SHARE;
    step = step < STEP_BYTES ? STEP_BYTES : step;
    int64_t change = bytes > facts->used_bytes ? bytes - facts->used_bytes : facts->used_bytes - bytes;
    bool over = claim_is_over(facts->last, bytes), was_over = facts->counted && claim_is_over(facts->last, facts->used_bytes);
    if (facts->counted && change < step && over == was_over) {
        facts->counted_boot_ms = core_boot_ms(core);
        return;
    }
    facts->used_bytes = bytes / 1024 * 1024;
    facts->counted_boot_ms = core_boot_ms(core);
    facts->counted = true;
    if (over && !was_over)
        core_event(core, claim, true, "ClaimOverCapacity", "it holds %lld bytes, and asks for %s: nothing is removed and nobody "
                   "is stopped for that", (long long)bytes, json_get_text(facts->last, "storage"));
    core_touch(core, claim);
}

bool claims_answered(struct core *core, const struct frame_view *frame)
{
    int64_t id = json_get_integer(frame->head, "id", 0);
    struct error ignored; /* without an answer nothing is known, and it is asked again */
    if (id == 0 || id != core->claims.call)
        return false;
    core->claims.call = 0;
    AUTO_JSON struct json *answer = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &ignored);
    for (struct object *claim = core->objects.table; claim != NULL; claim = claim->hh.next) {
        AUTO_FREE char *folder = claims_is_one(claim) && claim->claim.last != NULL ? claims_folder(core, &claim->id) : NULL;
        JSON_EACH(one, folder != NULL ? json_get(answer, "folders") : NULL) {
            const char *path = json_get_text(one, "path");
            if (path != NULL && strcmp(path, folder) == 0)
                take(core, claim, json_get_integer(one, "bytes", 0));
        }
    }
    return true;
}

void claims_lost(struct core *core)
{
    core->claims.call = 0;
}
