#include "config.h"

#include "cli/bundle.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/text.h"

struct json *bundle_of(const struct manifest *manifest)
{
    struct json *list = json_new_texts("apiVersion", "v1", "kind", "List", NULL);
    (void)json_set_object(list, "metadata");
    struct json *items = json_set_array(list, "items");
    for (size_t i = 0; i < manifest->count; i++)
        json_add(items, json_copy(manifest->items[i].object));
    return list;
}

static bool id_of(const struct json *object, struct object_id *id)
{
    const char *kind = json_get_text(object, "kind");
    const struct json *metadata = json_get(object, "metadata");
    const char *name = json_get_text(metadata, "name"), *ns = json_get_text(metadata, "namespace");
    const struct resource *resource = kind != NULL ? resource_by_kind(kind) : NULL;
    if (resource == NULL || !name_is_subdomain(name))
        return false;
    *id = (struct object_id){0};
    (void)snprintf(id->namespace, sizeof(id->namespace), "%s", name_is_label(ns) ? ns : "default");
    (void)snprintf(id->resource, sizeof(id->resource), "%s", resource->plural);
    (void)snprintf(id->name, sizeof(id->name), "%s", name);
    return true;
}

const struct json *bundle_find(const struct target *bundle, const struct object_id *id)
{
    if (!target_is_wanted(bundle))
        return NULL;
    JSON_EACH(item, json_get(bundle->desired, "items")) {
        struct object_id its;
        if (id_of(item, &its) && object_id_compare(&its, id) == 0)
            return item;
    }
    return NULL;
}

static bool has(const struct manifest *manifest, const struct object_id *id)
{
    for (size_t i = 0; i < manifest->count; i++)
        if (object_id_compare(&manifest->items[i].id, id) == 0)
            return true;
    return false;
}

bool bundle_tell_leaving(const struct target *bundle, const struct manifest *manifest, bool may_prune, FILE *out,
                         const char *note, struct error *err)
{
    size_t count = 0;
    if (!target_is_wanted(bundle))
        return true;
    JSON_EACH(item, json_get(bundle->desired, "items")) {
        struct object_id id;
        if (!id_of(item, &id) || has(manifest, &id))
            continue;
        count++;
        if (may_prune)
            (void)fprintf(out, "%s/%s pruned%s\n", resource_by_plural(id.resource)->singular, id.name, note);
        else
            (void)fprintf(stderr, "davit: %s/%s of namespace %s is in the bundle of %s, and not in what is applied\n",
                          resource_by_plural(id.resource)->singular, id.name, id.namespace, bundle->place->node);
    }
    if (count == 0 || may_prune)
        return true;
    return error_set(err, ERROR_INVALID, "nothing was published: %zu object%s of node %s would go. With --prune %s",
                     count, count == 1 ? "" : "s", bundle->place->node, count == 1 ? "it does" : "they do");
}
