#include "config.h"

#include "image/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"
#include "image/path.h"

#define TYPE_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define TYPE_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

const char *const manifest_types[] = {TYPE_OCI_INDEX, TYPE_OCI_MANIFEST, TYPE_DOCKER_LIST, TYPE_DOCKER_MANIFEST, NULL};

/* The last one is what Docker 1.10 called it. */
static const char *const config_types[] = {"application/vnd.oci.image.config.v1+json",
                                           "application/vnd.docker.container.image.v1+json", "application/octet-stream"};
static const char *const layer_types[] = {
    "application/vnd.oci.image.layer.v1.tar",       "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",  "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.docker.image.rootfs.diff.tar.zstd",
};

/* The compression is seen in the bytes: a type that is left out says nothing that is missing. */
static bool is_one_of(const char *type, const char *const *types, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(type, types[i]) == 0)
            return true;
    }
    return type[0] == '\0';
}

bool descriptor_read(const struct json *json, struct descriptor *out, struct error *err)
{
    const char *type = json_get_text(json, "mediaType"), *digest = json_get_text(json, "digest");
    *out = (struct descriptor){.size = json_get_integer(json, "size", -1)};
    /* Checked before it becomes a name. */
    if (digest == NULL || !digest_is_valid(digest))
        return error_set(err, ERROR_INVALID, "it has a descriptor without a sha256 digest");
    if (out->size < 0)
        return error_set(err, ERROR_INVALID, "its descriptor of %s has no size", digest);
    if (type != NULL && strlen(type) >= sizeof(out->media_type))
        return error_set(err, ERROR_INVALID, "its descriptor of %s has a media type of %zu bytes", digest, strlen(type));
    snprintf(out->digest, sizeof(out->digest), "%s", digest);
    snprintf(out->media_type, sizeof(out->media_type), "%s", type != NULL ? type : "");
    return true;
}

static bool check_size(const struct descriptor *descriptor, const char *what, int64_t most, struct error *err)
{
    if (descriptor->size <= most)
        return true;
    return error_set(err, ERROR_LIMIT, "the %s %s has %lld bytes: %lld are possible", what, descriptor->digest,
                     (long long)descriptor->size, (long long)most);
}

/* ---- what kind of document it is */

/* -1: the type says nothing of that. */
static int kind_of_type(const char *type)
{
    static const enum manifest_kind kinds[] = {MANIFEST_INDEX, MANIFEST_IMAGE, MANIFEST_INDEX, MANIFEST_IMAGE};
    size_t len = type != NULL ? strcspn(type, "; ") : 0;
    for (size_t i = 0; manifest_types[i] != NULL; i++) {
        if (strlen(manifest_types[i]) == len && memcmp(manifest_types[i], type, len) == 0)
            return (int)kinds[i];
    }
    return -1;
}

static bool is_schema_1(const struct json *document, const char *type)
{
    return json_get_integer(document, "schemaVersion", 0) == 1 || json_get(document, "fsLayers") != NULL ||
           (type != NULL && strstr(type, "manifest.v1+") != NULL && strstr(type, "docker") != NULL);
}

static bool check_schema(const struct json *document, struct error *err)
{
    if (json_type(document) == JSON_OBJECT && is_schema_1(document, json_get_text(document, "mediaType")))
        return error_set(err, ERROR_INVALID, "it is no manifest of schema version 2, but of Docker's schema 1, which "
                                             "nobody can check: push the image again with a newer tool");
    if (json_type(document) == JSON_OBJECT && json_get_integer(document, "schemaVersion", 0) == 2)
        return true;
    return error_set(err, ERROR_INVALID, "it is no manifest of schema version 2");
}

