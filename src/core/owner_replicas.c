/* Deployment, DaemonSet, StatefulSet: pods with stable names. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/owner_kinds.h"
#include "core/restart.h"
#include "protocol/replicas.h"

#define LOOK_AGAIN_MS 500u /* what leaves has no slot any more, and says nothing to its owner */

/* All that is to be known of the pods. */
struct survey {
    struct rollout_rule rule;
    struct replica replicas[LIMIT_REPLICAS];
    size_t count;
    int64_t present, updated, ready, available, restarts;
    int64_t running_newest, serving; /* as they are told: while a newer document waits, what runs is no newer and serves all the same */
    bool leaving;
    uint64_t wake_ms;
    const char *problem, *message;
};

static struct object *child_at(struct core *core, const struct object *owner, const struct json *spec, size_t place)
{
    struct object_id id;
    replicas_child_id(&owner->id, spec, place, &id);
    return objects_find(&core->objects, &id);
}

static bool is_updated(const struct object *owner, const struct json *spec, size_t place, const struct slot *slot)
{
    char content[DIGEST_HEX_BYTES];
    AUTO_JSON struct json *document = replicas_child(&owner->id, spec, place);
    document_content(document, content);
    return strcmp(slot->content, content) == 0;
}

/* Somebody asked for a restart: it is taken in its turn, as one with an older document is. */
static bool is_marked(const struct object *child)
{
    return child->hash[0] != '\0' && strcmp(child->uid, child->restart_uid) == 0;
}

/* What is wanted of it is what runs: no image of a newer one is waited for. */
static bool is_settled(const struct object *child, const struct slot *slot)
{
    return child->held == NULL && !child->committing && !child->saving && object_ruling(child) == slot &&
           strcmp(child->hash, slot->hash) == 0;
}

/* False: there is none of it. */
static bool look_at_slot(const struct object *child, const struct slot *slot, size_t place, struct survey *survey)
{
    struct replica *replica = &survey->replicas[place];
    bool of_others = child != NULL && slot == NULL && object_ruling(child) != NULL;
    replica->gone = slot == NULL && (of_others || owned_is_gone(child));
    survey->leaving = survey->leaving || (slot == NULL && !replica->gone);
    if (!replica->gone && place >= survey->count)
        survey->count = place + 1;
    replica->present = slot != NULL && !slot->left;
    return replica->present;
}

static void count_child(const struct object *child, const struct replica *replica, bool settled, struct survey *survey)
{
    bool older_runs = child->hash[0] != '\0' && !settled;
    survey->updated += replica->updated;
    survey->running_newest += replica->updated && !older_runs;
    survey->ready += owned_is_ready(child);
    survey->available += replica->available;
    survey->restarts += json_get_integer(child->summary, "restarts", 0);
    if (!owned_is_ready(child) && json_get_text(child->summary, "reason") != NULL && survey->message == NULL)
        survey->message = json_get_text(child->summary, "message");
    if (survey->message == NULL) /* what runs is ready, and the newer document waits */
        survey->message = json_get_text(child->summary, "updateReason");
}

static void look_at_child(struct core *core, const struct object *owner, const struct json *spec, const char *group,
                          size_t place, struct survey *survey)
{
    struct object *child = child_at(core, owner, spec, place);
    struct replica *replica = &survey->replicas[place];
    const struct slot *slot = owned_slot(child, group);
    bool wanted = place < survey->rule.wanted;
    const char *message = NULL, *problem = wanted ? owned_problem(core, child, group, &message) : NULL;
    uint64_t wake_ms = 0;
    if (survey->problem == NULL && problem != NULL) {
        survey->problem = problem;
        survey->message = message;
    }
    if (!look_at_slot(child, slot, place, survey))
        return;
    replica->known = child->summary != NULL;
    replica->updated = wanted && !is_marked(child) && is_updated(owner, spec, place, slot);
    bool serves = owned_is_available(core, child, replicas_min_ready_ms(spec), &wake_ms), settled = is_settled(child, slot);
    replica->available = serves && settled;
    if (wake_ms != 0 && (survey->wake_ms == 0 || wake_ms < survey->wake_ms))
        survey->wake_ms = wake_ms;
    if (!wanted || object_ruling(child) != slot) /* what runs counts, whatever was refused */
        return;
    survey->serving += serves;
    count_child(child, replica, settled, survey);
}

static void look(struct core *core, const struct object *owner, const struct json *spec, const char *group,
                 struct survey *survey)
{
    memset(survey, 0, sizeof(*survey));
    replicas_rule(spec, &survey->rule);
    survey->count = survey->rule.wanted;
    for (size_t place = 0; place < LIMIT_REPLICAS; place++)
        look_at_child(core, owner, spec, group, place, survey);
    for (size_t place = 0; place < survey->rule.wanted; place++)
        survey->present += survey->replicas[place].present;
}

static bool is_done(const struct survey *survey)
{
    return survey->updated == (int64_t)survey->rule.wanted && survey->available >= (int64_t)survey->rule.wanted;
}

