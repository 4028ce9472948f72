#include "core/snapshots.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/request_verbs.h"
#include "core/runtime.h"
#include "protocol/names.h"

#define RETRY_MS 5000u
#define FORCE_AFTER_MS 5000u /* behind the machine's own grace: what it still has to write goes with the rollback anyway */

/* Going back: ASKS whether there is such a snapshot, SAVES that it begins, STOPS the machine, RESTORES, ENDS. Before SAVES
 * nothing has begun; behind it every davitd goes on from STOPS, for to restore the same one again changes nothing.
 */
enum snapshot_phase { SNAPSHOT_ASKS, SNAPSHOT_SAVES, SNAPSHOT_STOPS, SNAPSHOT_RESTORES, SNAPSHOT_ENDS };

struct snapshot_job {
    struct object_id object;
    int64_t serial; /* who is answered; 0: nobody any more */
    char what[8];   /* "take" "delete" "list" "restore" */
    char name[LIMIT_LABEL_BYTES + 1]; /* "": list */
    enum snapshot_phase phase; /* of a restore */
    int64_t call;   /* of the runtime; 0: none is under way */
    bool force;
    uint64_t force_ms, retry_ms; /* boot */
    struct power_said before;    /* what is said again then */
    char reason[REASON_BYTES], message[ERROR_MESSAGE_BYTES]; /* ENDS: why it is not restored; "" it is */
    struct snapshot_job *prev, *next;
};

static bool is_restore(const struct snapshot_job *job)
{
    return strcmp(job->what, "restore") == 0;
}

static struct snapshot_job *job_of(const struct core *core, const struct object_id *id)
{
    struct snapshot_job *job;
    DL_FOREACH(core->requests.snapshots, job)
        if (object_id_compare(&job->object, id) == 0)
            return job;
    return NULL;
}

static struct snapshot_job *job_new(struct core *core, const struct object_id *id, const char *what, const char *name)
{
    struct snapshot_job *job = mem_alloc(sizeof(*job));
    job->object = *id;
    snprintf(job->what, sizeof(job->what), "%s", what);
    snprintf(job->name, sizeof(job->name), "%s", name);
    DL_APPEND(core->requests.snapshots, job);
    return job;
}

static void job_free(struct core *core, struct snapshot_job *job)
{
    DL_DELETE(core->requests.snapshots, job);
    free(job);
}

bool snapshots_hold(const struct core *core, const struct object *object)
{
    const struct snapshot_job *job = job_of(core, &object->id);
    return job != NULL && is_restore(job) && job->phase >= SNAPSHOT_SAVES;
}

static const char *text_or(const char *text, const char *fallback)
{
    return text != NULL && text[0] != '\0' ? text : fallback;
}

/* ---- the runtime */

static void ask_runtime(struct core *core, struct snapshot_job *job, const struct object *object, const char *what)
{
    const struct instance *newest = run_newest(object_run(object, object->uid), VM_CONTAINER);
    const struct request_call *call = requests_find(core, job->serial);
    AUTO_JSON struct json *document = json_new_texts("uid", object->uid, "container", VM_CONTAINER, NULL);
    AUTO_FREE char *id = mem_printf("%s/%s/%s", job->object.namespace, job->object.resource, job->object.name);
    json_set_integer(document, "attempt", newest != NULL ? newest->attempt : 0);
    json_set_text(document, "object", id);
    json_set_text(document, "do", what);
    if (job->name[0] != '\0')
        json_set_text(document, "name", job->name);
    json_set_boolean(document, "freeze", call == NULL || json_get_boolean(call->args, "freeze", true));
    job->call = ++core->last_call;
    runtime_send(core, &core->vms, job->call, "snapshot", LIMIT_SNAPSHOT_MS, document);
}

/* ---- the end */

static void fail(struct core *core, struct snapshot_job *job, const char *reason, const char *message)
{
    requests_fail(core, job->serial, reason, "%s", message);
    job_free(core, job);
}