static bool check_kind(const struct json *document, const char *said, struct manifest *out, struct error *err)
{
    char shown[PATH_SHOW_BYTES];
    const char *own = json_get_text(document, "mediaType");
    bool is_index = json_get(document, "manifests") != NULL;
    /* CVE-2021-41190: one document that two programs read in two ways. */
    if (is_index && (json_get(document, "layers") != NULL || json_get(document, "config") != NULL))
        return error_set(err, ERROR_INVALID, "it is an index and a manifest at once");
    out->kind = is_index ? MANIFEST_INDEX : MANIFEST_IMAGE;
    if (own != NULL && own[0] != '\0' && kind_of_type(own) != (int)out->kind)
        return error_set(err, ERROR_INVALID, "it is no image, or has another content than its media type '%s' says",
                         path_show(own, shown));
    if (kind_of_type(said) >= 0 && kind_of_type(said) != (int)out->kind)
        return error_set(err, ERROR_INVALID, "it has another content than the media type '%s' says by which it came",
                         path_show(said, shown));
    return true;
}

/* ---- an index */

/* Signatures and proofs of origin stand among the images. */
static bool is_image_entry(const struct json *entry)
{
    const char *kind = json_get_text(json_get(entry, "annotations"), "vnd.docker.reference.type");
    return json_get(entry, "artifactType") == NULL && (kind == NULL || strcmp(kind, "attestation-manifest") != 0);
}

static bool refuse_platforms(const struct json *entries, const struct machine *machine, struct error *err)
{
    char names[256] = "", text[PLATFORM_TEXT_BYTES], shown[PATH_SHOW_BYTES];
    size_t len = 0;
    JSON_EACH(entry, entries) {
        const struct json *platform = json_get(entry, "platform");
        const char *os = json_get_text(platform, "os");
        if (platform == NULL || !is_image_entry(entry) || (os != NULL && strcmp(os, "unknown") == 0))
            continue;
        path_show(platform_text(platform, text), shown);
        if (strstr(names, shown) != NULL)
            continue;
        if (len + strlen(shown) + sizeof(", ...") > sizeof(names)) {
            snprintf(names + len, sizeof(names) - len, "%s", ", ...");
            break;
        }
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len > 0 ? ", " : "", shown);
    }
    return error_set(err, ERROR_UNSUPPORTED, "it has no image for %s, but for: %s", machine_platform(machine),
                     len > 0 ? names : "none");
}

static bool read_index(const struct json *document, const struct machine *machine, struct manifest *out, struct error *err)
{
    const struct json *entries = json_get(document, "manifests");
    const struct json *best = NULL;
    int best_rank = 0;
    if (json_type(entries) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "its `manifests` is no list");
    JSON_EACH(entry, entries) {
        int rank = is_image_entry(entry) ? platform_rank(json_get(entry, "platform"), machine) : 0;
        if (rank > best_rank) {
            best = entry;
            best_rank = rank;
        }
    }
    if (best == NULL)
        return refuse_platforms(entries, machine, err);
    return descriptor_read(best, &out->chosen, err) &&
           check_size(&out->chosen, "manifest", LIMIT_IMAGE_MANIFEST_BYTES, err);
}

/* ---- an image's manifest */

static bool is_disk_type(const char *type)
{
    static const char *const words[] = { "qcow2", "raw", "disk" };
    if (type == NULL || strstr(type, "tar") != NULL)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasestr(type, words[i]) != NULL)
            return true;
    return strncmp(type, "application/octet-stream", strlen("application/octet-stream")) == 0;
}

/* An artifact whose only layer is the disk itself, perhaps compressed; who made it says so of one of them, or of all. */
static bool is_disk(const struct json *document)
{
    const struct json *layer = json_first(json_get(document, "layers"));
    const char *type = json_get_text(layer, "mediaType");
    if (json_size(json_get(document, "layers")) != 1 || type == NULL || strstr(type, "tar") != NULL)
        return false;
    return is_disk_type(type) || is_disk_type(json_get_text(document, "artifactType"));
}

