#include "core/report.h"

#include <string.h>

#include "base/memory.h"
#include "core/admission.h"
#include "core/claims.h"
#include "core/cordon.h"
#include "core/create_vm.h"
#include "core/discovery.h"
#include "core/owners.h"
#include "core/reconcile.h"
#include "core/runtime.h"
#include "core/telemetry.h"
#include "model/pod_end.h"
#include "model/vm.h"
#include "protocol/topic.h"

static const struct text_list *shadows_of(const struct object *object, const struct slot *ruling, struct text_list *list)
{
    list->items = mem_array(object->slot_count + 1, sizeof(char *));
    for (size_t i = 0; i < object->slot_count; i++)
        if (&object->slots[i] != ruling && !object->slots[i].tombstone)
            list->items[list->count++] = slot_name(&object->slots[i]);
    return list;
}

bool report_tell(struct core *core, const char *word, const struct object_id *id, struct json *json, bool with_ts,
                 char told[DIGEST_HEX_BYTES])
{
    char digest[DIGEST_HEX_BYTES];
    AUTO_FREE char *same = json_print(json);
    digest_of(same, strlen(same), digest);
    if (strcmp(digest, told) == 0)
        return false;
    memcpy(told, digest, sizeof(digest));
    AUTO_FREE char *topic = topic_node(core->config->root, core->config->node, word, id);
    if (!with_ts) {
        outbox_put(core->outbox, topic, same);
        return true;
    }
    core_set_ts(core, json);
    AUTO_FREE char *text = json_print(json);
    outbox_put(core->outbox, topic, text);
    return true;
}

/* So that who reads statuses can select by them. */
static void add_labels(const struct object *object, struct json *status)
{
    const struct slot *ruling = object_ruling(object);
    struct json *metadata = json_get_mutable(status, "metadata");
    if (metadata != NULL && ruling != NULL && ruling->labels != NULL)
        json_set(metadata, "labels", json_copy(ruling->labels));
}

void report_both(struct core *core, struct object *object, struct json *state, struct json *status, struct json **described)
{
    add_labels(object, status);
    if (described != NULL) {
        *described = mem_steal(&status);
    } else {
        report_tell(core, "state", &object->id, state, true, object->told_state);
        report_tell(core, "status", &object->id, status, false, object->told_status);
        json_free(object->summary);
        object->summary = mem_steal(&state);
    }
    json_free(state);
    json_free(status);
}

/* `described` NULL: what is new of it is told. */
static void report_pod(struct core *core, struct object *object, const struct pod_report *report, struct json **described)
{
    if (described != NULL) {
        *described = pod_status_write(report);
        add_labels(object, *described);
        return;
    }
    struct json *state = pod_state_write(report);
    if (report_tell(core, "state", &object->id, state, true, object->told_state))
        core->node_dirty = core->services.owed = true;
    json_free(object->summary);
    object->summary = state;
    memcpy(object->summary_uid, object->uid, sizeof(object->summary_uid));
    if (json_get_integer(state, "ready", 0) == 0)
        object->ready_boot_ms = 0;
    else if (object->ready_boot_ms == 0)
        object->ready_boot_ms = core_boot_ms(core);
    AUTO_JSON struct json *status = pod_status_write(report);
    add_labels(object, status);
    if (report_tell(core, "status", &object->id, status, false, object->told_status))
        core->services.owed = true;
}

#define TOLD_EMPTY "empty" /* in the place of a digest: the topics were emptied */

/* The row of an object whose topics exist without an incarnation, on its way. */
struct topics_saving {
    struct core *core;
    struct object *object;
    bool before;
};

static void topics_saved(void *ctx, const struct error *err)
{
    struct topics_saving *saving = ctx;
    struct core *core = saving->core;
    struct object *object = saving->object;
    object->saving = false;
    if (err != NULL) {
        core_store_failed(core, err);
        object->refused_stored = saving->before;
        object->wait_boot_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
    } else {
        core_store_worked(core);
    }
    core_touch(core, object);
    free(saving);
}

static bool topics_must_wait(struct core *core, struct object *object)
{
    if (object->wait_boot_ms > core_boot_ms(core))
        core_wake_object(core, object, object->wait_boot_ms);
    return object->saving || object->wait_boot_ms > core_boot_ms(core);
}

static void topics_save(struct core *core, struct object *object, struct store_txn *txn, bool stored)
{
    struct topics_saving *saving = mem_alloc(sizeof(*saving));
    *saving = (struct topics_saving){ .core = core, .object = object, .before = object->refused_stored };
    object->refused_stored = stored;
    object->saving = true;
    store_commit(txn, topics_saved, saving);
}

/* Its topics exist, and no incarnation will end and clear them: a row remembers that, over a restart too. */
static void remember_topics(struct core *core, struct object *object)
{
    if (object->refused_stored || object->uid[0] != '\0' || topics_must_wait(core, object))
        return;
    struct store_txn *txn = store_begin(core->store);
    store_put_refused(txn, &object->id);
    topics_save(core, object, txn, true);
}

