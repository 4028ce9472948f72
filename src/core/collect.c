#include "core/collect.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/runtime.h"
#include "image/reference.h"

#define TOUCH_MS (24u * 3600 * 1000)

/* ---- who needs it */

static bool pod_names(const struct core *core, const struct pod *pod, const struct image *image)
{
    for (size_t i = 0; pod != NULL && i < pod_image_count(pod); i++)
        if (pod_image(pod, i) != NULL && images_find(&core->images, pod_image(pod, i)) == image)
            return true;
    return false;
}

static bool list_has(const struct json *ids, const char *id)
{
    JSON_EACH(one, ids)
        if (json_text(one) != NULL && strcmp(json_text(one), id) == 0)
            return true;
    return false;
}

static bool runs_have(const struct object *object, const char *id)
{
    for (const struct run *run = object->runs; run != NULL; run = run->next)
        for (size_t i = 0; i < run->count; i++)
            if (strcmp(run->instances[i].image_id, id) == 0 || list_has(run->instances[i].volume_images, id))
                return true;
    return false;
}

static bool object_needs(const struct core *core, const struct object *object, const struct image *image)
{
    const struct slot *ruling = object_ruling(object);
    return (ruling != NULL && pod_names(core, ruling->pod, image)) || pod_names(core, object->held, image) ||
           runs_have(object, image->id) || list_has(object->previous, image->id);
}

bool collect_used(const struct core *core, const struct image *image, struct json *who)
{
    bool used = false;
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        if (!object_needs(core, object, image))
            continue;
        used = true;
        if (who == NULL)
            return true;
        AUTO_FREE char *name =
            mem_printf("%s/%s/%s", object->id.namespace, object->id.resource, object->id.name);
        json_add_text(who, name);
    }
    return used;
}

/* ---- what goes */

struct going {
    struct core *core;
    struct store_txn *txn;
    int64_t *folders;
    size_t folder_count;
    int64_t freed;
};

static void committed(void *ctx, const struct error *err)
{
    struct going *going = ctx;
    struct core *core = going->core;
    /* Where the rows are still there, so must be the folders: a later start has them both again. */
    if (err != NULL)
        core_store_failed(core, err);
    for (size_t i = 0; err == NULL && i < going->folder_count; i++)
        core->env->drop_layer(core->env->ctx, going->folders[i]);
    free(going->folders);
    free(going);
}

static struct going *going_new(struct core *core)
{
    struct going *going = mem_alloc(sizeof(*going));
    going->core = core;
    going->txn = store_begin(core->store);
    return going;
}

static bool another_has(const struct core *core, const struct image *but, const char *diff_id)
{
    for (const struct image *image = core->images.by_id; image != NULL; image = image->hh.next)
        if (image != but && list_has(image->layers, diff_id))
            return true;
    return false;
}

static void drop_layer(struct going *going, const char *diff_id)
{
    struct images *images = &going->core->images;
    const struct layer *layer = images_layer(images, diff_id);
    if (layer == NULL || layer->pins > 0)
        return;
    going->folders = mem_resize(going->folders, going->folder_count + 1, sizeof(going->folders[0]));
    going->folders[going->folder_count++] = layer->folder;
    going->freed += layer->size_bytes;
    store_delete_layer(going->txn, diff_id);
    images_drop_layer(images, diff_id);
}

static void tell_removed(const struct core *core, const struct image *image, struct json *removed)
{
    bool named = false;
    for (const struct image_name *name = core->images.names; name != NULL; name = name->hh.next) {
        if (name->image != image)
            continue;
        named = true;
        log_info("image %s is removed: nothing needs it", name->reference);
        if (removed != NULL)
            json_add_text(removed, name->reference);
    }
    if (!named && removed != NULL)
        json_add_text(removed, image->id);
}

/* From memory at once, so that nothing begins to use it. */
static void drop(struct going *going, const struct image *image, struct json *removed)
{
    struct core *core = going->core;
    tell_removed(core, image, removed);
    JSON_EACH(diff_id, image->layers)
        if (!another_has(core, image, json_text(diff_id)))
            drop_layer(going, json_text(diff_id));
    AUTO_FREE char *id = mem_strdup(image->id);
    store_delete_image(going->txn, id);
    images_drop(&core->images, id);
}

static const struct image *oldest_unneeded(const struct core *core)
{
    const struct image *oldest = NULL;
    for (const struct image *image = core->images.by_id; image != NULL; image = image->hh.next)
        if ((oldest == NULL || image->used_ms < oldest->used_ms) && !collect_used(core, image, NULL))
            oldest = image;
    return oldest;
}

int64_t collect_total(const struct core *core)
{
    int64_t total = 0;
    for (const struct layer *layer = core->images.layers; layer != NULL; layer = layer->hh.next)
        total += layer->size_bytes;
    return total;
}

/* Layers that were pinned when their image went, by a pull that came to nothing. */
static void drop_ownerless(struct going *going)
{
    struct layer *layer, *next;
    HASH_ITER(hh, going->core->images.layers, layer, next) {
        AUTO_FREE char *diff_id = mem_strdup(layer->diff_id);
        if (!another_has(going->core, NULL, diff_id))
            drop_layer(going, diff_id);
    }
}

