#include <string.h>

#include "protocol/resolve.h"

static bool is(const char *wanted, const char *name)
{
    return wanted != NULL && strcmp(wanted, name) == 0;
}

static bool env_uses(const struct container *container, bool secret, const char *name)
{
    const struct env_from *sources = container->env_from.items;
    const struct env_var *vars = container->env.items;
    for (size_t i = 0; i < container->env_from.count; i++) {
        const struct source_ref *ref = secret ? sources[i].secret : sources[i].config_map;
        if (ref != NULL && is(ref->name, name))
            return true;
    }
    for (size_t i = 0; i < container->env.count; i++) {
        const struct env_source *from = vars[i].from;
        const struct key_ref *ref = from == NULL ? NULL : secret ? from->secret : from->config_map;
        if (ref != NULL && is(ref->name, name))
            return true;
    }
    return false;
}

static bool volume_uses(const struct volume *volume, bool secret, const char *name)
{
    const struct map_source *own = secret ? volume->secret : volume->config_map;
    if (own != NULL && is(own->name, name))
        return true;
    const struct projection *parts = volume->projected != NULL ? volume->projected->sources.items : NULL;
    for (size_t i = 0; volume->projected != NULL && i < volume->projected->sources.count; i++) {
        const struct map_source *part = secret ? parts[i].secret : parts[i].config_map;
        if (part != NULL && is(part->name, name))
            return true;
    }
    return false;
}

bool resolve_uses(const struct pod *pod, const char *resource, const char *name)
{
    bool secret = strcmp(resource, "secrets") == 0;
    bool claim = strcmp(resource, "persistentvolumeclaims") == 0;
    for (size_t i = 0; claim && i < pod->volumes.count; i++)
        if (pod_volume(pod, i)->claim != NULL && is(pod_volume(pod, i)->claim->claim, name))
            return true;
    for (size_t i = 0; !claim && i < pod_count(pod); i++)
        if (env_uses(pod_container(pod, i), secret, name))
            return true;
    for (size_t i = 0; !claim && i < pod->volumes.count; i++)
        if (volume_uses(pod_volume(pod, i), secret, name))
            return true;
    return false;
}
