#include "core/stats.h"

#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "core/runtime.h"
#include "core/stats_answer.h"
#include "davit/limits.h"

#define PAIR_MS 500u /* between the two samples, where there is no last one */
#define VMS_MS 3000u /* libvirtd may hang: the pods are told of without it */
#define LAST_LEAST_MS 1000u
#define LAST_MOST_MS 60000u /* unless all who ask want a longer average */

struct asker {
    stats_done done;
    void *ctx;
    struct json *request;
    bool disk;
    uint64_t average_ms; /* how old the sample before may be */
    bool within;         /* asks within davitd: the answer is in no frame, and may be long */
    struct asker *next;
};

struct stats {
    struct sample last;  /* of the last answer */
    struct sample first; /* of a pair whose second one is waited for */
    struct asker *askers;
    int64_t call;        /* in flight; 0: none */
    int64_t vms_call;    /* the same, to the runtime of virtual machines, beside it */
    struct json *vms;    /* what that has answered */
    struct sample half;  /* answered but for the machines */
    bool call_has_disk;
    uint64_t due_ms;     /* the second one; 0: not waited for */
};

static struct stats *stats_of(struct core *core)
{
    if (core->stats == NULL)
        core->stats = mem_alloc(sizeof(*core->stats));
    return core->stats;
}

static void sample_clear(struct sample *sample)
{
    json_free(sample->answer);
    *sample = (struct sample){ 0 };
}

static void asker_free(struct asker *asker)
{
    json_free(asker->request);
    free(asker);
}

static struct json *failure(const char *reason, const char *message)
{
    struct json *answer = json_new_texts("op", "result", "reason", reason, "message", message, NULL);
    json_set_boolean(answer, "ok", false);
    return answer;
}

static void fail_all(struct stats *stats, const char *reason, const char *message)
{
    while (stats->askers != NULL) {
        struct asker *asker = stats->askers;
        LL_DELETE(stats->askers, asker);
        asker->done(asker->ctx, failure(reason, message));
        asker_free(asker);
    }
    stats->call = stats->vms_call = 0;
    stats->due_ms = 0;
    sample_clear(&stats->first);
    sample_clear(&stats->half);
    json_free(mem_steal(&stats->vms));
}

/* ---- asking the runtime */

/* The shortest that anybody wants. */
static uint64_t longest_average_ms(const struct asker *askers)
{
    uint64_t least = askers != NULL ? askers->average_ms : LAST_MOST_MS;
    for (const struct asker *asker = askers; asker != NULL; asker = asker->next)
        least = asker->average_ms < least ? asker->average_ms : least;
    return least;
}

static bool may_pair(const struct core *core, const struct stats *stats)
{
    const struct sample *last = &stats->last;
    uint64_t age = core_boot_ms(core) - last->boot_ms;
    return last->answer != NULL && age >= LAST_LEAST_MS && age <= longest_average_ms(stats->askers);
}

/* Where everybody asks for one pod, only those are looked at. */
static void name_pods(const struct core *core, const struct stats *stats, struct json *document)
{
    AUTO_JSON struct json *uids = json_new_array();
    for (const struct asker *asker = stats->askers; asker != NULL; asker = asker->next) {
        const char *pod = json_get_text(asker->request, "pod"), *namespace = json_get_text(asker->request, "namespace");
        if (pod == NULL)
            return;
        for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next)
            for (const struct run *run = object->runs; run != NULL; run = run->next)
                if (strcmp(object->id.name, pod) == 0 &&
                    (namespace == NULL || strcmp(object->id.namespace, namespace) == 0))
                    json_add_text(uids, run->uid);
    }
    json_set(document, "uids", mem_steal(&uids));
}

