#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "davit/limits.h"
#include "model/quantity.h"
#include "model/resources.h"
#include "protocol/resolve.h"

/* The words of "metadata.labels['KEY']"; NULL: it is of another form. The caller frees. */
static char *subscript(const char *path, const char *map)
{
    size_t len = strlen(map);
    size_t whole = strlen(path);
    if (strncmp(path, map, len) != 0 || strncmp(path + len, "['", 2) != 0 || whole < len + 5 ||
        strcmp(path + whole - 2, "']") != 0)
        return NULL;
    char *key = mem_strdup(path + len + 2);
    key[whole - len - 4] = '\0';
    return key;
}

/* Kubernetes: a line a label, sorted, the value quoted as Go quotes it. */
static char *map_lines(const struct json *map)
{
    AUTO_FREE char *text = map != NULL ? json_print_canonical(map) : mem_strdup("{}");
    struct error ignored; /* it was printed from JSON */
    AUTO_JSON struct json *sorted = json_parse(text, strlen(text), &ignored);
    AUTO_STRBUF struct strbuf lines;
    strbuf_init(&lines, LIMIT_DOCUMENT_BYTES);
    JSON_EACH(value, sorted) {
        AUTO_FREE char *quoted = json_print(value);
        strbuf_printf(&lines, "%s%s=%s", lines.len > 0 ? "\n" : "", json_key(value), quoted);
    }
    return strbuf_steal(&lines);
}

static char *joined(const struct text_list *list)
{
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, 4096);
    for (size_t i = 0; list != NULL && i < list->count; i++)
        strbuf_printf(&text, "%s%s", i > 0 ? "," : "", list->items[i]);
    return strbuf_steal(&text);
}

static char *from_maps(const struct pod *pod, const char *path)
{
    const struct {
        const char *name;
        const struct json *map;
    } maps[] = { { "metadata.labels", pod->labels }, { "metadata.annotations", pod->annotations } };
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        AUTO_FREE char *key = subscript(path, maps[i].name);
        if (strcmp(path, maps[i].name) == 0)
            return map_lines(maps[i].map);
        if (key != NULL) {
            const char *value = json_get_text(maps[i].map, key);
            return mem_strdup(value != NULL ? value : "");
        }
    }
    return NULL;
}

static bool is_among(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

static bool check_field(const char *field, bool env, const char *path, struct error *err)
{
    static const char *const always[] = { "metadata.name", "metadata.namespace", "metadata.uid", NULL };
    static const char *const in_env[] = { "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs",
                                          "status.podIP", "status.podIPs", NULL };
    static const char *const in_files[] = { "metadata.labels", "metadata.annotations", NULL };
    AUTO_FREE char *label = subscript(field, "metadata.labels");
    AUTO_FREE char *annotation = subscript(field, "metadata.annotations");
    if (label != NULL || annotation != NULL || is_among(field, always) || is_among(field, env ? in_env : in_files))
        return true;
    if (is_among(field, in_env) || is_among(field, in_files))
        return error_set(err, ERROR_INVALID, "%s.fieldRef.fieldPath: Unsupported value: \"%.100s\": it is for %s only", path, field,
                         env ? "volumes" : "environment variables");
    return error_set(err, ERROR_INVALID, "%s.fieldRef.fieldPath: Invalid value: \"%.100s\": error converting fieldPath: field label "
                     "not supported: %.100s", path, field, field);
}

bool downward_check(const struct field_ref *field, const struct resource_ref *resource, bool env, const char *path,
                    struct error *err)
{
    static const char *const resources[] = { "limits.cpu", "limits.memory", "limits.ephemeral-storage", "requests.cpu",
                                             "requests.memory", "requests.ephemeral-storage", NULL };
    if (field != NULL && !check_field(field->path, env, path, err))
        return false;
    if (resource == NULL)
        return true;
    if (!env && resource->container == NULL)
        return error_set(err, ERROR_INVALID, "%s.resourceFieldRef.containerName: Required value", path);
    return is_among(resource->resource, resources) ||
           error_set(err, ERROR_INVALID, "%s.resourceFieldRef.resource: Unsupported value: \"%.100s\"", path, resource->resource);
}

char *downward_field(const struct resolve *resolve, const char *path, struct error *err)
{
    const struct text_list *addresses = resolve->addresses;
    const char *host = resolve->host_address != NULL ? resolve->host_address : "";
    const struct {
        const char *path;
        const char *value;
    } fields[] = { { "metadata.name", resolve->id->name },
                   { "metadata.namespace", resolve->id->namespace },
                   { "metadata.uid", resolve->uid },
                   { "spec.nodeName", resolve->node },
                   { "spec.serviceAccountName", "default" },
                   { "status.hostIP", host },
                   { "status.hostIPs", host },
                   { "status.podIP", addresses != NULL && addresses->count > 0 ? addresses->items[0] : host } };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strcmp(path, fields[i].path) == 0)
            return mem_strdup(fields[i].value);
    if (strcmp(path, "status.podIPs") == 0)
        return addresses != NULL && addresses->count > 0 ? joined(addresses) : mem_strdup(host);
    char *value = from_maps(resolve->pod, path);
    if (value == NULL)
        error_set(err, ERROR_INVALID, "unsupported fieldPath: %.100s", path);
    return value;
}