static void succeed(struct core *core, struct snapshot_job *job, const struct json *snapshots)
{
    const struct request_call *call = requests_find(core, job->serial);
    if (call != NULL) {
        struct json *answer = request_answer(call->args);
        if (job->name[0] != '\0')
            json_set_text(answer, "name", job->name);
        if (snapshots != NULL)
            json_set(answer, "snapshots", json_copy(snapshots));
        requests_answer(core, job->serial, answer);
    }
    job_free(core, job);
}

static void tell(struct core *core, const struct snapshot_job *job)
{
    const struct object *object = objects_find(&core->objects, &job->object);
    if (object == NULL)
        return;
    if (strcmp(job->what, "take") == 0)
        core_event(core, object, false, "SnapshotTaken", "Took snapshot %s", job->name);
    else if (strcmp(job->what, "delete") == 0)
        core_event(core, object, false, "SnapshotDeleted", "Deleted snapshot %s", job->name);
    else if (is_restore(job) && job->reason[0] == '\0')
        core_event(core, object, false, "RolledBack", "Went back to snapshot %s", job->name);
    else if (is_restore(job))
        core_event(core, object, true, "FailedRollback", "could not go back to snapshot %s: %s", job->name, job->message);
}

/* A commit on its way: the job is found again by its object. */
struct saving {
    struct core *core;
    struct object_id id;
    char uid[POD_UID_BYTES]; /* what is to be started anew; "": nothing ran */
};

static void commit(struct core *core, const struct snapshot_job *job, struct store_txn *txn, const char *uid,
                   store_done done)
{
    struct saving *saving = mem_alloc(sizeof(*saving));
    *saving = (struct saving){ .core = core, .id = job->object };
    snprintf(saving->uid, sizeof(saving->uid), "%s", uid);
    store_commit(txn, done, saving);
}

static void over(void *ctx, const struct error *err)
{
    AUTO_FREE struct saving *saving = ctx;
    struct core *core = saving->core;
    struct snapshot_job *job = job_of(core, &saving->id);
    struct object *object = objects_find(&core->objects, &saving->id);
    if (err != NULL) {
        core_store_failed(core, err);
        job->retry_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
        core_wake_at(core, job->retry_ms);
        return;
    }
    if (object != NULL)
        power_apply(core, object, &job->before);
    tell(core, job);
    if (job->reason[0] != '\0')
        fail(core, job, job->reason, job->message);
    else
        succeed(core, job, NULL);
}

/* What was said before is said again, in the commit that lets go of the machine. */
static void let_go(struct core *core, struct snapshot_job *job)
{
    struct store_txn *txn = store_begin(core->store);
    job->phase = SNAPSHOT_ENDS;
    job->retry_ms = 0;
    store_delete_rollback(txn, &job->object);
    if (job->before.power != POWER_AS_SAID || job->before.uid[0] != '\0')
        power_write(txn, &job->object, &job->before);
    commit(core, job, txn, "", over);
}

static void let_go_because(struct core *core, struct snapshot_job *job, const char *reason, const char *message)
{
    snprintf(job->reason, sizeof(job->reason), "%s", reason);
    snprintf(job->message, sizeof(job->message), "%s", message);
    let_go(core, job);
}

/* ---- going back */

static void hold(struct core *core, struct snapshot_job *job, struct object *object, const char *uid)
{
    const struct pod *pod = object_wanted(object);
    uint64_t grace_ms = pod != NULL && pod->grace_seconds > 0 ? (uint64_t)pod->grace_seconds * 1000 : 0;
    job->phase = SNAPSHOT_STOPS;
    job->force_ms = core_boot_ms(core) + grace_ms + FORCE_AFTER_MS;
    job->before = power_of(object);
    if (uid[0] != '\0')
        snprintf(job->before.uid, sizeof(job->before.uid), "%s", uid);
    object->power = POWER_OFF;
    object->power_force = job->force;
    core_touch(core, object);
}

static void saved(void *ctx, const struct error *err)
{
    AUTO_FREE struct saving *saving = ctx;
    struct core *core = saving->core;
    struct snapshot_job *job = job_of(core, &saving->id);
    struct object *object = objects_find(&core->objects, &saving->id);
    if (err != NULL)
        fail(core, job, "StoreFailed", err->message);
    else if (object != NULL)
        hold(core, job, object, saving->uid);
    else
        let_go_because(core, job, "NotFound", "it was deleted meanwhile");
}