static void take_sample(struct core *core, struct stats *stats)
{
    AUTO_JSON struct json *document = json_new_object();
    bool is_last = stats->first.answer != NULL || may_pair(core, stats);
    bool disk = false;
    for (const struct asker *asker = stats->askers; asker != NULL; asker = asker->next)
        disk = disk || asker->disk;
    name_pods(core, stats, document);
    stats->due_ms = 0;
    stats->call_has_disk = disk && is_last;
    json_set_boolean(document, "disk", stats->call_has_disk);
    stats->call = ++core->last_call;
    runtime_send(core, &core->runtime, stats->call, "stats", LIMIT_CALL_MS, document);
    if (!core->vms.listed || core->vms.problem[0] != '\0')
        return;
    stats->vms_call = ++core->last_call;
    runtime_send(core, &core->vms, stats->vms_call, "stats", VMS_MS, document);
}

static void ask(struct core *core, const struct asker *wanted)
{
    struct stats *stats = stats_of(core);
    const struct asker *known;
    int count;
    LL_COUNT(stats->askers, known, count);
    if (!core->runtime.listed) {
        wanted->done(wanted->ctx, failure("RuntimeUnavailable", core->runtime.problem[0] != '\0' ? core->runtime.problem
                                                                                 : "the runtime host is starting: ask again"));
        return;
    }
    if (count >= LIMIT_STATS_ASKERS) {
        wanted->done(wanted->ctx, failure("TooManyRequests", "too many ask for stats already: ask again in a second"));
        return;
    }
    struct asker *asker = mem_alloc(sizeof(*asker));
    *asker = *wanted;
    asker->request = wanted->request != NULL ? json_copy(wanted->request) : json_new_object();
    asker->disk = json_get_boolean(asker->request, "disk", false);
    LL_APPEND(stats->askers, asker);
    if (stats->call == 0 && stats->vms_call == 0 && stats->due_ms == 0)
        take_sample(core, stats);
}

void stats_ask(struct core *core, const struct json *request, stats_done done, void *ctx)
{
    AUTO_JSON struct json *own = json_copy(request);
    ask(core, &(struct asker){ .done = done, .ctx = ctx, .request = own, .average_ms = LAST_MOST_MS });
}

void stats_ask_within(struct core *core, uint64_t average_ms, stats_done done, void *ctx)
{
    ask(core, &(struct asker){ .done = done, .ctx = ctx, .average_ms = average_ms, .within = true });
}

void stats_forget(struct core *core, const void *ctx)
{
    struct asker *asker, *next;
    if (core->stats == NULL)
        return;
    LL_FOREACH_SAFE(core->stats->askers, asker, next)
        if (asker->ctx == ctx) {
            LL_DELETE(core->stats->askers, asker);
            asker_free(asker);
        }
}

/* ---- what is answered */

static struct json *answer_of(const struct core *core, const struct sample *before, const struct sample *now,
                              const struct asker *asker)
{
    struct json *answer = stats_write(core, before, now, asker->request);
    AUTO_FREE char *text = asker->within ? NULL : json_print(answer);
    if (text == NULL || strlen(text) < LIMIT_FRAME_HEAD_BYTES)
        return answer;
    json_free(answer);
    return failure("TooLarge", "the answer is too long: ask for one namespace, or for one pod");
}

/* Those who want the disk too, and came when a sample without it was on its way, wait on. */
static void answer_askers(struct core *core, struct stats *stats, const struct sample *before, const struct sample *now)
{
    struct asker *asker, *next;
    LL_FOREACH_SAFE(stats->askers, asker, next) {
        if (asker->disk && !stats->call_has_disk)
            continue;
        LL_DELETE(stats->askers, asker);
        asker->done(asker->ctx, answer_of(core, before, now, asker));
        asker_free(asker);
    }
}

static void sampled(struct core *core, struct stats *stats, struct sample *now)
{
    const struct sample *before = NULL;
    if (stats->first.answer != NULL)
        before = &stats->first;
    else if (may_pair(core, stats) && sample_covers(&stats->last, now))
        before = &stats->last;
    if (before == NULL) {
        stats->first = *now;
        stats->due_ms = now->boot_ms + PAIR_MS;
        return;
    }
    answer_askers(core, stats, before, now);
    sample_clear(&stats->first);
    sample_clear(&stats->last);
    stats->last = *now;
    if (stats->askers != NULL)
        take_sample(core, stats);
}

