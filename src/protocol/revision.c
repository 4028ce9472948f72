#include "protocol/revision.h"

#include <string.h>

#include "base/memory.h"

bool revision_is_kept(const char *resource)
{
    static const char *const kept[] = { "pods", "deployments", "daemonsets", "statefulsets", "cronjobs", "virtualmachines", "apps" };
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (strcmp(kept[i], resource) == 0)
            return true;
    return false;
}

static void add_once(struct json *images, const char *image)
{
    JSON_EACH(known, images)
        if (strcmp(json_text(known), image) == 0)
            return;
    json_add_text(images, image);
}

/* Of containers (they stand in arrays), a machine's disks, an App. `here`: this may be one. What is in labels is no image. */
static void collect_images(const struct json *json, bool here, struct json *images)
{
    bool is_array = json_type(json) == JSON_ARRAY;
    const char *image = here ? json_get_text(json, "image") : NULL;
    if (image != NULL)
        add_once(images, image);
    if (!is_array && json_type(json) != JSON_OBJECT)
        return;
    JSON_EACH(child, json)
        collect_images(child, is_array || strcmp(json_key(child), "containerDisk") == 0 || strcmp(json_key(child), "spec") == 0,
                       images);
}

static void write_one(const struct json *row, const struct json *document, struct json *one)
{
    static const char *const copied[] = { "revision", "generation", "acceptedMs" };
    const char *source = json_get_text(row, "source"), *group = json_get_text(row, "group");
    for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
        json_set_integer(one, copied[i], json_get_integer(row, copied[i], 0));
    bool of_group = group != NULL && group[0] != '\0';
    AUTO_FREE char *name = of_group ? mem_printf("%s/%s", source, group) : mem_strdup(source);
    json_set_text(one, "source", name);
    collect_images(document, false, json_set_array(one, "images"));
}

bool revisions_write(const struct json *rows, int64_t wanted, struct json *answer)
{
    struct json *list = json_set_array(answer, "revisions");
    bool found = wanted == 0;
    JSON_EACH(row, rows) {
        struct error ignored; /* our own; without it there are no images */
        const char *text = json_get_text(row, "text");
        AUTO_JSON struct json *document = json_parse(text, strlen(text), &ignored);
        write_one(row, document, json_add_object(list));
        if (found || json_get_integer(row, "revision", 0) != wanted || document == NULL)
            continue;
        found = true;
        json_set(answer, "document", mem_steal(&document));
    }
    return found;
}
