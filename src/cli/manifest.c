#include "config.h"

#include "cli/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "davit/limits.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* What a cluster or `davit get -o json` put there says nothing about what is wanted. deletionTimestamp above all: with
 * it an export of an object that was just being deleted would be a tombstone.
 */
static void clean(struct json *object, struct json *metadata)
{
    static const char *const WRITTEN_BY_CLUSTER[] = {
        "uid",        "resourceVersion",   "managedFields",
        "generation", "creationTimestamp", "selfLink",
        "deletionTimestamp", "deletionGracePeriodSeconds",
    };
    for (size_t i = 0; i < sizeof(WRITTEN_BY_CLUSTER) / sizeof(WRITTEN_BY_CLUSTER[0]); i++)
        json_remove(metadata, WRITTEN_BY_CLUSTER[i]);
    json_remove(object, "status");
    struct json *annotations = json_get_mutable(metadata, "annotations");
    if (annotations == NULL)
        return;
    json_remove(annotations, LAST_APPLIED);
    if (json_type(annotations) == JSON_OBJECT && json_size(annotations) == 0)
        json_remove(metadata, "annotations");
}

static bool check_namespace(const struct options *options, struct json *metadata, struct error *err)
{
    const char *ns = json_get_text(metadata, "namespace");
    if (ns == NULL && json_get(metadata, "namespace") != NULL)
        return error_set(err, ERROR_INVALID, "metadata.namespace is no text");
    if (ns == NULL)
        json_set_text(metadata, "namespace", options->ns);
    else if (options->namespace_given && strcmp(ns, options->ns) != 0)
        return error_set(err, ERROR_INVALID, "metadata.namespace is \"%s\", but --namespace says \"%s\"", ns,
                         options->ns);
    return true;
}

static bool check_id(const struct json *metadata, struct document *document, struct error *err)
{
    const char *kind = document->resource->kind;
    const char *name = json_get_text(metadata, "name");
    const char *ns = json_get_text(metadata, "namespace");
    if (name == NULL)
        return error_set(err, ERROR_INVALID, "a %s without metadata.name%s", kind,
                         json_get(metadata, "generateName") != NULL ? ": nobody here makes one up from generateName" : "");
    if (!name_is_subdomain(name))
        return error_set(err, ERROR_INVALID,
                         "the name \"%s\" is no DNS subdomain: at most 253 of a-z, 0-9, - and ., each part with a "
                         "letter or digit at its ends",
                         name);
    if (!name_is_label(ns))
        return error_set(err, ERROR_INVALID,
                         "the namespace \"%s\" is no DNS label: at most 63 of a-z, 0-9 and -, not at its ends", ns);
    (void)snprintf(document->id.namespace, sizeof(document->id.namespace), "%s", ns);
    (void)snprintf(document->id.resource, sizeof(document->id.resource), "%s", document->resource->plural);
    (void)snprintf(document->id.name, sizeof(document->id.name), "%s", name);
    return true;
}

static bool check(const struct options *options, struct document *document, struct error *err)
{
    struct json *metadata = json_get_mutable(document->object, "metadata");
    if (metadata == NULL || json_type(metadata) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "a %s without metadata: it needs at least metadata.name",
                         document->resource->kind);
    const struct json *annotations = json_get(metadata, "annotations");
    if (annotations != NULL && json_type(annotations) == JSON_NULL)
        json_remove(metadata, "annotations");
    else if (annotations != NULL && json_type(annotations) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "metadata.annotations is no object");
    if (!check_namespace(options, metadata, err) || !check_id(metadata, document, err))
        return false;
    clean(document->object, metadata);
    return true;
}

/* "apps" of "apps/v1", "" of "v1": the same kind name in another group is another kind. */
static bool same_api_group(const char *a, const char *b)
{
    size_t a_len = strchr(a, '/') != NULL ? strcspn(a, "/") : 0;
    size_t b_len = strchr(b, '/') != NULL ? strcspn(b, "/") : 0;
    return a_len == b_len && strncmp(a, b, a_len) == 0;
}

static bool check_once(const struct manifest *manifest, const struct document *added, struct error *err)
{
    for (size_t i = 0; i < manifest->count; i++) {
        const struct document *other = &manifest->documents[i];
        if (object_id_compare(&other->id, &added->id) == 0)
            return error_set(err, ERROR_INVALID, "%s \"%s\" of namespace \"%s\" is also in %s: one of them is too many",
                             added->resource->singular, added->id.name, added->id.namespace, other->origin);
    }
    return true;
}