/* The machines stand beside the pods. */
static void join(struct json *answer, const struct json *vms)
{
    struct json *instances = json_get_mutable(answer, "instances"), *pods = json_get_mutable(answer, "pods");
    JSON_EACH(one, json_get(vms, "instances"))
        if (instances != NULL)
            json_add(instances, json_copy(one));
    JSON_EACH(one, json_get(vms, "pods"))
        if (pods != NULL)
            json_set(pods, json_key(one), json_copy(one));
}

/* Both have answered; a runtime of machines that does not, or not in time, has none to tell of. */
static void look(struct core *core, struct stats *stats)
{
    if (stats->call != 0 || stats->vms_call != 0 || stats->half.answer == NULL)
        return;
    AUTO_JSON struct json *vms = mem_steal(&stats->vms);
    struct sample now = stats->half;
    stats->half = (struct sample){ 0 };
    join(now.answer, vms);
    sampled(core, stats, &now);
}

static void vms_answered(struct core *core, struct stats *stats, const struct frame_view *frame)
{
    struct error ignored; /* then they are left out */
    stats->vms_call = 0;
    json_free(mem_steal(&stats->vms));
    if (json_get_boolean(frame->head, "ok", false))
        stats->vms = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &ignored);
    look(core, stats);
}

bool stats_answered(struct core *core, const struct frame_view *frame)
{
    struct stats *stats = core->stats;
    int64_t id = json_get_integer(frame->head, "id", 0);
    struct error err;
    if (stats != NULL && id != 0 && id == stats->vms_call) {
        vms_answered(core, stats, frame);
        return true;
    }
    if (stats == NULL || id == 0 || id != stats->call)
        return false;
    stats->call = 0;
    const char *reason = json_get_text(frame->head, "reason"), *message = json_get_text(frame->head, "message");
    struct sample now = { .boot_ms = core_boot_ms(core),
                          .answer = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &err) };
    if (json_get_boolean(frame->head, "ok", false) && now.answer != NULL) {
        if (core->env->machine != NULL)
            core->env->machine(core->env->ctx, &now.machine);
        stats->half = now;
        look(core, stats);
        return true;
    }
    sample_clear(&now);
    fail_all(stats, reason != NULL ? reason : "RuntimeError", message != NULL ? message : "the runtime did not say why");
    return true;
}

uint64_t stats_settle(struct core *core)
{
    struct stats *stats = core->stats;
    if (stats == NULL || stats->due_ms == 0)
        return 0;
    if (core_boot_ms(core) < stats->due_ms)
        return stats->due_ms;
    if (stats->askers != NULL) {
        take_sample(core, stats);
        return 0;
    }
    stats->due_ms = 0; /* all of them have gone */
    sample_clear(&stats->first);
    return 0;
}

void stats_lost(struct core *core, const struct runtime_state *runtime)
{
    if (core->stats == NULL)
        return;
    if (runtime->of_vms) {
        core->stats->vms_call = 0;
        look(core, core->stats);
        return;
    }
    fail_all(core->stats, "RuntimeUnavailable", "the runtime host ended: ask again");
    sample_clear(&core->stats->last);
}

void stats_free(struct core *core)
{
    if (core->stats == NULL)
        return;
    while (core->stats->askers != NULL) {
        struct asker *asker = core->stats->askers;
        LL_DELETE(core->stats->askers, asker);
        asker_free(asker);
    }
    sample_clear(&core->stats->first);
    sample_clear(&core->stats->half);
    json_free(mem_steal(&core->stats->vms));
    sample_clear(&core->stats->last);
    free(mem_steal(&core->stats));
}
