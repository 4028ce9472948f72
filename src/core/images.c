#include "core/images.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "image/reference.h"

static void image_free(struct image *image)
{
    free(image->reference);
    free(image->id);
    json_free(image->config);
    json_free(image->layers);
    free(image);
}

void images_free(struct images *images)
{
    struct image *image, *next_image;
    HASH_ITER(hh, images->images, image, next_image) {
        HASH_DEL(images->images, image);
        image_free(image);
    }
    struct layer *layer, *next_layer;
    HASH_ITER(hh, images->layers, layer, next_layer) {
        HASH_DEL(images->layers, layer);
        free(layer->diff_id);
        free(layer);
    }
}

void images_take_layer(struct images *images, const struct layer_row *row)
{
    struct layer *layer = NULL;
    HASH_FIND_STR(images->layers, row->diff_id, layer);
    if (layer == NULL) {
        layer = mem_alloc(sizeof(*layer));
        layer->diff_id = mem_strdup(row->diff_id);
        HASH_ADD_KEYPTR(hh, images->layers, layer->diff_id, strlen(layer->diff_id), layer);
    }
    layer->folder = row->folder;
    layer->size_bytes = row->size_bytes;
    if (row->folder > images->last_folder)
        images->last_folder = row->folder;
}

bool images_take(struct images *images, const struct image_row *row, struct error *err)
{
    AUTO_JSON struct json *config = json_parse(row->config, strlen(row->config), err);
    AUTO_JSON struct json *layers = config != NULL ? json_parse(row->layers, strlen(row->layers), err) : NULL;
    if (layers == NULL)
        return error_wrap(err, "image %s", row->reference);
    struct image *image = NULL;
    HASH_FIND_STR(images->images, row->reference, image);
    if (image != NULL) {
        HASH_DEL(images->images, image);
        image_free(image);
    }
    image = mem_alloc(sizeof(*image));
    image->reference = mem_strdup(row->reference);
    image->id = mem_strdup(row->id);
    image->config = mem_steal(&config);
    image->layers = mem_steal(&layers);
    image->size_bytes = row->size_bytes;
    image->created_ms = row->created_ms;
    HASH_ADD_KEYPTR(hh, images->images, image->reference, strlen(image->reference), image);
    return true;
}

struct loading {
    struct images *images;
    struct error *err;
    bool failed;
};

static void load_layer(void *ctx, const struct layer_row *row)
{
    images_take_layer(((struct loading *)ctx)->images, row);
}

static void load_image(void *ctx, const struct image_row *row)
{
    struct loading *loading = ctx;
    loading->failed = loading->failed || !images_take(loading->images, row, loading->err);
}

bool images_load(struct images *images, struct store *store, struct error *err)
{
    struct loading loading = { .images = images, .err = err };
    return store_each_layer(store, load_layer, &loading, err) && store_each_image(store, load_image, &loading, err) &&
           !loading.failed;
}

const struct image *images_find(const struct images *images, const char *reference)
{
    struct error ignored; /* no reference at all is no image either */
    struct reference parsed;
    char normalised[REFERENCE_TEXT_BYTES];
    struct image *image = NULL;
    if (reference_parse(reference, &parsed, &ignored))
        HASH_FIND_STR(images->images, reference_format(&parsed, normalised), image);
    return image;
}

const struct layer *images_layer(const struct images *images, const char *diff_id)
{
    struct layer *layer = NULL;
    HASH_FIND_STR(images->layers, diff_id, layer);
    return layer;
}

struct json *image_write(const struct images *images, const struct image *image, const char *state_dir)
{
    struct json *json = json_new_texts("id", image->id, NULL);
    struct json *layers = json_set_array(json, "layers");
    JSON_EACH(diff_id, image->layers) {
        const struct layer *layer = images_layer(images, json_text(diff_id));
        AUTO_FREE char *folder = mem_printf("%s/images/layers/%" PRId64, state_dir, layer != NULL ? layer->folder : 0);
        json_add_text(layers, folder);
    }
    json_set(json, "config", json_copy(image->config));
    return json;
}
