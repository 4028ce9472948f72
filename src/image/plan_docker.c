#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "image/plan.h"

/* "HEX.json", or "blobs/sha256/HEX": the name is the digest. Older archives name it otherwise, and nobody says it. */
static const char *digest_of_name(const char *name, char out[DIGEST_OCI_BYTES])
{
    const char *base = path_base(name);
    size_t len = strcspn(base, ".");
    if (len != 64 || (strcmp(base + len, ".json") != 0 && base[len] != '\0'))
        return NULL;
    snprintf(out, DIGEST_OCI_BYTES, "sha256:%.64s", base);
    return digest_is_valid(out) ? out : NULL;
}

static bool read_layers(struct plan *plan, const struct json *layers, struct plan_source *sources,
                        char (*digests)[DIGEST_OCI_BYTES], struct error *err)
{
    size_t at = 0;
    char name[LIMIT_PATH_BYTES], shown[PATH_SHOW_BYTES];
    JSON_EACH(item, layers) {
        if (json_text(item) == NULL || !path_clean(json_text(item), name, err))
            return error_set(err, ERROR_INVALID, "the image archive's manifest.json names a layer by no path");
        struct imagefile_entry *entry = imagefile_find(plan->file, name);
        if (entry == NULL)
            return error_set(err, ERROR_NOT_FOUND, "the image archive does not have the layer '%s'",
                             path_show(name, shown));
        /* "HEX.tar" is a diff-id, which is checked anyway. */
        const char *digest = strncmp(name, "blobs/", 6) == 0 ? digest_of_name(name, digests[at]) : NULL;
        sources[at++] = (struct plan_source){.entry = entry, .digest = digest != NULL ? digest : ""};
    }
    return true;
}

static bool read_image(struct plan *plan, const struct json *item, struct error *err)
{
    AUTO_JSON struct json *config = NULL;
    char name[LIMIT_PATH_BYTES], id[DIGEST_OCI_BYTES], hex[DIGEST_HEX_BYTES];
    const char *raw = json_get_text(item, "Config");
    const struct json *layers = json_get(item, "Layers");
    if (raw == NULL || layers == NULL || json_type(layers) != JSON_ARRAY || json_size(layers) > LIMIT_IMAGE_LAYERS)
        return error_set(err, ERROR_INVALID, "the image archive's manifest.json has no Config, or not 1 to %d Layers",
                         LIMIT_IMAGE_LAYERS);
    if (!path_clean(raw, name, err) || !plan_document(plan, name, digest_of_name(name, id), -1, &config, err))
        return false;
    if (config == NULL)
        return true;
    const struct imagefile_entry *entry = imagefile_find(plan->file, name);
    digest_of(entry->data, (size_t)entry->size, hex);
    snprintf(id, sizeof(id), "sha256:%s", hex);
    AUTO_FREE struct plan_source *sources = mem_array(json_size(layers) + 1, sizeof(*sources));
    AUTO_FREE char(*digests)[DIGEST_OCI_BYTES] = mem_array(json_size(layers) + 1, sizeof(*digests));
    if (!read_layers(plan, layers, sources, digests, err) ||
        !plan_add_image(plan, config, id, "", sources, json_size(layers), err))
        return false;
    JSON_EACH(tag, json_get(item, "RepoTags"))
        plan_add_reference(&plan->images[plan->image_count - 1], json_text(tag));
    return true;
}

bool plan_read_docker(struct plan *plan, struct error *err)
{
    AUTO_JSON struct json *manifest = NULL;
    if (!plan_document(plan, "manifest.json", NULL, -1, &manifest, err))
        return false;
    if (manifest == NULL)
        return true;
    if (json_type(manifest) != JSON_ARRAY || json_size(manifest) == 0)
        return error_set(err, ERROR_INVALID, "the image archive's manifest.json is no list of images");
    JSON_EACH(item, manifest) {
        if (!read_image(plan, item, err))
            return false;
    }
    return true;
}
