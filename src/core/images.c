#include "core/images.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "image/reference.h"

static void image_free(struct images *images, struct image *image)
{
    HASH_DEL(images->by_id, image);
    free(image->id);
    free(image->manifest);
    json_free(image->config);
    json_free(image->layers);
    free(image);
}

static void name_free(struct images *images, struct image_name *name)
{
    HASH_DEL(images->names, name);
    free(name->reference);
    free(name);
}

static void layer_free(struct images *images, struct layer *layer)
{
    HASH_DEL(images->layers, layer);
    free(layer->diff_id);
    free(layer);
}

void images_free(struct images *images)
{
    struct image_name *name, *next_name;
    HASH_ITER(hh, images->names, name, next_name)
        name_free(images, name);
    struct image *image, *next_image;
    HASH_ITER(hh, images->by_id, image, next_image)
        image_free(images, image);
    struct layer *layer, *next_layer;
    HASH_ITER(hh, images->layers, layer, next_layer)
        layer_free(images, layer);
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

static struct image *image_of(const struct images *images, const char *id)
{
    struct image *image = NULL;
    HASH_FIND_STR(images->by_id, id, image);
    return image;
}

static struct image_name *name_of(const struct images *images, const char *reference)
{
    struct image_name *name = NULL;
    HASH_FIND_STR(images->names, reference, name);
    return name;
}

bool images_take(struct images *images, const struct image_row *row, struct error *err)
{
    images->changes++;
    AUTO_JSON struct json *config = json_parse(row->config, strlen(row->config), err);
    AUTO_JSON struct json *layers = config != NULL ? json_parse(row->layers, strlen(row->layers), err) : NULL;
    if (layers == NULL)
        return error_wrap(err, "image %s", row->id);
    struct image *image = image_of(images, row->id);
    if (image == NULL) {
        image = mem_alloc(sizeof(*image));
        image->id = mem_strdup(row->id);
        HASH_ADD_KEYPTR(hh, images->by_id, image->id, strlen(image->id), image);
    }
    free(image->manifest);
    json_free(image->config);
    json_free(image->layers);
    image->manifest = mem_strdup(row->manifest != NULL ? row->manifest : "");
    image->config = mem_steal(&config);
    image->layers = mem_steal(&layers);
    image->size_bytes = row->size_bytes;
    image->created_ms = row->created_ms;
    image->used_ms = row->used_ms;
    return true;
}

void images_take_name(struct images *images, const struct image_name_row *row)
{
    images->changes++;
    struct image *image = image_of(images, row->id);
    struct image_name *name = name_of(images, row->reference);
    if (image == NULL)
        return;
    if (name == NULL) {
        name = mem_alloc(sizeof(*name));
        name->reference = mem_strdup(row->reference);
        HASH_ADD_KEYPTR(hh, images->names, name->reference, strlen(name->reference), name);
    }
    name->image = image;
}

void images_drop(struct images *images, const char *id)
{
    images->changes++;
    struct image *image = image_of(images, id);
    struct image_name *name, *next;
    if (image == NULL)
        return;
    HASH_ITER(hh, images->names, name, next)
        if (name->image == image)
            name_free(images, name);
    image_free(images, image);
}

void images_drop_name(struct images *images, const char *reference)
{
    images->changes++;
    struct image_name *name = name_of(images, reference);
    if (name != NULL)
        name_free(images, name);
}

void images_drop_layer(struct images *images, const char *diff_id)
{
    struct layer *layer = NULL;
    HASH_FIND_STR(images->layers, diff_id, layer);
    if (layer != NULL)
        layer_free(images, layer);
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

static void load_name(void *ctx, const struct image_name_row *row)
{
    images_take_name(((struct loading *)ctx)->images, row);
}

bool images_load(struct images *images, struct store *store, struct error *err)
{
    struct loading loading = { .images = images, .err = err };
    return store_each_layer(store, load_layer, &loading, err) && store_each_image(store, load_image, &loading, err) &&
           store_each_image_name(store, load_name, &loading, err) && !loading.failed;
}

const struct image *images_find(const struct images *images, const char *word)
{
    struct error ignored; /* no reference at all is no image either */
    struct reference parsed;
    char normalised[REFERENCE_TEXT_BYTES];
    if (digest_is_valid(word))
        return image_of(images, word);
    if (!reference_parse(word, &parsed, &ignored))
        return NULL;
    const struct image_name *name = name_of(images, reference_format(&parsed, normalised));
    return name != NULL ? name->image : NULL;
}

char *image_pull_id(const struct image *image, const char *word)
{
    struct error ignored; /* a word without a name */
    struct reference parsed;
    if (image->manifest[0] == '\0' || !reference_parse(word, &parsed, &ignored))
        return mem_strdup(image->id);
    return mem_printf("%s/%s@%s", parsed.domain, parsed.path, image->manifest);
}

const struct layer *images_layer(const struct images *images, const char *diff_id)
{
    struct layer *layer = NULL;
    HASH_FIND_STR(images->layers, diff_id, layer);
    return layer;
}

void images_pin(struct images *images, const char *diff_id, bool pinned)
{
    struct layer *layer = NULL;
    HASH_FIND_STR(images->layers, diff_id, layer);
    if (layer == NULL)
        return;
    if (pinned)
        layer->pins++;
    else if (layer->pins > 0)
        layer->pins--;
}

const struct image *images_by_id(const struct images *images, const char *id)
{
    return image_of(images, id);
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

static int by_size(const void *a, const void *b)
{
    const struct image *one = *(const struct image *const *)a, *other = *(const struct image *const *)b;
    if (one->size_bytes != other->size_bytes)
        return one->size_bytes < other->size_bytes ? 1 : -1;
    return strcmp(one->id, other->id);
}

static void write_listed(const struct images *images, const struct image *image, struct json *list)
{
    struct json *one = json_add_object(list);
    struct json *names = json_set_array(one, "names");
    for (const struct image_name *name = images->names; name != NULL; name = name->hh.next)
        if (name->image == image)
            json_add_text(names, name->reference);
    if (json_size(names) == 0)
        json_add_text(names, image->id);
    json_set_integer(one, "sizeBytes", image->size_bytes);
}

struct json *images_list(const struct images *images)
{
    struct json *list = json_new_array();
    size_t count = 0;
    const struct image **sorted = mem_array(HASH_COUNT(images->by_id) + 1, sizeof(struct image *));
    for (const struct image *image = images->by_id; image != NULL; image = image->hh.next)
        sorted[count++] = image;
    if (count > 0)
        qsort(sorted, count, sizeof(struct image *), by_size);
    for (size_t i = 0; i < count && i < LIMIT_NODE_IMAGES; i++)
        write_listed(images, sorted[i], list);
    free(sorted);
    return list;
}