/* From here on it is finished, whoever dies. What runs, or would, is started anew then. */
static void begin_restore(struct core *core, struct snapshot_job *job, const struct object *object)
{
    const char *uid = power_runs(object) || power_comes(object) ? object->uid : "";
    struct rollback_row row = { .id = job->object, .snapshot = job->name, .force = job->force, .uid = uid };
    struct store_txn *txn = store_begin(core->store);
    job->phase = SNAPSHOT_SAVES;
    store_put_rollback(txn, &row);
    commit(core, job, txn, uid, saved);
}

static void step(struct core *core, struct snapshot_job *job)
{
    struct object *object = objects_find(&core->objects, &job->object);
    const struct slot *ruling = object != NULL ? object_ruling(object) : NULL;
    uint64_t now = core_boot_ms(core);
    if (now < job->retry_ms) {
        core_wake_at(core, job->retry_ms);
    } else if (job->phase == SNAPSHOT_ENDS) {
        if (job->retry_ms != 0)
            let_go(core, job);
    } else if (ruling == NULL || ruling->tombstone) {
        let_go_because(core, job, "NotFound", "it was deleted meanwhile");
    } else if (!core->vms.listed || object->calling) {
        return; /* whatever comes of it settles again */
    } else if (!power_runs(object)) {
        job->phase = SNAPSHOT_RESTORES;
        ask_runtime(core, job, object, job->what);
    } else if (now >= job->force_ms && !object->power_force) {
        object->power_force = true;
        core_touch(core, object);
    } else if (!object->power_force) {
        core_wake_object(core, object, job->force_ms);
    }
}

void snapshots_settle(struct core *core)
{
    struct snapshot_job *job, *next;
    DL_FOREACH_SAFE(core->requests.snapshots, job, next)
        if (is_restore(job) && (job->phase == SNAPSHOT_STOPS || job->phase == SNAPSHOT_ENDS))
            step(core, job);
}

/* ---- answers */

static bool has_snapshot(const struct json *answer, const char *name)
{
    JSON_EACH(one, json_get(answer, "snapshots")) {
        const char *its = json_get_text(one, "name");
        if (its != NULL && strcmp(its, name) == 0)
            return true;
    }
    return false;
}

static void worked(struct core *core, struct snapshot_job *job, const struct json *answer)
{
    const struct object *object = objects_find(&core->objects, &job->object);
    if (!is_restore(job)) {
        tell(core, job);
        succeed(core, job, json_get(answer, "snapshots"));
    } else if (job->phase == SNAPSHOT_RESTORES) {
        let_go(core, job);
    } else if (object == NULL || !has_snapshot(answer, job->name)) {
        AUTO_FREE char *message = mem_printf("%s has no snapshot %s: nothing was begun", job->object.name, job->name);
        fail(core, job, "NotFound", message);
    } else {
        begin_restore(core, job, object);
    }
}

static void failed(struct core *core, struct snapshot_job *job, const struct json *head)
{
    const char *result = text_or(json_get_text(head, "result"), "");
    const char *reason = text_or(json_get_text(head, "reason"), "RuntimeError");
    const char *message = text_or(json_get_text(head, "message"), "the runtime did not say why");
    /* StillRunning: the runtime has not seen yet what it told itself, that the machine is off. */
    bool again = strcmp(result, "unavailable") == 0 || strcmp(result, "deadline") == 0 || strcmp(reason, "StillRunning") == 0;
    if (job->phase == SNAPSHOT_ASKS) {
        fail(core, job, reason, message);
    } else if (again) { /* whether it went back is not known: held off until it has */
        log_warn("%s/%s cannot go back to snapshot %s yet: %s", job->object.namespace, job->object.name, job->name, message);
        job->phase = SNAPSHOT_STOPS;
        job->retry_ms = core_boot_ms(core) + RETRY_MS;
    } else {
        let_go_because(core, job, reason, message);
    }
}

