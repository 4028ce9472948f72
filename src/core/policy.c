#include "core/policy.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/zones.h"

/* The next part of a path, its end in *end; "//" and "/./" are nothing. */
static const char *next_part(const char *path, const char **end)
{
    for (;;) {
        path += strspn(path, "/");
        *end = path + strcspn(path, "/");
        if (*end - path != 1 || path[0] != '.')
            return path;
        path = *end;
    }
}

static bool is_within(const char *path, const char *folder)
{
    for (;;) {
        const char *folder_end, *path_end;
        folder = next_part(folder, &folder_end);
        path = next_part(path, &path_end);
        if (folder == folder_end)
            return true;
        if (path_end - path != folder_end - folder || memcmp(path, folder, (size_t)(folder_end - folder)) != 0)
            return false;
        folder = folder_end;
        path = path_end;
    }
}

bool policy_host_path_allowed(const struct config *config, const char *path)
{
    if (is_within(path, config->state_dir) || is_within(path, config->run_dir))
        return false;
    if (!config->host_paths_set)
        return true;
    for (size_t i = 0; i < config->host_paths.count; i++)
        if (is_within(path, config->host_paths.items[i]))
            return true;
    return false;
}

void policy_host_path_limits(const struct config *config, struct json *host)
{
    struct json *without = json_set_array(host, "without");
    json_add_text(without, config->state_dir);
    json_add_text(without, config->run_dir);
    struct json *within = config->host_paths_set ? json_set_array(host, "within") : NULL;
    for (size_t i = 0; within != NULL && i < config->host_paths.count; i++)
        json_add_text(within, config->host_paths.items[i]);
}

struct json *policy_users(const struct config *config, const struct pod *pod)
{
    if (pod->host_users)
        return NULL;
    AUTO_FREE char *folder = mem_printf("%s/userns", config->run_dir);
    struct json *users = json_new_texts("folder", folder, NULL);
    json_set_integer(users, "first", config->user_first);
    json_set_integer(users, "count", config->user_count);
    return users;
}

/* Kubernetes would send it to another node; there is none here. */
static bool labels_match(const struct core *core, const struct pod *pod, struct refusal *refusal)
{
    JSON_EACH(wanted, pod->node_selector) {
        const char *has = json_get_text(core->node.labels, json_key(wanted));
        if (has != NULL && strcmp(has, json_text(wanted)) == 0)
            continue;
        refusal_set(refusal, "NodeSelectorMismatch", "nodeSelector wants %.100s=%.100s, and this node's label is %.100s",
                    json_key(wanted), json_text(wanted), has != NULL ? has : "not set");
        return false;
    }
    return true;
}

/* A time zone that is not here would be guessed at. */
static bool has_zone(const struct document *document, struct refusal *refusal)
{
    struct error err;
    struct zone *zone = zone_load(json_get_text(document->data, "timeZone"), &err);
    if (zone == NULL)
        refusal_set(refusal, "UnknownTimeZone", "%s", err.message);
    zone_free(zone);
    return zone != NULL;
}

bool policy_takes(const struct core *core, struct document *document, struct refusal *refusal)
{
    struct error err;
    if (strcmp(document->id.resource, "cronjobs") == 0 && !document->tombstone && !has_zone(document, refusal)) {
        document_free(document);
        return false;
    }
    if (document->pod == NULL)
        return true;
    bool good = security_allows(core->config->profile, document->pod, &err);
    if (!good)
        refusal_set(refusal, "Forbidden", "%s", err.message);
    if (good && labels_match(core, document->pod, refusal))
        return true;
    document_free(document);
    return false;
}
