#include "config.h"

#include "runtime/plugin.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* What ABI 1 began with. Operations behind it are optional. */
#define PLUGIN_SMALLEST (offsetof(struct davit_runtime_plugin, release) + sizeof(void *))
#define PLUGIN_NAME_BYTES 63

static bool name_is_usable(const char *name)
{
    return name != NULL && name[0] != '\0' && strlen(name) <= PLUGIN_NAME_BYTES &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

static bool plugin_check(const struct davit_runtime_plugin *plugin, const char *path, const char **reason,
                         struct error *err)
{
    /* The number comes first: with another one, nothing behind it can be read. */
    *reason = "UnsupportedAbi";
    if (plugin->abi != DAVIT_RUNTIME_ABI)
        return error_set(err, ERROR_UNSUPPORTED, "%s has runtime ABI %u, this Davit has %u: build it against this version",
                         path, plugin->abi, DAVIT_RUNTIME_ABI);
    if (plugin->size < PLUGIN_SMALLEST)
        return error_set(err, ERROR_UNSUPPORTED, "%s says its table has %u bytes, ABI %u has at least %zu", path,
                         plugin->size, DAVIT_RUNTIME_ABI, PLUGIN_SMALLEST);
    *reason = "InvalidPlugin";
    if (!name_is_usable(plugin->name))
        return error_set(err, ERROR_INVALID, "%s: its name must be 1 to %d of a-z, 0-9 and -", path, PLUGIN_NAME_BYTES);
    if (plugin->open == NULL || plugin->list == NULL || plugin->create == NULL || plugin->start == NULL ||
        plugin->stop == NULL || plugin->remove == NULL || plugin->release == NULL)
        return error_set(err, ERROR_INVALID, "%s leaves out an operation that every runtime must have", path);
    return true;
}

const struct davit_runtime_plugin *plugin_load(const char *path, const char **reason, struct error *err)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct davit_runtime_plugin *plugin;

    *reason = "CannotLoad";
    if (library == NULL) {
        error_set(err, ERROR_NOT_FOUND, "cannot load %s: %s", path, dlerror());
        return NULL;
    }
    plugin = dlsym(library, "davit_runtime_plugin");
    if (plugin == NULL) {
        error_set(err, ERROR_INVALID, "%s is no runtime plugin: it has no symbol davit_runtime_plugin", path);
        return NULL;
    }
    return plugin_check(plugin, path, reason, err) ? plugin : NULL;
}