bool snapshots_answered(struct core *core, const struct frame_view *frame)
{
    int64_t id = json_get_integer(frame->head, "id", 0);
    struct snapshot_job *job;
    struct error ignored; /* an answer is optional */
    DL_SEARCH_SCALAR(core->requests.snapshots, job, call, id);
    if (job == NULL || id == 0)
        return false;
    AUTO_JSON struct json *answer = frame->body_len > 0 ? json_parse(frame->body, frame->body_len, &ignored) : NULL;
    job->call = 0;
    if (json_get_boolean(frame->head, "ok", false))
        worked(core, job, answer);
    else
        failed(core, job, frame->head);
    return true;
}

void snapshots_lost(struct core *core)
{
    struct snapshot_job *job, *next;
    DL_FOREACH_SAFE(core->requests.snapshots, job, next) {
        if (job->call == 0)
            continue;
        job->call = 0;
        if (job->phase == SNAPSHOT_RESTORES)
            job->phase = SNAPSHOT_STOPS;
        else
            fail(core, job, "Unavailable", "the runtime host ended meanwhile: davit snapshot --list says what is there");
    }
}

void snapshots_free(struct core *core)
{
    while (core->requests.snapshots != NULL)
        job_free(core, core->requests.snapshots);
}

static void load(void *ctx, const struct rollback_row *row)
{
    struct core *core = ctx;
    struct object *object = objects_find(&core->objects, &row->id);
    if (object == NULL)
        return;
    struct snapshot_job *job = job_new(core, &row->id, "restore", row->snapshot);
    job->force = row->force;
    hold(core, job, object, row->uid);
}

bool snapshots_load(struct core *core, struct error *err)
{
    return store_each_rollback(core->store, load, core, err);
}

/* ---- the verbs */

/* NULL: it is answered. */
static struct object *may_begin(struct core *core, const struct request_call *call)
{
    struct object *object = request_vm(core, call);
    if (object == NULL)
        return NULL;
    if (job_of(core, &object->id) != NULL)
        requests_fail(core, call->serial, "Busy", "another request about snapshots of %s is being carried out", object->id.name);
    else if (!core->vms.up || !core->vms.listed)
        requests_fail(core, call->serial, "Unavailable", "the runtime host is not there yet: try again in a moment");
    else
        return object;
    return NULL;
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

void request_snapshot(struct core *core, struct request_call *call)
{
    static const char *const all[] = { "take", "delete", "list" };
    const char *what = text_or(json_get_text(call->args, "do"), "take"), *name = json_get_text(call->args, "name");
    bool is_take = strcmp(what, "take") == 0, is_list = strcmp(what, "list") == 0;
    char now[32] = "";
    time_t seconds = (time_t)(core_wall_ms(core) / 1000);
    struct tm time = { 0 };
    if (is_take && name == NULL && gmtime_r(&seconds, &time) != NULL && strftime(now, sizeof(now), "%Y%m%d-%H%M%S", &time) > 0)
        name = now;
    if (!is_one_of(what, all, sizeof(all) / sizeof(all[0]))) {
        requests_fail(core, call->serial, "InvalidRequest", "\"do\" is take, delete or list");
        return;
    }
    if (!is_list && !name_is_label(name)) {
        requests_fail(core, call->serial, "InvalidRequest", "a snapshot's name has lower-case letters, digits and -, at most %d",
                      LIMIT_LABEL_BYTES);
        return;
    }
    const struct object *object = may_begin(core, call);
    if (object == NULL)
        return;
    struct snapshot_job *job = job_new(core, &object->id, what, is_list ? "" : name);
    job->serial = call->serial;
    ask_runtime(core, job, object, what);
}

void request_rollback(struct core *core, struct request_call *call)
{
    const char *name = json_get_text(call->args, "name");
    if (!name_is_label(name)) {
        requests_fail(core, call->serial, "InvalidRequest", "back to which snapshot? Give its \"name\"");
        return;
    }
    const struct object *object = may_begin(core, call);
    if (object == NULL)
        return;
    struct snapshot_job *job = job_new(core, &object->id, "restore", name);
    job->serial = call->serial;
    job->force = json_get_boolean(call->args, "force", false);
    ask_runtime(core, job, object, "list");
}
