#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "image/plan.h"
#include "image/platform.h"

#define INDEX_DEPTH_MAX 3
#define BLOB_NAME_BYTES (sizeof("blobs/sha256/") + 64)

struct descriptor {
    const char *digest;
    int64_t size;
    const char *media_type; /* NULL: not said */
    char name[BLOB_NAME_BYTES];
};

static bool read_descriptor(const struct json *json, struct descriptor *out, struct error *err)
{
    out->digest = json_get_text(json, "digest");
    out->size = json_get_integer(json, "size", -1);
    out->media_type = json_get_text(json, "mediaType");
    /* Checked before it becomes a name. */
    if (out->digest == NULL || !digest_is_valid(out->digest))
        return error_set(err, ERROR_INVALID, "the image archive has a descriptor without a sha256 digest");
    if (out->size < 0)
        return error_set(err, ERROR_INVALID, "the image archive's descriptor of %s has no size", out->digest);
    snprintf(out->name, sizeof(out->name), "blobs/sha256/%s", out->digest + strlen("sha256:"));
    return true;
}

/* CVE-2021-41190: one document that two programs read in two ways. */
static bool check_document(const struct json *document, const struct descriptor *descriptor, struct error *err)
{
    const char *own = json_get_text(document, "mediaType");
    bool has_manifests = json_get(document, "manifests") != NULL;
    if (json_type(document) != JSON_OBJECT || json_get_integer(document, "schemaVersion", 0) != 2)
        return error_set(err, ERROR_UNSUPPORTED, "%s is no manifest of schema version 2", descriptor->digest);
    if (has_manifests && (json_get(document, "layers") != NULL || json_get(document, "config") != NULL))
        return error_set(err, ERROR_INVALID, "%s is an index and a manifest at once", descriptor->digest);
    if (own != NULL && descriptor->media_type != NULL && strcmp(own, descriptor->media_type) != 0)
        return error_set(err, ERROR_INVALID, "%s says another media type than its descriptor", descriptor->digest);
    bool says_index = own != NULL && (strstr(own, "index") != NULL || strstr(own, "manifest.list") != NULL);
    if (own != NULL && says_index != has_manifests)
        return error_set(err, ERROR_INVALID, "%s has another content than its media type says", descriptor->digest);
    return true;
}

static bool read_layers(struct plan *plan, const struct json *layers, struct plan_source *sources, struct error *err)
{
    size_t at = 0;
    JSON_EACH(item, layers) {
        struct descriptor layer;
        if (!read_descriptor(item, &layer, err))
            return false;
        struct imagefile_entry *entry = imagefile_find(plan->file, layer.name);
        if (entry == NULL)
            return error_set(err, ERROR_NOT_FOUND, "the image archive does not have the layer %s", layer.digest);
        if (entry->size != layer.size)
            return error_set(err, ERROR_CONFLICT, "the layer %s has %lld bytes instead of %lld", layer.digest,
                             (long long)entry->size, (long long)layer.size);
        sources[at++] = (struct plan_source){.entry = entry, .digest = layer.digest};
    }
    return true;
}

static bool read_manifest(struct plan *plan, const struct json *manifest, const char *digest, struct error *err)
{
    struct descriptor config;
    AUTO_JSON struct json *document = NULL;
    const struct json *layers = json_get(manifest, "layers");
    if (layers == NULL || json_type(layers) != JSON_ARRAY || json_get(manifest, "config") == NULL)
        return error_set(err, ERROR_INVALID, "the manifest %s has no config or no layers", digest);
    if (json_size(layers) > LIMIT_IMAGE_LAYERS)
        return error_set(err, ERROR_LIMIT, "the manifest %s has more than %d layers", digest, LIMIT_IMAGE_LAYERS);
    if (!read_descriptor(json_get(manifest, "config"), &config, err) ||
        !plan_document(plan, config.name, config.digest, config.size, &document, err))
        return false;
    if (document == NULL)
        return true;
    AUTO_FREE struct plan_source *sources = mem_array(json_size(layers) + 1, sizeof(*sources));
    return read_layers(plan, layers, sources, err) &&
           plan_add_image(plan, document, config.digest, digest, sources, json_size(layers), err);
}

static bool read_described(struct plan *plan, const struct json *json, unsigned depth, struct error *err);

/* The first that fits, as every other reader takes it. */
static bool read_nested(struct plan *plan, const struct json *index, unsigned depth, struct error *err)
{
    if (depth == INDEX_DEPTH_MAX)
        return error_set(err, ERROR_LIMIT, "the image archive's indexes are nested too deep");
    JSON_EACH(item, json_get(index, "manifests")) {
        const struct json *platform = json_get(item, "platform");
        if (platform == NULL || platform_fits(platform))
            return read_described(plan, item, depth + 1, err);
    }
    return error_set(err, ERROR_UNSUPPORTED, "the image archive has no image for %s", platform_here());
}

/* Adds at most one image, as the plan's last, or finds it again and brings it there. */
static bool read_described(struct plan *plan, const struct json *json, unsigned depth, struct error *err)
{
    struct descriptor descriptor;
    AUTO_JSON struct json *document = NULL;
    if (!read_descriptor(json, &descriptor, err))
        return false;
    for (size_t i = 0; i < plan->image_count; i++) {
        if (strcmp(plan->images[i].manifest, descriptor.digest) == 0) {
            struct plan_image known = plan->images[i];
            plan->images[i] = plan->images[plan->image_count - 1];
            plan->images[plan->image_count - 1] = known;
            return true;
        }
    }
    if (!plan_document(plan, descriptor.name, descriptor.digest, descriptor.size, &document, err))
        return false;
    if (document == NULL)
        return true;
    if (!check_document(document, &descriptor, err))
        return false;
    return json_get(document, "manifests") != NULL ? read_nested(plan, document, depth, err)
                                                   : read_manifest(plan, document, descriptor.digest, err);
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
        if ((platform != NULL && !platform_fits(platform)) || json_get(item, "artifactType") != NULL)
            continue;
        bool incomplete = plan->incomplete;
        plan->incomplete = false;
        if (!read_described(plan, item, 0, err))
            return false;
        if (!plan->incomplete)
            add_names(plan, item);
        plan->incomplete = plan->incomplete || incomplete;
        taken++;
    }
    if (taken == 0)
        return error_set(err, ERROR_UNSUPPORTED, "the image archive has no image for %s", platform_here());
    return true;
}
