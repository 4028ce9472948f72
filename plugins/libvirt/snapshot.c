#include "config.h"

#include "snapshot.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "agent.h"
#include "base/memory.h"
#include "connection.h"
#include "record.h"
#include "snapshot_disks.h"
#include "workload.h"

struct work {
    struct errand *errand;
    struct snapshot_disks disks;
    struct json *list; /* what there is */
    const char *name;
    bool running, agent;
};

static char *folder_of(const struct vms *vms, const char *object, struct error *err)
{
    AUTO_FREE char *run_dir = NULL;
    const struct disk_place place = vms_disk_place(vms, "none", -1, &run_dir);

    return disk_folder(&place, object, err);
}

static bool list_all(const struct snapshot_disks *disks, struct json **out, int cancel_fd, struct error *err)
{
    *out = json_new_array();
    for (size_t i = 0; i < disks->count; i++) {
        if (!snapshot_disks_list(disks->paths[i], *out, cancel_fd, err))
            return false;
    }
    return true;
}

struct json *snapshot_read(const struct vms *vms, const char *object)
{
    struct error err;
    AUTO_FREE char *folder = folder_of(vms, object, &err);
    struct snapshot_disks disks;
    struct json *list;

    if (folder == NULL)
        return NULL;
    snapshot_disks_find(folder, &disks);
    if (!list_all(&disks, &list, -1, &err))
        vms_log(vms, 4, "which snapshots %s has is not known: %s", object, err.message);
    snapshot_disks_free(&disks);
    if (json_size(list) > 0)
        return list;
    json_free(list);
    return NULL;
}

/* ---- taking */

/* A guest that cannot be frozen is taken as it is: as a power cut would find it. */
static bool freeze(struct work *work, virDomainPtr domain)
{
    struct vms *vms = work->errand->vms;
    struct instance *instance;
    struct error err;
    bool noted;

    if (!work->agent || !json_get_boolean(work->errand->address.json, "freeze", false))
        return false;
    pthread_mutex_lock(&vms->lock);
    instance = instance_find(vms, work->errand->address.id);
    instance->frozen = true; /* before, so that whoever comes after a crash thaws it */
    noted = record_write(vms, instance, &err);
    instance->frozen = noted;
    pthread_mutex_unlock(&vms->lock);
    if (noted && virDomainFSFreeze(domain, NULL, 0, 0) >= 0)
        return true;
    vms_log(vms, 4, "%s/%s cannot be frozen for its snapshot: %s", instance->namespace_, instance->name,
            noted ? virGetLastErrorMessage() : err.message);
    return noted;
}

static void thaw(struct work *work, virDomainPtr domain)
{
    struct vms *vms = work->errand->vms;
    bool thawed = virDomainFSThaw(domain, NULL, 0, 0) >= 0;
    struct instance *instance;
    struct error err;

    pthread_mutex_lock(&vms->lock);
    instance = instance_find(vms, work->errand->address.id);
    instance->frozen = !thawed;
    if (!record_write(vms, instance, &err))
        vms_log(vms, 4, "that %s was thawed is not written down: %s", instance->id, err.message);
    if (!thawed) { /* the keeper's next question to the agent thaws it */
        vms_log(vms, 4, "%s/%s is not thawed yet after its snapshot", instance->namespace_, instance->name);
        agent_came(instance, true);
        instance_look(vms, instance);
    }
    pthread_mutex_unlock(&vms->lock);
}

static bool take_live(struct work *work, struct error *err)
{
    virDomainPtr domain = errand_domain(work->errand, err);
    bool good, frozen;

    if (domain == NULL)
        return false;
    frozen = freeze(work, domain);
    good = snapshot_disks_take_live(domain, &work->disks, work->name, err);
    if (frozen)
        thaw(work, domain);
    virDomainFree(domain);
    return good;
}

