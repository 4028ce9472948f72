#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "image/manifest.h"
#include "image/plan.h"

#define INDEX_DEPTH_MAX 3
#define BLOB_NAME_BYTES (sizeof("blobs/sha256/") + 64)

static void name_blob(const struct descriptor *descriptor, char out[BLOB_NAME_BYTES])
{
    snprintf(out, BLOB_NAME_BYTES, "blobs/sha256/%s", descriptor->digest + strlen("sha256:"));
}

static bool find_layers(struct plan *plan, const struct manifest *manifest, struct plan_source *sources,
                        struct error *err)
{
    char name[BLOB_NAME_BYTES];
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const struct descriptor *layer = &manifest->layers[i];
        name_blob(layer, name);
        struct imagefile_entry *entry = imagefile_find(plan->file, name);
        if (entry == NULL)
            return error_set(err, ERROR_NOT_FOUND, "the image archive does not have the layer %s", layer->digest);
        if (entry->size != layer->size)
            return error_set(err, ERROR_CONFLICT, "the layer %s has %lld bytes instead of %lld", layer->digest,
                             (long long)entry->size, (long long)layer->size);
        sources[i] = (struct plan_source){.entry = entry, .digest = layer->digest};
    }
    return true;
}

static bool add_image(struct plan *plan, const struct manifest *manifest, const char *digest, struct error *err)
{
    AUTO_JSON struct json *document = NULL;
    char name[BLOB_NAME_BYTES];
    name_blob(&manifest->config, name);
    if (!plan_document(plan, name, manifest->config.digest, manifest->config.size, &document, err))
        return false;
    if (document == NULL)
        return true;
    AUTO_FREE struct plan_source *sources = mem_array(manifest->layer_count + 1, sizeof(*sources));
    return find_layers(plan, manifest, sources, err) &&
           plan_add_image(plan, document, manifest->config.digest, digest, sources, manifest->layer_count, err);
}

static bool is_known(struct plan *plan, const char *digest)
{
    for (size_t i = 0; i < plan->image_count; i++) {
        if (strcmp(plan->images[i].manifest, digest) == 0) {
            struct plan_image known = plan->images[i];
            plan->images[i] = plan->images[plan->image_count - 1];
            plan->images[plan->image_count - 1] = known;
            return true;
        }
    }
    return false;
}

/* Adds at most one image, as the plan's last, or finds it again and brings it there. */
static bool read_described(struct plan *plan, const struct descriptor *descriptor, unsigned depth, struct error *err)
{
    AUTO_JSON struct json *document = NULL;
    struct manifest manifest;
    char name[BLOB_NAME_BYTES];
    if (depth > INDEX_DEPTH_MAX)
        return error_set(err, ERROR_LIMIT, "the image archive's indexes are nested too deep");
    if (is_known(plan, descriptor->digest))
        return true;
    name_blob(descriptor, name);
    if (!plan_document(plan, name, descriptor->digest, descriptor->size, &document, err))
        return false;
    if (document == NULL)
        return true;
    if (!manifest_read(document, descriptor->media_type, machine_here(), &manifest, err))
        return error_wrap(err, "the image archive's manifest %s", descriptor->digest);
    if (manifest.kind == MANIFEST_DISK) {
        manifest_free(&manifest);
        return error_set(err, ERROR_UNSUPPORTED, "it is a disk in an archive: davit vm import takes the disk's own file");
    }
    bool ok = manifest.kind == MANIFEST_INDEX ? read_described(plan, &manifest.chosen, depth + 1, err)
                                              : add_image(plan, &manifest, descriptor->digest, err);
    manifest_free(&manifest);
    return ok;
}

/* containerd's annotation is the whole name; the other one is too, as skopeo and podman use it. */
static void add_names(struct plan *plan, const struct json *descriptor)
{
    const struct json *annotations = json_get(descriptor, "annotations");
    const char *name = json_get_text(annotations, "io.containerd.image.name");
    if (name == NULL)
        name = json_get_text(annotations, "org.opencontainers.image.ref.name");
    plan_add_reference(&plan->images[plan->image_count - 1], name);
}

static bool check_layout(struct plan *plan, struct json **index, struct error *err)
{
    AUTO_JSON struct json *layout = NULL;
    if (!plan_document(plan, "oci-layout", NULL, -1, &layout, err) ||
        !plan_document(plan, "index.json", NULL, -1, index, err))
        return false;
    const char *version = json_get_text(layout, "imageLayoutVersion");
    if (layout != NULL && (version == NULL || strncmp(version, "1.", 2) != 0))
        return error_set(err, ERROR_UNSUPPORTED, "the image archive is no OCI layout of version 1");
    if (*index == NULL)
        return true;
    const struct json *manifests = json_get(*index, "manifests");
    if (manifests == NULL || json_type(manifests) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "the image archive's index.json has no list of manifests");
    if (json_get(*index, "layers") != NULL || json_get(*index, "config") != NULL)
        return error_set(err, ERROR_INVALID, "the image archive's index.json is an index and a manifest at once");
    if (json_size(manifests) > LIMIT_ARCHIVE_IMAGES * 4)
        return error_set(err, ERROR_LIMIT, "the image archive's index.json names more than %d manifests",
                         LIMIT_ARCHIVE_IMAGES * 4);
    return true;
}

bool plan_read_oci(struct plan *plan, struct error *err)
{
    AUTO_JSON struct json *index = NULL;
    size_t taken = 0;
    if (!check_layout(plan, &index, err))
        return false;
    if (index == NULL)
        return true;
    JSON_EACH(item, json_get(index, "manifests")) {
        const struct json *platform = json_get(item, "platform");
        /* Signatures and the like lie beside the images. */
        struct descriptor descriptor;
        if (platform_rank(platform, machine_here()) == 0 || json_get(item, "artifactType") != NULL)
            continue;
        if (!descriptor_read(item, &descriptor, err))
            return error_wrap(err, "the image archive's index.json");
        bool incomplete = plan->incomplete;
        plan->incomplete = false;
        if (!read_described(plan, &descriptor, 0, err))
            return false;
        if (!plan->incomplete)
            add_names(plan, item);
        plan->incomplete = plan->incomplete || incomplete;
        taken++;
    }
    if (taken == 0)
        return error_set(err, ERROR_UNSUPPORTED, "the image archive has no image for %s", machine_platform(machine_here()));
    return true;
}