/* How long it has got no further: kept in memory, so that a restart of davitd begins to count again. */
static void watch_progress(struct core *core, struct object *owner, const struct json *spec, const struct survey *survey)
{
    int64_t got = object_ruling(owner)->generation * 100003 + survey->updated * 1009 + survey->available;
    uint64_t now = core_boot_ms(core), limit_ms = replicas_deadline_ms(spec);
    if (is_done(survey) || survey->rule.paused || limit_ms == 0) {
        owner->progress_boot_ms = 0;
        return;
    }
    if (owner->progress_boot_ms == 0 || owner->progress != got)
        owner->progress_boot_ms = now;
    owner->progress = got;
    if (now < owner->progress_boot_ms + limit_ms)
        core_wake_object(core, owner, owner->progress_boot_ms + limit_ms);
}

static void fill_claims(struct core *core, const struct object *owner, const struct json *spec, const char *group,
                        size_t place)
{
    for (size_t claim = 0; replicas_claim(spec, claim) != NULL; claim++) {
        struct object_id id;
        replicas_claim_id(&owner->id, spec, claim, place, &id);
        AUTO_JSON struct json *document = replicas_claim_child(&owner->id, spec, claim, place);
        owned_fill(core, &id, group, document);
    }
}

static void drop_claims(struct core *core, const struct object *owner, const struct json *spec, const char *group,
                        size_t place)
{
    for (size_t claim = 0; replicas_claim(spec, claim) != NULL; claim++) {
        struct object_id id;
        replicas_claim_id(&owner->id, spec, claim, place, &id);
        struct object *child = objects_find(&core->objects, &id);
        if (child != NULL)
            owned_empty(core, child, group);
    }
}

struct sweep {
    const struct object *owner;
    const struct json *spec;
    const char *group;
};

/* What no place is for: the names changed, or the owner is gone. A claim that is kept says that nobody owns it. */
static void sweep_child(struct core *core, struct object *child, void *ctx)
{
    const struct sweep *sweep = ctx;
    size_t place;
    bool is_pod = strcmp(child->id.resource, "pods") == 0;
    bool has_place = sweep->spec != NULL && (!is_pod || replicas_place(&sweep->owner->id, sweep->spec, child->id.name, &place));
    if (!has_place && owned_slot(child, sweep->group)->owned)
        owned_empty(core, child, sweep->group);
}

static void fill(struct core *core, const struct object *owner, const struct json *spec, const char *group, size_t place)
{
    struct object_id id;
    replicas_child_id(&owner->id, spec, place, &id);
    struct object *child = objects_find(&core->objects, &id);
    const struct slot *slot = owned_slot(child, group);
    if (slot != NULL && is_marked(child) && is_updated(owner, spec, place, slot)) {
        if (!child->committing)
            restart_begin(core, child, 0);
        return;
    }
    AUTO_JSON struct json *document = replicas_child(&owner->id, spec, place);
    owned_fill(core, &id, group, document);
}

void replicas_step(struct core *core, struct object *owner, const struct json *spec, const char *group)
{
    enum replica_act acts[LIMIT_REPLICAS];
    struct survey survey;
    struct sweep sweep = { .owner = owner, .spec = spec, .group = group };
    owned_each(core, owner, group, sweep_child, &sweep);
    if (spec == NULL)
        return;
    look(core, owner, spec, group, &survey);
    watch_progress(core, owner, spec, &survey);
    rollout_step(&survey.rule, survey.replicas, survey.count, acts);
    for (size_t place = 0; place < survey.count; place++) {
        struct object_id id;
        replicas_child_id(&owner->id, spec, place, &id);
        if (acts[place] == REPLICA_EMPTY)
            owned_empty(core, objects_find(&core->objects, &id), group);
        if (place < survey.rule.wanted && (acts[place] == REPLICA_FILL || survey.replicas[place].present))
            fill_claims(core, owner, spec, group, place);
        if (acts[place] == REPLICA_FILL)
            fill(core, owner, spec, group, place);
    }
    for (size_t place = survey.rule.wanted; json_get_boolean(spec, "dropClaimsScaled", false) && place < LIMIT_REPLICAS; place++)
        if (survey.replicas[place].gone)
            drop_claims(core, owner, spec, group, place);
    if (survey.leaving)
        core_wake_object(core, owner, core_boot_ms(core) + LOOK_AGAIN_MS);
    if (survey.wake_ms != 0)
        core_wake_object(core, owner, survey.wake_ms);
}

void replicas_report(struct core *core, struct object *owner, const struct json *spec, const char *group,
                     const struct owner_told *told)
{
    struct survey survey;
    look(core, owner, spec, group, &survey);
    uint64_t limit_ms = replicas_deadline_ms(spec);
    AUTO_JSON struct json *first = replicas_child(&owner->id, spec, 0);
    char content[DIGEST_HEX_BYTES];
    document_content(first, content);
    AUTO_FREE char *revision = mem_printf("%s-%.10s", owner->id.name, content);
    struct replicas_report report = {
        .told = *told, .is_set = survey.rule.is_set, .wanted = (int64_t)survey.rule.wanted, .present = survey.present,
        .updated = survey.running_newest, .ready = survey.ready, .available = survey.serving,
        .unavailable_max = (int64_t)survey.rule.max_unavailable, .restarts = survey.restarts, .paused = survey.rule.paused,
        .problem = survey.problem, .message = survey.message, .revision = revision,
        .late = limit_ms != 0 && owner->progress_boot_ms != 0 && core_boot_ms(core) >= owner->progress_boot_ms + limit_ms,
    };
    AUTO_JSON struct json *status = replicas_status_write(&report);
    owned_tell(core, owner, told, replicas_state_write(&report), status);
}