static const struct container *container_named(const struct pod *pod, const char *name, const struct container *own)
{
    if (name == NULL || name[0] == '\0')
        return own;
    for (size_t i = 0; i < pod_count(pod); i++)
        if (strcmp(pod_container(pod, i)->name, name) == 0)
            return pod_container(pod, i);
    return NULL;
}

/* What one name of a resourceFieldRef stands for, in `scale` parts of its unit. */
struct resource_number {
    const char *name;
    int64_t value, scale;
};

#define RESOURCE_NUMBERS 6

/* Kubernetes: a limit that is not set is what the machine has, a request that is not set is 0. */
static void list_numbers(const struct resolve *resolve, const struct container *container,
                         struct resource_number out[RESOURCE_NUMBERS])
{
    const struct resources *map = container->resources;
    struct container_resources said;
    container_resources(container, &said);
    int64_t storage = map != NULL ? resource_value(map->limits, "ephemeral-storage", 1) : POD_UNSET;
    int64_t storage_request = map != NULL ? resource_value(map->requests, "ephemeral-storage", 1) : POD_UNSET;
    const struct {
        const char *name;
        int64_t value, fallback, scale;
    } known[RESOURCE_NUMBERS] = {
        { "limits.cpu", said.cpu_limit_m, resolve->capacity_cpu_m, 1000 },
        { "limits.memory", said.memory_limit, resolve->capacity_memory, 1 },
        { "limits.ephemeral-storage", storage, resolve->capacity_disk, 1 },
        { "requests.cpu", said.cpu_request_m, 0, 1000 },
        { "requests.memory", said.memory_request, 0, 1 },
        { "requests.ephemeral-storage", storage_request != POD_UNSET ? storage_request : storage, 0, 1 },
    };
    for (size_t i = 0; i < RESOURCE_NUMBERS; i++)
        out[i] = (struct resource_number){ known[i].name, known[i].value > 0 ? known[i].value : known[i].fallback,
                                           known[i].scale };
}

/* In the divisor's units, rounded up. */
static char *divided(const struct resource_number *number, const char *text, struct error *err)
{
    int64_t divisor = number->scale;
    bool given = text != NULL && strcmp(text, "0") != 0;
    if (given && (!quantity_read(text, number->scale, &divisor) || divisor <= 0)) {
        error_set(err, ERROR_INVALID, "divisor \"%.40s\" is no quantity", text);
        return NULL;
    }
    return mem_printf("%" PRId64, number->value / divisor + (number->value % divisor != 0));
}

char *downward_resource(const struct resolve *resolve, const struct container *own, const struct resource_ref *ref,
                        struct error *err)
{
    const struct container *container = container_named(resolve->pod, ref->container, own);
    struct resource_number numbers[RESOURCE_NUMBERS];
    if (container == NULL) {
        error_set(err, ERROR_INVALID, "container %.63s not found", ref->container != NULL ? ref->container : "");
        return NULL;
    }
    list_numbers(resolve, container, numbers);
    for (size_t i = 0; i < RESOURCE_NUMBERS; i++)
        if (strcmp(ref->resource, numbers[i].name) == 0)
            return divided(&numbers[i], ref->divisor, err);
    error_set(err, ERROR_INVALID, "unsupported container resource: %.100s", ref->resource);
    return NULL;
}