/* After a start a refused document may still be on its way: what was told before it is left until the flood is over. */
static void forget_topics(struct core *core, struct object *object)
{
    if ((object->told_state[0] == '\0' && !core->link.flood_over) || topics_must_wait(core, object))
        return;
    struct store_txn *txn = store_begin(core->store);
    store_delete_refused(txn, &object->id);
    core_clear(core, object, txn);
    topics_save(core, object, txn, false);
    memcpy(object->told_state, TOLD_EMPTY, sizeof(TOLD_EMPTY));
    object->told_status[0] = '\0';
}

/* A tombstone's object with nothing left has no status. A broker that was restored from a backup may hold one still. */
static void tell_nothing(struct core *core, struct object *object)
{
    static const char *const words[] = { "state", "status" };
    if (object->finishing)
        return;
    if (object->refused_stored)
        forget_topics(core, object);
    if (object->slot_count == 0 || object->refused_stored || object->told_state[0] != '\0')
        return;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        AUTO_FREE char *topic = topic_node(core->config->root, core->config->node, words[i], &object->id);
        outbox_put(core->outbox, topic, "");
    }
    memcpy(object->told_state, TOLD_EMPTY, sizeof(TOLD_EMPTY));
}

static bool nothing_to_tell(const struct core *core, const struct object *object)
{
    if (claims_is_ending(core, object))
        return false;
    return object->finishing || object->expired || (!object->refused && object->uid[0] == '\0' && object->runs == NULL &&
                                  object_ruling(object) == NULL);
}

/* What a newer document waits for, while the one before it runs on: room, or the first image that is not here. */
static void tell_update(const struct core *core, const struct object *object, struct container_image *image,
                        struct pod_report *report)
{
    const struct slot *ruling = object_ruling(object);
    const struct pod_wait *wait = cordon_update(core, object);
    if (wait == NULL)
        wait = admission_wait(object, true);
    if (wait != NULL) {
        report->update = wait->reason;
        report->update_message = wait->message;
        return;
    }
    for (size_t i = 0; object->held != NULL && ruling != NULL && i < pod_count(ruling->pod); i++) {
        pulls_look(core, object, ruling->pod, i, NULL, image);
        if (image->verdict.state == IMAGE_READY)
            continue;
        bool comes = image->verdict.state == IMAGE_PULLING;
        report->update = comes ? "Pulling" : image->reason;
        report->update_message = image->message;
        return;
    }
}

static struct json *tell_images(const struct core *core, const struct object *object, struct pod_report *report)
{
    struct json *images = json_new_array();
    const struct slot *ruling = object_ruling(object);
    const struct pod *pod = object_wanted(object);
    if (object->pulling && ruling != NULL && ruling->pod != NULL)
        pulls_write(core, ruling->pod, images);
    report->stale = pod != NULL ? pulls_stale(core, pod) : NULL;
    report->images = images;
    return images;
}

/* What its newest container was made of; else what its name means now. */
static const struct image *image_of(const struct core *core, const struct object *object, const struct container *container)
{
    const struct run *run = object_run(object, object->uid);
    const struct instance *newest = NULL;
    for (size_t i = 0; run != NULL && i < run->count; i++) {
        const struct instance *one = &run->instances[i];
        if (strcmp(one->container, container->name) == 0 && (newest == NULL || one->attempt > newest->attempt))
            newest = one;
    }
    const struct image *image = newest != NULL ? images_by_id(&core->images, newest->image_id) : NULL;
    if (image != NULL || container->image == NULL)
        return image;
    return images_find(&core->images, container->image);
}

/* What is told of an object's containers; the texts are its own. */
struct telling {
    struct pod_view view;
    struct container_image images[LIMIT_CONTAINERS];
    struct container_shown shown[LIMIT_CONTAINERS];
    char *image_ids[LIMIT_CONTAINERS];
    size_t containers;
    char *addresses[2];
    struct text_list own;
};

static void telling_fill(struct core *core, struct object *object, struct telling *telling)
{
    reconcile_view(core, object, &telling->view, telling->images);
    const struct pod *pod = telling->view.pod;
    telling->containers = pod != NULL ? pod_count(pod) : 0;
    for (size_t i = 0; i < telling->containers; i++) {
        const struct image *image = image_of(core, object, pod_container(pod, i));
        telling->image_ids[i] = image != NULL ? image_pull_id(image, pod_container(pod, i)->image) : NULL;
        container_show(&telling->view, i, core_boot_ms(core), &telling->shown[i]);
    }
    telling->own.items = telling->addresses;
    bool connected = telling->view.network != NULL && object->network.state == NETWORK_READY;
    telling->own.count = connected ? network_addresses(core, object->uid, telling->addresses) : 0;
}

