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

static int64_t limit_or(const struct container *container, const char *resource, int64_t capacity)
{
    const struct resources *said = container->resources;
    int64_t limit = said != NULL ? resource_value(said->limits, resource, 1) : POD_UNSET;
    return limit > 0 ? limit : capacity;
}

/* A limit alone is a request too. */
static int64_t request_of(const struct container *container, const char *resource)
{
    const struct resources *said = container->resources;
    int64_t request = said != NULL ? resource_value(said->requests, resource, 1) : POD_UNSET;
    return request != POD_UNSET ? request : limit_or(container, resource, 0);
}

char *downward_resource(const struct resolve *resolve, const struct container *own, const struct resource_ref *ref,
                        struct error *err)
{
    const struct container *container = container_named(resolve->pod, ref->container, own);
    if (container == NULL) {
        error_set(err, ERROR_INVALID, "container %.63s not found", ref->container != NULL ? ref->container : "");
        return NULL;
    }
    struct container_resources said;
    container_resources(container, &said);
    int64_t cpu = said.cpu_limit_m > 0 ? said.cpu_limit_m : resolve->capacity_cpu_m;
    int64_t memory = said.memory_limit > 0 ? said.memory_limit : resolve->capacity_memory;
    int64_t disk = limit_or(container, "ephemeral-storage", resolve->capacity_disk);
    const struct {
        const char *name;
        int64_t value, scale;
    } known[] = { { "limits.cpu", cpu, 1000 },
                  { "limits.memory", memory, 1 },
                  { "limits.ephemeral-storage", disk, 1 },
                  { "requests.ephemeral-storage", request_of(container, "ephemeral-storage"), 1 },
                  { "requests.cpu", said.cpu_request_m > 0 ? said.cpu_request_m : 0, 1000 },
                  { "requests.memory", said.memory_request > 0 ? said.memory_request : 0, 1 } };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int64_t divisor = known[i].scale;
        if (strcmp(ref->resource, known[i].name) != 0)
            continue;
        if (ref->divisor != NULL && strcmp(ref->divisor, "0") != 0 &&
            (!quantity_read(ref->divisor, known[i].scale, &divisor) || divisor <= 0)) {
            error_set(err, ERROR_INVALID, "divisor \"%.40s\" is no quantity", ref->divisor);
            return NULL;
        }
        return mem_printf("%" PRId64, known[i].value / divisor + (known[i].value % divisor != 0));
    }
    error_set(err, ERROR_INVALID, "unsupported container resource: %.100s", ref->resource);
    return NULL;
}
