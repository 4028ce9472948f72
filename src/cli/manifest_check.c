#include "config.h"

#include "cli/manifest_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/text.h"
#include "protocol/app.h"
#include "protocol/document.h"

#define HOOK "helm.sh/hook"

bool manifest_remark(const struct options *options, const char *origin, struct error *err, const char *format, ...)
{
    struct error said = {.code = ERROR_INVALID};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(said.message, sizeof(said.message), format, args);
    va_end(args);
    if (options->strict)
        return error_set(err, ERROR_INVALID, "%s; --strict refuses that", said.message);
    (void)fprintf(stderr, "davit: %s: %s\n", origin, text_clean(said.message));
    return true;
}

/* With deletionTimestamp an export of an object that was just being deleted would be a tombstone. */
static void clean(struct json *object)
{
    struct json *metadata = json_get_mutable(object, "metadata");
    document_strip(object);
    json_remove(metadata, "deletionTimestamp");
    json_remove(metadata, "deletionGracePeriodSeconds");
}

/* What `davit get -o yaml` wrote: the node, which a Pod alone has a field for. True: but for its status nothing is in it. */
static bool clean_export(struct json *object, const struct resource *resource)
{
    static const char *const HEAD[] = {"apiVersion", "kind", "metadata", "status"};
    struct json *spec = json_get_mutable(object, "spec");
    size_t heads = 0;
    if (json_type(json_get(object, "status")) != JSON_OBJECT)
        return false;
    if (strcmp(resource->plural, "pods") != 0)
        json_remove(spec, "nodeName");
    if (spec != NULL && json_size(spec) == 0)
        json_remove(object, "spec");
    for (size_t i = 0; i < sizeof(HEAD) / sizeof(HEAD[0]); i++)
        heads += json_get(object, HEAD[i]) != NULL;
    return json_size(object) == heads;
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

static bool check_id(const struct json *metadata, struct manifest_item *item, struct error *err)
{
    const char *kind = item->resource->kind;
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
    (void)snprintf(item->id.namespace, sizeof(item->id.namespace), "%s", ns);
    (void)snprintf(item->id.resource, sizeof(item->id.resource), "%s", item->resource->plural);
    (void)snprintf(item->id.name, sizeof(item->id.name), "%s", name);
    return true;
}

/* Nothing here installs, upgrades or tests a release: what Helm would do at such a time is done now, or never. */
static bool check_hook(const struct options *options, const struct manifest_item *item, bool *skipped, struct error *err)
{
    const struct json *metadata = json_get(item->object, "metadata");
    const char *hook = json_get_text(json_get(metadata, "annotations"), HOOK);
    const char *name = json_get_text(metadata, "name");
    if (hook == NULL)
        return true;
    *skipped = strstr(hook, "install") == NULL && strstr(hook, "upgrade") == NULL;
    if (*skipped)
        return manifest_remark(options, item->origin, err, "skipped, %s/%s is a Helm hook (%s), and Davit runs none",
                               item->resource->singular, name != NULL ? name : "", hook);
    return manifest_remark(options, item->origin, err, "%s/%s is a Helm hook (%s): to Davit it is an object like any other",
                           item->resource->singular, name != NULL ? name : "", hook);
}

/* "apps" of "apps/v1", "" of "v1": the same kind name in another group is another kind. */
static bool same_api_group(const char *a, const char *b)
{
    size_t a_len = strchr(a, '/') != NULL ? strcspn(a, "/") : 0;
    size_t b_len = strchr(b, '/') != NULL ? strcspn(b, "/") : 0;
    return a_len == b_len && strncmp(a, b, a_len) == 0;
}

static bool check_metadata(struct json *object, const char *kind, struct error *err)
{
    struct json *metadata = json_get_mutable(object, "metadata");
    if (metadata == NULL || json_type(metadata) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "a %s without metadata: it needs at least metadata.name", kind);
    const struct json *annotations = json_get(metadata, "annotations");
    if (annotations != NULL && json_type(annotations) == JSON_NULL)
        json_remove(metadata, "annotations");
    else if (annotations != NULL && json_type(annotations) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "metadata.annotations is no object");
    return true;
}

bool manifest_check(const struct options *options, struct manifest_item *item, bool *skipped, struct error *err)
{
    const struct json *object = item->object;
    if (json_type(object) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "not an object, but of type %s", json_type_name(json_type(object)));
    const char *kind = json_get_text(object, "kind"), *api_version = json_get_text(object, "apiVersion");
    if (kind == NULL || api_version == NULL)
        return error_set(err, ERROR_INVALID, "no Kubernetes object: apiVersion and kind are needed");
    item->resource = resource_by_kind(kind);
    *skipped = item->resource == NULL || !same_api_group(item->resource->api_version, api_version);
    if (*skipped)
        return manifest_remark(options, item->origin, err, "skipped, Davit knows no %s of %s", kind, api_version);
    if (!check_metadata(item->object, kind, err) || !check_hook(options, item, skipped, err))
        return false;
    if (*skipped)
        return true;
    struct json *metadata = json_get_mutable(item->object, "metadata");
    if (!check_namespace(options, metadata, err) || !check_id(metadata, item, err))
        return false;
    item->bare = clean_export(item->object, item->resource);
    clean(item->object);
    return true;
}

/* kubectl writes these into everything that it makes, and they say nothing. */
static bool is_empty_field(const struct json *object, const char *path)
{
    const struct json *at = object;
    for (; at != NULL && *path != '\0'; path += strspn(path, ".")) {
        AUTO_FREE char *key = mem_strndup(path, strcspn(path, "."));
        at = json_get(at, key);
        path += strlen(key);
    }
    return at != NULL && (json_type(at) == JSON_NULL || ((json_type(at) == JSON_OBJECT || json_type(at) == JSON_ARRAY) && json_size(at) == 0));
}

static bool tell_ignored(const struct options *options, const struct manifest_item *item,
                         const struct ignored_fields *ignored, struct error *err)
{
    for (size_t i = 0; i < ignored->paths.count; i++) {
        const char *path = ignored->paths.items[i];
        if (!is_empty_field(item->object, path) &&
            !manifest_remark(options, item->origin, err, "%s/%s: Davit does not honour %s", item->resource->singular,
                             item->id.name, path))
            return false;
    }
    if (ignored->count > ignored->paths.count)
        return manifest_remark(options, item->origin, err, "%s/%s: Davit does not honour %zu more fields", item->resource->singular,
                               item->id.name, ignored->count - ignored->paths.count);
    return true;
}

bool manifest_decode(const struct options *options, const struct manifest_item *item, struct error *err)
{
    struct document document;
    struct refusal refusal;
    if (item->bare)
        return error_set(err, ERROR_INVALID, "a status alone, as `davit get` shows it of what it cannot read the document of: "
                         "neither spec nor data are in it");
    if (!document_read_json(&item->id, item->object, &document, &refusal))
        return error_set(err, ERROR_INVALID, "a node would refuse %s/%s: %s: %s", item->resource->singular, item->id.name,
                         refusal.reason, refusal.message);
    bool ok = tell_ignored(options, item, &document.ignored, err);
    document_free(&document);
    return ok;
}