/* What the runtime knows of a virtual machine beside its state. */
static const struct json *vm_facts(const struct object *object)
{
    const struct instance *newest = run_newest(object_run(object, object->uid), VM_CONTAINER);
    return newest != NULL ? newest->vm : NULL;
}

static const char *runtime_problem(const struct core *core, const struct object *object)
{
    const struct runtime_state *runtime = runtime_seen(core, object);
    return object_is_vm(object) && runtime->problem[0] != '\0' ? runtime->problem : NULL;
}

static void report_containers(struct core *core, struct object *object, struct json **described)
{
    struct telling telling;
    telling_fill(core, object, &telling);
    const struct slot *ruling = object_ruling(object);
    struct text_list shadows = { 0 };
    char mac[VM_MAC_BYTES] = "";
    if (telling.view.pod != NULL && telling.view.pod->vm != NULL)
        create_vm_mac(object, telling.view.pod->vm, mac);
    AUTO_FREE char *source = ruling != NULL ? slot_name(ruling) : NULL;
    struct pod_report report = {
        .id = &object->id,
        .uid = object->uid,
        .generation = ruling != NULL ? ruling->generation : -1,
        .source = source,
        .shadows = shadows_of(object, ruling, &shadows),
        .refusal = object->refused ? &object->refusal : NULL,
        .ignored = ruling != NULL ? &ruling->ignored : NULL,
        .retained = ruling != NULL && ruling->source < SOURCE_MANIFESTS ? ruling->retained : RETAINED_UNKNOWN,
        .accepted_ms = object->uid[0] != '\0' ? object->created_ms : ruling != NULL ? ruling->created_ms : 0,
        .view = &telling.view,
        .shown = telling.shown,
        .image_ids = (const char *const *)telling.image_ids,
        .terminating = ruling == NULL && object->uid[0] != '\0',
        .stored = ruling != NULL && ruling->data != NULL,
        .orphan = object_is_orphan(object),
        .addresses = &telling.own,
        .host_address = core->network.host_address,
        .runtime = runtime_seen(core, object)->name,
        .node = core->config->node,
        .mac = mac,
        .vm = vm_facts(object),
        .runtime_problem = runtime_problem(core, object),
        .overdue = end_is_overdue(object->runs, core_boot_ms(core)),
        .networks = telling.own.count > 0 ? object->networks : NULL,
    };
    struct container_image update;
    tell_update(core, object, &update, &report);
    AUTO_JSON struct json *pulls = tell_images(core, object, &report);
    report_pod(core, object, &report, described);
    for (size_t i = 0; i < telling.containers; i++)
        free(telling.image_ids[i]);
    text_list_free(&shadows);
}

void report_object(struct core *core, struct object *object)
{
    if (nothing_to_tell(core, object)) {
        if (object->summary != NULL)
            core->node_dirty = core->services.owed = true;
        json_free(mem_steal(&object->summary));
        tell_nothing(core, object);
        return;
    }
    remember_topics(core, object);
    if (owners_is_told(object)) {
        owners_tell(core, object, NULL);
        return;
    }
    if (claims_is_told(core, object)) {
        claims_report(core, object, NULL);
        return;
    }
    if (services_is_told(object)) {
        services_report(core, object, NULL);
        return;
    }
    report_containers(core, object, NULL);
}

struct json *report_describe(struct core *core, struct object *object)
{
    struct json *described = NULL;
    if (nothing_to_tell(core, object))
        return NULL;
    if (owners_is_told(object)) {
        owners_tell(core, object, &described);
        return described;
    }
    if (claims_is_told(core, object)) {
        claims_report(core, object, &described);
        return described;
    }
    if (services_is_told(object)) {
        services_report(core, object, &described);
        return described;
    }
    report_containers(core, object, &described);
    return described;
}

char *report_presence_text(const struct core *core, bool online)
{
    AUTO_JSON struct json *json = json_new_object();
    json_set_integer(json, "v", 1);
    json_set_boolean(json, "online", online);
    json_set_text(json, "bootId", core->env->boot_id);
    json_set_text(json, "session", core->link.session);
    json_set_text(json, "site", core->config->site);
    core_set_ts(core, json);
    return json_print(json);
}

char *report_will(const struct core *core)
{
    return report_presence_text(core, false);
}

void report_presence(struct core *core, bool online)
{
    AUTO_FREE char *topic = topic_node(core->config->root, core->config->node, "presence", NULL);
    AUTO_FREE char *text = report_presence_text(core, online);
    outbox_put(core->outbox, topic, text);
}

void report_again(struct core *core)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        object->told_state[0] = '\0';
        object->told_status[0] = '\0';
        core_touch(core, object);
    }
    core->told_node_state[0] = '\0';
    core->told_node_status[0] = '\0';
    core->node_dirty = true;
    telemetry_again(core);
    discovery_again(core);
}