static bool add_document(const struct options *options, struct manifest *manifest, const struct json *object,
                         const char *origin, struct error *err)
{
    const char *kind_name = json_get_text(object, "kind");
    if (json_type(object) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "%s: not an object, but of type %s", origin,
                         json_type_name(json_type(object)));
    const char *api_version = json_get_text(object, "apiVersion");
    if (kind_name == NULL || api_version == NULL)
        return error_set(err, ERROR_INVALID, "%s: no Kubernetes object: apiVersion and kind are needed", origin);
    const struct resource *resource = resource_by_kind(kind_name);
    if (resource == NULL || !same_api_group(resource->api_version, api_version)) {
        (void)fprintf(stderr, "davit: %s: skipped, Davit knows no %s of %s\n", origin, kind_name, api_version);
        return true;
    }
    struct document document = {.object = json_copy(object), .resource = resource, .origin = mem_strdup(origin)};
    if (check(options, &document, err) && check_once(manifest, &document, err)) {
        manifest->documents = mem_resize(manifest->documents, manifest->count + 1, sizeof(document));
        manifest->documents[manifest->count++] = document;
        return true;
    }
    json_free(document.object);
    free(document.origin);
    return error_wrap(err, "%s", origin);
}

/* "List", and what the API itself gives: "PodList", whose items do not say what they are. */
static bool is_list(const struct json *object, const char *kind)
{
    size_t len = kind != NULL ? strlen(kind) : 0;
    return len >= 4 && strcmp(kind + len - 4, "List") == 0 && (len == 4 || json_get(object, "items") != NULL);
}

static struct json *item_with_kind(const struct json *list, const struct json *item)
{
    const char *kind = json_get_text(list, "kind"), *version = json_get_text(list, "apiVersion");
    struct json *copy = json_copy(item);
    AUTO_FREE char *own = mem_printf("%.*s", (int)strlen(kind) - 4, kind);
    if (json_type(copy) != JSON_OBJECT || own[0] == '\0' || json_get(copy, "kind") != NULL)
        return copy;
    json_set_text(copy, "kind", own);
    json_set_text(copy, "apiVersion", version);
    return copy;
}

static bool add_list(const struct options *options, struct manifest *manifest, const struct json *list,
                     const char *origin, struct error *err)
{
    const struct json *items = json_get(list, "items");
    size_t index = 0;
    if (items == NULL || json_type(items) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "%s: a List without items", origin);
    JSON_EACH(item, items) {
        AUTO_FREE char *item_origin = mem_printf("%s, item %zu", origin, ++index);
        AUTO_JSON struct json *whole = item_with_kind(list, item);
        if (!add_document(options, manifest, whole, item_origin, err))
            return false;
    }
    return true;
}

static bool add_text(const struct options *options, struct manifest *manifest, const char *file, const char *text,
                     size_t len, struct error *err)
{
    AUTO_JSON struct json *documents = yaml_parse(text, len, err);
    if (documents == NULL)
        return error_wrap(err, "%s", file);
    size_t index = 0;
    JSON_EACH(object, documents) {
        index++;
        AUTO_FREE char *origin =
            json_size(documents) > 1 ? mem_printf("%s, document %zu", file, index) : mem_strdup(file);
        const char *kind = json_get_text(object, "kind");
        if (!(is_list(object, kind) ? add_list : add_document)(options, manifest, object, origin, err))
            return false;
    }
    return true;
}

static bool add_file(const struct options *options, struct manifest *manifest, const char *path, struct error *err)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    bool is_stdin = strcmp(path, "-") == 0;
    bool read_whole = is_stdin ? file_read_fd(0, LIMIT_MANIFEST_BYTES, &text, &len, err)
                               : file_read(path, LIMIT_MANIFEST_BYTES, &text, &len, err);
    if (!read_whole)
        return is_stdin ? error_wrap(err, "stdin") : false;
    return add_text(options, manifest, is_stdin ? "stdin" : path, text, len, err);
}

static int is_manifest_name(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    if (dot == NULL || entry->d_name[0] == '.')
        return 0;
    return strcmp(dot, ".json") == 0 || strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0;
}

static bool add_folder(const struct options *options, struct manifest *manifest, const char *path, struct error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_manifest_name, alphasort);
    if (count < 0)
        return error_set_errno(err, errno, "%s: cannot read the folder", path);
    bool ok = count > 0 || error_set(err, ERROR_NOT_FOUND, "%s: no *.json, *.yaml or *.yml in this folder", path);
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *file = mem_printf("%s/%s", path, entries[i]->d_name);
        ok = ok && add_file(options, manifest, file, err);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

bool manifest_read(const struct options *options, struct manifest *manifest, struct error *err)
{
    struct stat status;
    *manifest = (struct manifest){0};
    bool is_folder = stat(options->file, &status) == 0 && S_ISDIR(status.st_mode);
    if (!(is_folder ? add_folder : add_file)(options, manifest, options->file, err))
        return false;
    if (manifest->count == 0)
        return error_set(err, ERROR_INVALID, "%s: no object that Davit knows",
                         strcmp(options->file, "-") == 0 ? "stdin" : options->file);
    return true;
}

void manifest_free(struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        json_free(manifest->documents[i].object);
        free(manifest->documents[i].origin);
    }
    free(manifest->documents);
    *manifest = (struct manifest){0};
}