int64_t collect(struct core *core, int64_t most_bytes, struct json *removed)
{
    if (!runtime_all_listed(core) || collect_total(core) <= most_bytes)
        return 0;
    struct going *going = going_new(core);
    size_t images = 0;
    const struct image *image;
    drop_ownerless(going);
    while (collect_total(core) > most_bytes && (image = oldest_unneeded(core)) != NULL) {
        drop(going, image, removed);
        images++;
    }
    int64_t freed = going->freed;
    if (images > 0 || going->folder_count > 0) {
        store_commit(going->txn, committed, going);
    } else {
        store_abandon(going->txn);
        free(going);
    }
    return freed;
}

/* ---- by a person's word */

static size_t names_of(const struct core *core, const struct image *image)
{
    size_t count = 0;
    for (const struct image_name *name = core->images.names; name != NULL; name = name->hh.next)
        count += name->image == image;
    return count;
}

static bool refuse_used(const struct json *who, const char *word, struct error *err)
{
    return error_set(err, ERROR_CONFLICT, "%.200s is needed by %s%s: delete that first", word, json_text(json_first(who)),
                     json_size(who) > 1 ? " and others" : "");
}

static void drop_name(struct going *going, const char *word, struct json *removed)
{
    struct error ignored; /* it was found by it */
    struct reference parsed;
    char reference[REFERENCE_TEXT_BYTES];
    if (!reference_parse(word, &parsed, &ignored))
        return;
    reference_format(&parsed, reference);
    json_add_text(removed, reference);
    store_delete_image_name(going->txn, reference);
    images_drop_name(&going->core->images, reference);
}

bool collect_remove(struct core *core, const char *word, struct json *removed, int64_t *freed, struct error *err)
{
    const struct image *image = images_find(&core->images, word);
    AUTO_JSON struct json *who = json_new_array();
    if (image == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%.200s is not on this device: see davit image ls", word);
    if (!runtime_all_listed(core))
        return error_set(err, ERROR_UNAVAILABLE, "what runs is not known yet: try again in a moment");
    if (collect_used(core, image, who))
        return refuse_used(who, word, err);
    struct going *going = going_new(core);
    if (!digest_is_valid(word) && names_of(core, image) > 1)
        drop_name(going, word, removed);
    else
        drop(going, image, removed);
    *freed = going->freed;
    store_commit(going->txn, committed, going);
    return true;
}

void collect_lost_layer(struct core *core, const char *diff_id)
{
    struct going *going = going_new(core);
    AUTO_FREE char *lost = mem_strdup(diff_id);
    struct image *image, *next;
    HASH_ITER(hh, core->images.by_id, image, next) {
        if (!list_has(image->layers, lost))
            continue;
        log_error("image %s: the folder of its layer %s is gone: pull or import it again", image->id, lost);
        drop(going, image, NULL);
    }
    drop_layer(going, lost);
    store_commit(going->txn, committed, going);
}

/* ---- what is remembered */

static void add_id(struct json *ids, const char *id)
{
    if (id[0] != '\0' && !list_has(ids, id))
        json_add_text(ids, id);
}

struct json *collect_ids(const struct core *core, const struct object *object)
{
    struct json *ids = json_new_array();
    const struct pod *pod = object_wanted(object);
    const struct run *run = object->uid[0] != '\0' ? object_run(object, object->uid) : NULL;
    for (size_t i = 0; run != NULL && i < run->count; i++) {
        add_id(ids, run->instances[i].image_id);
        JSON_EACH(one, run->instances[i].volume_images)
            add_id(ids, json_text(one) != NULL ? json_text(one) : "");
    }
    bool none = json_size(ids) == 0;
    for (size_t i = 0; none && pod != NULL && i < pod_image_count(pod); i++) {
        const struct image *image = pod_image(pod, i) != NULL ? images_find(&core->images, pod_image(pod, i)) : NULL;
        add_id(ids, image != NULL ? image->id : "");
    }
    return ids;
}

void collect_touch(struct core *core, const struct image *image)
{
    struct error ignored; /* it is JSON that was read */
    uint64_t now_ms = core_wall_ms(core);
    if (now_ms < image->used_ms + TOUCH_MS)
        return;
    AUTO_FREE char *config = json_print(image->config);
    AUTO_FREE char *layers = json_print(image->layers);
    AUTO_FREE char *id = mem_strdup(image->id);
    AUTO_FREE char *manifest = mem_strdup(image->manifest);
    struct image_row row = { .id = id, .manifest = manifest, .config = config, .layers = layers,
                             .size_bytes = image->size_bytes, .created_ms = image->created_ms, .used_ms = now_ms };
    struct store_txn *txn = store_begin(core->store);
    store_put_image(txn, &row);
    store_commit(txn, NULL, NULL);
    if (!images_take(&core->images, &row, &ignored))
        log_error("%s", ignored.message);
}
