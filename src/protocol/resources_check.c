#include "protocol/resources_check.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/resources.h"
#include "protocol/pod_fields.h"

#define MILLI 1000

static bool is_standard(const char *name)
{
    static const char *const names[] = { "cpu", "memory", "ephemeral-storage" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* What no device has, or nobody knows, is refused: to run without it would be worse. */
static bool check_names(const struct json *map, const char *path, const char *which, struct error *err)
{
    JSON_EACH(value, map) {
        const char *name = json_key(value);
        if (strncmp(name, "hugepages-", strlen("hugepages-")) == 0)
            return error_set(err, ERROR_INVALID, "%s.resources.%s[%.80s]: Forbidden: this version of Davit gives no huge pages",
                             path, which, name);
        if (!is_standard(name) && strchr(name, '/') == NULL)
            return error_set(err, ERROR_INVALID, "%s.resources.%s[%.80s]: Invalid value: \"%.80s\": must be a standard resource "
                             "for containers", path, which, name, name);
        if (resource_is_device(name) && resource_value(map, name, MILLI) % MILLI != 0)
            return error_set(err, ERROR_INVALID, "%s.resources.%s[%.80s]: Invalid value: must be an integer", path, which, name);
    }
    return true;
}

/* A quantity as the document has it. The caller frees. */
static char *quantity_text(const struct json *value)
{
    return json_text(value) != NULL ? mem_strdup(json_text(value)) : json_print(value);
}

/* Kubernetes: a request is at most the limit; of what cannot be shared, exactly. */
static bool check_requests(const struct resources *said, const char *path, struct error *err)
{
    JSON_EACH(value, said->requests) {
        const char *name = json_key(value);
        const struct json *most = json_get(said->limits, name);
        bool device = resource_is_device(name);
        if (device && most == NULL)
            return error_set(err, ERROR_INVALID, "%s.resources.limits: Required value: Limit must be set for non overcommitable "
                             "resources", path);
        int64_t request = resource_value(said->requests, name, MILLI), limit = resource_value(said->limits, name, MILLI);
        if (most == NULL || request == limit || (!device && request < limit))
            continue;
        AUTO_FREE char *text = quantity_text(value);
        AUTO_FREE char *limit_text = quantity_text(most);
        return error_set(err, ERROR_INVALID, "%s.resources.requests: Invalid value: \"%.40s\": must be %s %.80s limit of %.40s",
                         path, text, device ? "equal to" : "less than or equal to", name, limit_text);
    }
    return true;
}

bool resources_check(const struct container *container, const char *path, struct error *err)
{
    const struct resources *said = container->resources;
    return said == NULL || (check_names(said->limits, path, "limits", err) &&
                            check_names(said->requests, path, "requests", err) && check_requests(said, path, err));
}
