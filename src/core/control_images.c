#include "core/control_images.h"

#include <inttypes.h>

#include "base/memory.h"
#include "core/collect.h"
#include "core/runtime.h"
#include "image/reference.h"

static struct json *answer_new(void)
{
    struct json *answer = json_new_texts("op", "result", NULL);
    json_set_boolean(answer, "ok", true);
    return answer;
}

static struct json *failure(const struct error *err)
{
    static const char *const reasons[] = { [ERROR_NOT_FOUND] = "NotFound", [ERROR_CONFLICT] = "InUse",
                                           [ERROR_UNAVAILABLE] = "Unavailable" };
    const char *reason = (size_t)err->code < sizeof(reasons) / sizeof(reasons[0]) ? reasons[err->code] : NULL;
    struct json *answer =
        json_new_texts("op", "result", "reason", reason != NULL ? reason : "Invalid", "message", err->message, NULL);
    json_set_boolean(answer, "ok", false);
    return answer;
}

/* As people write it. */
static void add_familiar(struct json *list, const char *reference)
{
    struct reference parsed;
    struct error ignored; /* it was parsed when it came */
    char familiar[REFERENCE_TEXT_BYTES];
    bool known = reference_parse(reference, &parsed, &ignored);
    json_add_text(list, known ? reference_familiar(&parsed, familiar) : reference);
}

static struct json *names_of(const struct core *core, const struct image *image)
{
    struct json *names = json_new_array();
    for (const struct image_name *name = core->images.names; name != NULL; name = name->hh.next)
        if (name->image == image)
            add_familiar(names, name->reference);
    return names;
}

static void describe(const struct core *core, const struct image *image, const char *reference, struct json *list)
{
    struct json *one = json_add_object(list);
    json_set_text(one, "reference", reference);
    json_set_text(one, "id", image->id);
    json_set_text(one, "manifest", image->manifest[0] != '\0' ? image->manifest : NULL);
    json_set_integer(one, "created", (int64_t)image->created_ms);
    json_set_integer(one, "used", (int64_t)image->used_ms);
    json_set_integer(one, "size", image->size_bytes);
    json_set_integer(one, "layers", (int64_t)json_size(image->layers));
    json_set_boolean(one, "inUse", collect_used(core, image, NULL));
}

struct json *control_images_list(struct core *core, const struct json *request)
{
    struct json *answer = answer_new();
    struct json *list = json_set_array(answer, "images");
    (void)request;
    for (const struct image *image = core->images.by_id; image != NULL; image = image->hh.next) {
        AUTO_JSON struct json *names = names_of(core, image);
        if (json_size(names) == 0)
            describe(core, image, NULL, list);
        JSON_EACH(name, names)
            describe(core, image, json_text(name), list);
    }
    return answer;
}

static const char *word_of(const struct json *request)
{
    const char *word = json_get_text(request, "reference");
    return word != NULL ? word : "";
}

struct json *control_images_inspect(struct core *core, const struct json *request)
{
    const struct image *image = images_find(&core->images, word_of(request));
    struct error err;
    if (image == NULL) {
        (void)error_set(&err, ERROR_NOT_FOUND, "%.200s is not on this device: see davit image ls", word_of(request));
        return failure(&err);
    }
    struct json *answer = answer_new();
    struct json *one = json_set_object(answer, "image");
    json_set(one, "references", names_of(core, image));
    json_set_text(one, "id", image->id);
    json_set_text(one, "manifest", image->manifest[0] != '\0' ? image->manifest : NULL);
    json_set_integer(one, "created", (int64_t)image->created_ms);
    json_set_integer(one, "used", (int64_t)image->used_ms);
    json_set_integer(one, "size", image->size_bytes);
    struct json *layers = json_set_array(one, "layers");
    JSON_EACH(diff_id, image->layers) {
        const struct layer *layer = images_layer(&core->images, json_text(diff_id));
        struct json *described = json_add_object(layers);
        json_set_text(described, "diffId", json_text(diff_id));
        json_set_integer(described, "size", layer != NULL ? layer->size_bytes : 0);
        AUTO_FREE char *folder = mem_printf("%s/images/layers/%" PRId64, core->config->state_dir, layer != NULL ? layer->folder : 0);
        json_set_text(described, "folder", layer != NULL ? folder : NULL);
    }
    json_set(one, "config", json_copy(image->config));
    collect_used(core, image, json_set_array(one, "usedBy"));
    return answer;
}

static struct json *removed_answer(const struct json *removed, int64_t freed)
{
    struct json *answer = answer_new();
    struct json *list = json_set_array(answer, "removed");
    JSON_EACH(name, removed)
        add_familiar(list, json_text(name));
    json_set_integer(answer, "freed", freed);
    return answer;
}

struct json *control_images_remove(struct core *core, const struct json *request)
{
    AUTO_JSON struct json *removed = json_new_array();
    int64_t freed = 0;
    struct error err;
    return collect_remove(core, word_of(request), removed, &freed, &err) ? removed_answer(removed, freed) : failure(&err);
}

struct json *control_images_prune(struct core *core, const struct json *request)
{
    AUTO_JSON struct json *removed = json_new_array();
    struct error err;
    (void)request;
    if (!runtime_all_listed(core)) {
        (void)error_set(&err, ERROR_UNAVAILABLE, "what runs is not known yet: try again in a moment");
        return failure(&err);
    }
    int64_t freed = collect(core, -1, removed);
    return removed_answer(removed, freed);
}