static bool read_disk(const struct json *document, struct manifest *out, struct error *err)
{
    out->kind = MANIFEST_DISK;
    out->layers = mem_array(1, sizeof(out->layers[0]));
    out->layer_count = 1;
    return descriptor_read(json_first(json_get(document, "layers")), &out->layers[0], err) &&
           check_size(&out->layers[0], "disk", LIMIT_DISK_SERVED_BYTES, err);
}

static bool check_layer(const struct descriptor *layer, struct error *err)
{
    char shown[PATH_SHOW_BYTES];
    if (strstr(layer->media_type, "foreign") != NULL || strstr(layer->media_type, "nondistributable") != NULL)
        return error_set(err, ERROR_INVALID, "its layer %s lies elsewhere (%s): such an image cannot be had from a registry",
                         layer->digest, path_show(layer->media_type, shown));
    if (strstr(layer->media_type, "encrypted") != NULL)
        return error_set(err, ERROR_INVALID, "its layer %s is encrypted", layer->digest);
    if (!is_one_of(layer->media_type, layer_types, sizeof(layer_types) / sizeof(layer_types[0])))
        return error_set(err, ERROR_INVALID, "its layer %s is none of a container image: its media type is '%s'",
                         layer->digest, path_show(layer->media_type, shown));
    return check_size(layer, "layer", (int64_t)LIMIT_LAYER_BYTES, err);
}

static bool read_image(const struct json *document, struct manifest *out, struct error *err)
{
    char shown[PATH_SHOW_BYTES];
    const struct json *layers = json_get(document, "layers"), *config = json_get(document, "config");
    if (layers == NULL || json_type(layers) != JSON_ARRAY || config == NULL)
        return error_set(err, ERROR_INVALID, "it has no config or no layers");
    if (json_size(layers) > LIMIT_IMAGE_LAYERS)
        return error_set(err, ERROR_LIMIT, "it has %zu layers: %d are possible", json_size(layers), LIMIT_IMAGE_LAYERS);
    if (!descriptor_read(config, &out->config, err))
        return false;
    if (!is_one_of(out->config.media_type, config_types, sizeof(config_types) / sizeof(config_types[0])))
        return error_set(err, ERROR_INVALID, "it is no container image: its configuration's media type is '%s'",
                         path_show(out->config.media_type, shown));
    if (!check_size(&out->config, "configuration", LIMIT_IMAGE_CONFIG_BYTES, err))
        return false;
    out->layers = mem_array(json_size(layers) + 1, sizeof(out->layers[0]));
    JSON_EACH(item, layers) {
        struct descriptor *layer = &out->layers[out->layer_count++];
        if (!descriptor_read(item, layer, err) || !check_layer(layer, err))
            return false;
    }
    return true;
}

static bool read_kind(const struct json *document, const struct machine *machine, struct manifest *out, struct error *err)
{
    if (out->kind == MANIFEST_INDEX)
        return read_index(document, machine, out, err);
    return is_disk(document) ? read_disk(document, out, err) : read_image(document, out, err);
}

bool manifest_read(const struct json *document, const char *media_type, const struct machine *machine,
                   struct manifest *out, struct error *err)
{
    *out = (struct manifest){0};
    if (check_schema(document, err) && check_kind(document, media_type, out, err) &&
        read_kind(document, machine, out, err))
        return true;
    manifest_free(out);
    return false;
}

bool manifest_parse(const char *body, size_t len, const char *media_type, const struct machine *machine,
                    struct manifest *out, struct error *err)
{
    *out = (struct manifest){0};
    if (len > LIMIT_IMAGE_MANIFEST_BYTES)
        return error_set(err, ERROR_LIMIT, "it has more than %d bytes", LIMIT_IMAGE_MANIFEST_BYTES);
    AUTO_JSON struct json *document = json_parse(body, len, err);
    if (document == NULL) {
        err->code = ERROR_INVALID; /* also where a cap of JSON stands in the way */
        return false;
    }
    return manifest_read(document, media_type, machine, out, err);
}

void manifest_free(struct manifest *manifest)
{
    free(manifest->layers);
    *manifest = (struct manifest){0};
}
