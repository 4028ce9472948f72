#include "config.h"

#include "image/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "image/image_config.h"
#include "image/reference.h"

#define ROUNDS_MAX 8 /* index, index in it, manifest, configuration: one round a depth */

bool plan_document(struct plan *plan, const char *name, const char *digest, int64_t size, struct json **document,
                   struct error *err)
{
    char hex[DIGEST_HEX_BYTES], shown[PATH_SHOW_BYTES];
    struct imagefile_entry *entry = imagefile_find(plan->file, name);
    *document = NULL;
    path_show(name, shown);
    if (entry == NULL)
        return error_set(err, ERROR_NOT_FOUND, "the image archive names '%s', and does not have it", shown);
    if (size >= 0 && entry->size != size)
        return error_set(err, ERROR_CONFLICT, "the image archive's '%s' has %lld bytes instead of %lld", shown,
                         (long long)entry->size, (long long)size);
    if (entry->data == NULL) {
        plan->incomplete = true;
        return imagefile_want(entry, err);
    }
    digest_of(entry->data, (size_t)entry->size, hex);
    if (digest != NULL && strcmp(hex, digest + strlen("sha256:")) != 0)
        return error_set(err, ERROR_CONFLICT,
                         "the image archive's '%s' has another content than its digest says: sha256:%s", shown, hex);
    *document = json_parse(entry->data, (size_t)entry->size, err);
    return *document != NULL ? true : error_wrap(err, "the image archive's '%s'", shown);
}

static bool add_layer(struct plan *plan, const char *diff_id, const struct plan_source *source, size_t *index,
                      struct error *err)
{
    for (size_t i = 0; i < plan->layer_count; i++) {
        if (strcmp(plan->layers[i].diff_id, diff_id) == 0) {
            *index = i;
            return true;
        }
    }
    if (plan->layer_count == LIMIT_ARCHIVE_LAYERS)
        return error_set(err, ERROR_LIMIT, "the image archive has more than %d layers", LIMIT_ARCHIVE_LAYERS);
    plan->layers = mem_resize(plan->layers, plan->layer_count + 1, sizeof(plan->layers[0]));
    struct plan_layer *layer = &plan->layers[plan->layer_count];
    *layer = (struct plan_layer){.entry = source->entry};
    snprintf(layer->diff_id, sizeof(layer->diff_id), "%s", diff_id);
    snprintf(layer->digest, sizeof(layer->digest), "%s", source->digest);
    *index = plan->layer_count++;
    return true;
}

/* The lower of two equal layers adds nothing that the upper one does not show, and overlayfs takes none twice. */
static void image_put_on_top(struct plan_image *image, size_t layer)
{
    size_t kept = 0;
    for (size_t i = 0; i < image->layer_count; i++) {
        if (image->layers[i] != layer)
            image->layers[kept++] = image->layers[i];
    }
    image->layers[kept] = layer;
    image->layer_count = kept + 1;
}

static bool add_layers(struct plan *plan, struct plan_image *image, const struct json *diff_ids,
                       const struct plan_source *sources, struct error *err)
{
    size_t at = 0;
    JSON_EACH(item, diff_ids) {
        size_t index = 0;
        if (!add_layer(plan, json_text(item), &sources[at++], &index, err))
            return false;
        image_put_on_top(image, index);
    }
    return true;
}

bool plan_add_image(struct plan *plan, const struct json *config, const char *id, const char *manifest,
                    const struct plan_source *sources, size_t count, struct error *err)
{
    struct image_config_content content;
    if (plan->image_count == LIMIT_ARCHIVE_IMAGES)
        return error_set(err, ERROR_LIMIT, "the image archive has more than %d images", LIMIT_ARCHIVE_IMAGES);
    if (!image_config_read(config, count, machine_here(), &content, err))
        return false;
    plan->images = mem_resize(plan->images, plan->image_count + 1, sizeof(plan->images[0]));
    struct plan_image *image = &plan->images[plan->image_count++];
    *image = (struct plan_image){.references = json_new_array(), .config = content.report,
                                 .layers = mem_array(count, sizeof(image->layers[0]))};
    snprintf(image->id, sizeof(image->id), "%s", id);
    snprintf(image->manifest, sizeof(image->manifest), "%s", manifest);
    bool ok = add_layers(plan, image, content.diff_ids, sources, err);
    json_free(content.diff_ids);
    return ok;
}

void plan_add_reference(struct plan_image *image, const char *reference)
{
    struct reference parsed;
    struct error err;
    char shown[PATH_SHOW_BYTES];
    if (reference == NULL)
        return;
    if (!reference_parse(reference, &parsed, &err)) {
        log_warn("the image's name '%s' is left out: it is no valid reference", path_show(reference, shown));
        return;
    }
    JSON_EACH(known, image->references) {
        if (strcmp(json_text(known), reference) == 0)
            return;
    }
    json_add_text(image->references, reference);
}

static void plan_clear(struct plan *plan)
{
    for (size_t i = 0; i < plan->image_count; i++) {
        json_free(plan->images[i].references);
        json_free(plan->images[i].config);
        free(plan->images[i].layers);
    }
    free(plan->images);
    free(plan->layers);
    *plan = (struct plan){.file = plan->file};
}

static bool plan_read(struct plan *plan, struct error *err)
{
    if (imagefile_find(plan->file, "index.json") != NULL && imagefile_find(plan->file, "oci-layout") != NULL)
        return plan_read_oci(plan, err);
    if (imagefile_find(plan->file, "manifest.json") != NULL)
        return plan_read_docker(plan, err);
    return error_set(err, ERROR_UNSUPPORTED,
                     "the archive is no image: it has neither oci-layout and index.json nor manifest.json "
                     "(make one with `skopeo copy … oci-archive:FILE` or `docker save`)");
}

struct plan *plan_new(struct imagefile *file, struct error *err)
{
    struct plan *plan = mem_alloc(sizeof(*plan));
    plan->file = file;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        plan_clear(plan);
        bool ok = plan_read(plan, err);
        if (ok && !plan->incomplete)
            return plan;
        if (!ok || !imagefile_collect(file, err)) {
            plan_free(plan);
            return NULL;
        }
    }
    plan_free(plan);
    error_set(err, ERROR_LIMIT, "the image archive's indexes are nested too deep");
    return NULL;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    plan_clear(plan);
    free(plan);
}
