#include "protocol/resolve.h"

#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "davit/limits.h"
#include "protocol/container_fields.h"

static const char *kind_word(const char *resource)
{
    return strcmp(resource, "secrets") == 0 ? "secret" : "configmap";
}

static const char *kind_name(const char *resource)
{
    return strcmp(resource, "secrets") == 0 ? "Secret" : "ConfigMap";
}

/* The value under a name; NULL: not there. */
static const char *env_value(const struct json *env, const char *name, size_t len)
{
    const char *found = NULL;
    JSON_EACH(entry, env) {
        const char *here = json_get_text(entry, "name");
        if (strncmp(here, name, len) == 0 && here[len] == '\0')
            found = json_get_text(entry, "value");
    }
    return found;
}

/* `missing`: the first name that is not known, which the caller frees; NULL: nobody asks. */
static char *expand(const char *text, const struct json *env, char **missing)
{
    AUTO_STRBUF struct strbuf out;
    strbuf_init(&out, LIMIT_DOCUMENT_BYTES);
    for (const char *at = text; *at != '\0';) {
        size_t plain = strcspn(at, "$");
        strbuf_printf(&out, "%.*s", (int)plain, at);
        at += plain;
        const char *close = at[0] == '$' && at[1] == '(' ? strchr(at, ')') : NULL;
        const char *value = close != NULL ? env_value(env, at + 2, (size_t)(close - at) - 2) : NULL;
        if (*at == '\0')
            break;
        if (at[1] == '$') {
            strbuf_add(&out, "$");
            at += 2;
        } else if (value != NULL) {
            strbuf_add(&out, value);
            at = close + 1;
        } else {
            size_t len = close != NULL ? (size_t)(close - at) + 1 : 1;
            if (close != NULL && missing != NULL && *missing == NULL)
                *missing = mem_printf("%.*s", (int)len - 3, at + 2);
            strbuf_printf(&out, "%.*s", (int)len, at);
            at += len;
        }
    }
    return strbuf_steal(&out);
}

char *resolve_text(const char *text, const struct json *env)
{
    return expand(text, env, NULL);
}

bool resolve_sub_path(const struct volume_mount *mount, const struct json *env, char **out, struct error *err)
{
    AUTO_FREE char *missing = NULL;
    bool expression = mount->sub_path_expr != NULL && mount->sub_path_expr[0] != '\0';
    *out = expression ? expand(mount->sub_path_expr, env, &missing) : mem_strdup(mount->sub_path);
    if (missing != NULL)
        return error_set(err, ERROR_INVALID, "missing value for \"%.100s\"", missing);
    if (!expression)
        return true;
    if ((*out)[0] == '/')
        return error_set(err, ERROR_INVALID, "error SubPath `%.200s` must not be an absolute path", *out);
    return path_is_relative(*out) ||
           error_set(err, ERROR_INVALID, "unable to provision SubPath `%.200s`: must not contain '..'", *out);
}

struct json *resolve_texts(const struct text_list *texts, const struct json *env)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < texts->count; i++) {
        AUTO_FREE char *text = resolve_text(texts->items[i], env);
        json_add_text(array, text);
    }
    return array;
}

/* Later wins, in the place of the earlier. */
static void env_set(struct json *env, const char *name, const char *value)
{
    struct json *entry = json_new_texts("name", name, "value", value, NULL);
    json_add(env, entry);
}

/* The text under a base64 value: what an environment can hold ends at a NUL. */
static char *decoded(const char *base64)
{
    char *text = NULL;
    size_t len = 0;
    return base64 != NULL && base64_decode(base64, strlen(base64), &text, &len) ? text : NULL;
}

static bool add_source(const struct resolve *resolve, const struct env_from *from, struct json *env, struct error *err)
{
    const char *resource = from->secret != NULL ? "secrets" : "configmaps";
    const struct source_ref *ref = from->secret != NULL ? from->secret : from->config_map;
    const struct json *object = resolve->lookup(resolve->ctx, resource, ref->name);
    if (object == NULL)
        return ref->optional || error_set(err, ERROR_NOT_FOUND, "%s \"%s\" not found", kind_word(resource), ref->name);
    JSON_EACH(value, json_get(object, "data")) {
        AUTO_FREE char *name = mem_printf("%s%s", from->prefix != NULL ? from->prefix : "", json_key(value));
        AUTO_FREE char *text = decoded(json_text(value));
        if (text != NULL && strchr(name, '=') == NULL)
            env_set(env, name, text);
    }
    return true;
}

/* NULL with *missing: it is optional, and not there. */
static char *key_value(const struct resolve *resolve, const char *resource, const struct key_ref *ref, bool *missing,
                       struct error *err)
{
    const struct json *object = resolve->lookup(resolve->ctx, resource, ref->name);
    const char *base64 = json_get_text(json_get(object, "data"), ref->key);
    *missing = base64 == NULL && ref->optional;
    if (base64 != NULL)
        return decoded(base64);
    if (!*missing && object == NULL)
        error_set(err, ERROR_NOT_FOUND, "%s \"%s\" not found", kind_word(resource), ref->name);
    else if (!*missing)
        error_set(err, ERROR_NOT_FOUND, "couldn't find key %.253s in %s %s/%s", ref->key, kind_name(resource),
                  resolve->id->namespace, ref->name);
    return NULL;
}