/* All or none. */
static bool take_off(struct work *work, struct error *err)
{
    struct error ignored; /* the first one is what is told */
    size_t done = 0;

    while (done < work->disks.count &&
           snapshot_disks_change(work->disks.paths[done], "-c", work->name, work->errand->cancel_fd, err))
        done++;
    if (done == work->disks.count)
        return true;
    while (done-- > 0) {
        if (!snapshot_disks_change(work->disks.paths[done], "-d", work->name, -1, &ignored))
            vms_log(work->errand->vms, 4, "%s keeps a snapshot that was not finished: %s", work->disks.paths[done], ignored.message);
    }
    return false;
}

static bool take(struct work *work, struct error *err)
{
    if (snapshot_disks_has(work->list, work->name))
        return error_set(err, ERROR_EXISTS, "there is a snapshot %s already: delete it first, or choose another name", work->name);
    if (json_size(work->list) >= LIMIT_SNAPSHOTS)
        return error_set(err, ERROR_LIMIT, "it has %d snapshots already: delete one first", LIMIT_SNAPSHOTS);
    if (work->disks.count == 0)
        return error_set(err, ERROR_UNSUPPORTED, "it has no disk of its own that could have a snapshot");
    return work->running ? take_live(work, err) : take_off(work, err);
}

/* ---- the others */

/* On every disk that has it: one that came later has not. */
static bool change_all(struct work *work, const char *option, struct error *err)
{
    for (size_t i = 0; i < work->disks.count; i++) {
        AUTO_JSON struct json *own = json_new_array();

        if (!snapshot_disks_list(work->disks.paths[i], own, work->errand->cancel_fd, err) ||
            (snapshot_disks_has(own, work->name) &&
             !snapshot_disks_change(work->disks.paths[i], option, work->name, work->errand->cancel_fd, err)))
            return false;
    }
    return true;
}

static bool check_there(const struct work *work, struct error *err)
{
    return snapshot_disks_has(work->list, work->name) ||
           error_set(err, ERROR_NOT_FOUND, "there is no snapshot %s", work->name);
}

static bool delete(struct work *work, struct error *err)
{
    virDomainPtr domain;
    bool good;

    if (!check_there(work, err))
        return false;
    if (!work->running)
        return change_all(work, "-d", err);
    domain = errand_domain(work->errand, err);
    good = domain != NULL && snapshot_disks_delete_live(domain, &work->disks, work->name, err);
    if (domain != NULL)
        virDomainFree(domain);
    return good;
}

static bool restore(struct work *work, struct error *err)
{
    if (!check_there(work, err))
        return false;
    if (work->running)
        return error_set(err, ERROR_CONFLICT, "it runs: stop it first");
    return change_all(work, "-a", err);
}

static bool list(struct work *work, struct error *err)
{
    (void)work;
    (void)err;
    return true;
}

static const struct {
    const char *word;
    bool (*run)(struct work *work, struct error *err);
    bool names; /* `name` is wanted */
} verbs[] = {{"take", take, true}, {"delete", delete, true}, {"restore", restore, true}, {"list", list, false}};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static bool check_name(const struct work *work, struct error *err)
{
    return (work->name != NULL && address_name_is_valid(work->name, LIMIT_LABEL_BYTES, ".")) ||
           error_set(err, ERROR_INVALID, "a snapshot's name is 1 to %d of a-z, 0-9, - and .", LIMIT_LABEL_BYTES);
}

static bool check_raw(const struct work *work, struct error *err)
{
    AUTO_JSON struct json *note = workload_read(work->errand->vms, work->errand->address.uid);
    const char *volume = json_text(json_first(json_get(note, "raw")));

    return volume == NULL || error_set(err, ERROR_UNSUPPORTED, "its volume %s is a claim or a host's file, which can have no snapshot: make it read-only, or a data volume", volume);
}

/* ---- around it */

/* Lock held. False: something else is under way. */
static bool begin(struct work *work, struct error *err)
{
    struct instance *instance = instance_find(work->errand->vms, work->errand->address.id);

    if (instance == NULL)
        return true; /* it is switched off, and nothing but its disks is there */
    if (instance->busy)
        return error_set(err, ERROR_UNAVAILABLE, "libvirtd has not answered an earlier call for this virtual machine yet");
    instance->busy = true;
    work->running = instance->state == INSTANCE_RUNNING;
    work->agent = instance->agent;
    return true;
}

/* Lock held. */
static void finish(struct work *work)
{
    struct instance *instance = instance_find(work->errand->vms, work->errand->address.id);
    struct error err;

    if (instance == NULL)
        return;
    instance->busy = false;
    json_free(instance->snapshots);
    instance->snapshots = json_size(work->list) > 0 ? json_copy(work->list) : NULL;
    if (!record_write(work->errand->vms, instance, &err))
        vms_log(work->errand->vms, 4, "the snapshots of %s are not written down: %s", instance->id, err.message);
    instance_changed(work->errand->vms, instance);
    instance_look(work->errand->vms, instance); /* it may have ended meanwhile */
}

static bool work_it(struct work *work, size_t verb, struct error *err)
{
    struct error after;
    bool good;

    if (!list_all(&work->disks, &work->list, work->errand->cancel_fd, err))
        return false;
    good = (!verbs[verb].names || (check_name(work, err) && check_raw(work, err))) && verbs[verb].run(work, err);
    json_free(mem_steal(&work->list));
    if (!list_all(&work->disks, &work->list, -1, &after))
        vms_log(work->errand->vms, 4, "which snapshots there are now is not known: %s", after.message);
    if (good)
        json_set(work->errand->answer = json_new_object(), "snapshots", json_copy(work->list));
    return good;
}

static void fail(struct errand *errand, const struct error *err)
{
    static const struct {
        enum error_code code;
        enum davit_result result;
        const char *reason;
    } table[] = {{ERROR_UNSUPPORTED, DAVIT_INVALID, "Unsupported"},
                 {ERROR_EXISTS, DAVIT_INVALID, "AlreadyExists"},
                 {ERROR_LIMIT, DAVIT_INVALID, "TooManySnapshots"},
                 {ERROR_CONFLICT, DAVIT_FAILED, "StillRunning"}};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].code == err->code) {
            errand_fail(errand, table[i].result, table[i].reason, err->message);
            return;
        }
    }
    errand_fail_with(errand, err->code == ERROR_NOT_FOUND ? "NotFound" : "SnapshotError", err);
}

void snapshot_do(struct errand *errand)
{
    const struct json *document = errand->address.json;
    const char *object = json_get_text(document, "object"), *word = json_get_text(document, "do");
    struct work work = {.errand = errand, .name = json_get_text(document, "name")};
    struct error err;
    size_t verb = 0;
    bool begun;

    while (verb < VERBS && (word == NULL || strcmp(verbs[verb].word, word) != 0))
        verb++;
    if (verb == VERBS || object == NULL) {
        errand_fail(errand, DAVIT_INVALID, "InvalidDocument", "a snapshot needs an object, and do: take, delete, restore or list");
        return;
    }
    AUTO_FREE char *folder = folder_of(errand->vms, object, &err);
    if (folder == NULL) {
        errand_fail_with(errand, "InvalidDocument", &err);
        return;
    }
    pthread_mutex_lock(&errand->vms->lock);
    begun = begin(&work, &err);
    pthread_mutex_unlock(&errand->vms->lock);
    if (begun) {
        snapshot_disks_find(folder, &work.disks);
        begun = work_it(&work, verb, &err);
        pthread_mutex_lock(&errand->vms->lock);
        finish(&work);
        pthread_mutex_unlock(&errand->vms->lock);
    }
    if (!begun)
        fail(errand, &err);
    json_free(work.list);
    snapshot_disks_free(&work.disks);
}