static char *source_value(const struct resolve *resolve, const struct container *container, const struct env_source *from,
                          bool *missing, struct error *err)
{
    if (from->config_map != NULL)
        return key_value(resolve, "configmaps", from->config_map, missing, err);
    if (from->secret != NULL)
        return key_value(resolve, "secrets", from->secret, missing, err);
    if (from->field != NULL)
        return downward_field(resolve, from->field->path, err);
    return downward_resource(resolve, container, from->resource, err);
}

struct json *resolve_env(const struct resolve *resolve, const struct container *container, struct error *err)
{
    AUTO_JSON struct json *env = json_new_array();
    const struct env_from *sources = container->env_from.items;
    const struct env_var *vars = container->env.items;
    for (size_t i = 0; i < container->env_from.count; i++)
        if (!add_source(resolve, &sources[i], env, err))
            return NULL;
    for (size_t i = 0; i < container->env.count; i++) {
        bool missing = false;
        AUTO_FREE char *value = vars[i].from != NULL
                                    ? source_value(resolve, container, vars[i].from, &missing, err)
                                    : resolve_text(vars[i].value != NULL ? vars[i].value : "", env);
        if (value == NULL && !missing)
            return NULL;
        if (value != NULL)
            env_set(env, vars[i].name, value);
    }
    return mem_steal(&env);
}

/* ---- files */

static void add_file(struct json *items, const char *path, int64_t mode, const char *base64)
{
    struct json *file = json_add_object(items);
    json_set_text(file, "path", path);
    json_set_integer(file, "mode", mode);
    json_set_text(file, "data", base64);
}

static bool add_map(const struct resolve *resolve, const char *resource, const struct map_source *source,
                    int64_t default_mode, struct json *items, struct error *err)
{
    const char *name = source->name != NULL ? source->name : "";
    const struct json *object = resolve->lookup(resolve->ctx, resource, name);
    const struct json *data = json_get(object, "data");
    const struct key_path *paths = source->items.items;
    if (object == NULL)
        return source->optional || error_set(err, ERROR_NOT_FOUND, "%s \"%s\" not found", kind_word(resource), name);
    JSON_EACH(value, source->items.count == 0 ? data : NULL)
        add_file(items, json_key(value), default_mode, json_text(value));
    for (size_t i = 0; i < source->items.count; i++) {
        const char *base64 = json_get_text(data, paths[i].key);
        if (base64 != NULL)
            add_file(items, paths[i].path, paths[i].mode != POD_UNSET ? paths[i].mode : default_mode, base64);
        else if (!source->optional)
            return error_set(err, ERROR_NOT_FOUND, "%s references non-existent config key: %.253s", kind_word(resource),
                             paths[i].key);
    }
    return true;
}

static bool add_downward(const struct resolve *resolve, const struct downward_source *source, int64_t default_mode,
                         struct json *items, struct error *err)
{
    const struct downward_file *files = source->items.items;
    for (size_t i = 0; i < source->items.count; i++) {
        AUTO_FREE char *text = files[i].field != NULL ? downward_field(resolve, files[i].field->path, err)
                                                      : downward_resource(resolve, NULL, files[i].resource, err);
        if (text == NULL)
            return false;
        AUTO_FREE char *base64 = base64_encode(text, strlen(text));
        add_file(items, files[i].path, files[i].mode != POD_UNSET ? files[i].mode : default_mode, base64);
    }
    return true;
}

/* Kubernetes puts kube-root-ca.crt into every namespace, for the volumes that it adds to every pod: a pod that was exported
 * from a cluster asks for it, and has no need of it where there is no API server.
 */
static bool is_cluster_ca(const struct map_source *source)
{
    return source->name != NULL && strcmp(source->name, "kube-root-ca.crt") == 0;
}

static bool add_projected(const struct resolve *resolve, const struct projected_source *source, struct json *items,
                          struct error *err)
{
    const struct projection *parts = source->sources.items;
    for (size_t i = 0; i < source->sources.count; i++) {
        const struct map_source *map = parts[i].config_map;
        bool cluster_ca = map != NULL && is_cluster_ca(map) && resolve->lookup(resolve->ctx, "configmaps", map->name) == NULL;
        if (map != NULL && !cluster_ca &&
            !add_map(resolve, "configmaps", map, source->default_mode, items, err))
            return false;
        if (parts[i].secret != NULL && !add_map(resolve, "secrets", parts[i].secret, source->default_mode, items, err))
            return false;
        if (parts[i].downward != NULL && !add_downward(resolve, parts[i].downward, source->default_mode, items, err))
            return false;
    }
    return true;
}

bool volume_has_files(const struct volume *volume)
{
    return volume->config_map != NULL || volume->secret != NULL || volume->downward != NULL || volume->projected != NULL;
}

struct json *resolve_files(const struct resolve *resolve, const struct volume *volume, struct error *err)
{
    AUTO_JSON struct json *files = json_new_object();
    struct json *items = json_set_array(files, "items");
    bool good = true;
    if (volume->config_map != NULL)
        good = add_map(resolve, "configmaps", volume->config_map, volume->config_map->default_mode, items, err);
    else if (volume->secret != NULL)
        good = add_map(resolve, "secrets", volume->secret, volume->secret->default_mode, items, err);
    else if (volume->downward != NULL)
        good = add_downward(resolve, volume->downward, volume->downward->default_mode, items, err);
    else if (volume->projected != NULL)
        good = add_projected(resolve, volume->projected, items, err);
    return good ? mem_steal(&files) : NULL;
}
