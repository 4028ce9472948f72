/* The Container Device Interface: devices by name, from /etc/cdi and /var/run/cdi. Docs: CDI specification 0.6. */
#include "config.h"

#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "device.h"

#define SPEC_BYTES (1024 * 1024)

/* The later folder wins: what a driver writes at run time is newer than what an operator installed. */
static const char *const folders[] = {"/var/run/cdi", "/etc/cdi"};

static bool ends_with(const char *text, const char *ending)
{
    size_t len = strlen(text), ending_len = strlen(ending);

    return len > ending_len && strcmp(text + len - ending_len, ending) == 0;
}

static struct json *read_spec(const char *path)
{
    AUTO_FREE char *text = NULL;
    size_t len;
    struct error ignored; /* a spec that cannot be read has no devices */

    if (!file_read_regular(path, SPEC_BYTES, &text, &len, &ignored))
        return NULL;
    if (ends_with(path, ".json"))
        return json_parse(text, len, &ignored);
    AUTO_JSON struct json *documents = yaml_parse(text, len, &ignored);
    return json_first(documents) != NULL ? json_copy(json_first(documents)) : NULL;
}

static bool apply_nodes(const struct json *edits, struct devices *devices, struct error *err)
{
    JSON_EACH(node, json_get(edits, "deviceNodes")) {
        const char *path = json_get_text(node, "path"), *host = json_get_text(node, "hostPath");

        if (path == NULL || !device_add(devices, host != NULL ? host : path, path, err))
            return path != NULL ? false : error_set(err, ERROR_INVALID, "a deviceNode has no path");
    }
    return true;
}

static bool apply(const struct json *edits, const char *name, struct devices *devices, struct error *err)
{
    if (json_size(json_get(edits, "hooks")) > 0)
        return error_set(err, ERROR_UNSUPPORTED, "the CDI device %s wants hooks, which run on the host: they are refused", name);
    JSON_EACH(pair, json_get(edits, "env"))
        if (json_text(pair) != NULL)
            json_add_text(devices->env, json_text(pair));
    JSON_EACH(mount, json_get(edits, "mounts"))
        json_add(devices->mounts, json_copy(mount));
    return apply_nodes(edits, devices, err);
}

/* 1: added, 0: not in this spec, -1: *err. */
static int add_from(const struct json *spec, const char *name, struct devices *devices, struct error *err)
{
    const char *kind = json_get_text(spec, "kind"), *equals = strchr(name, '=');

    if (kind == NULL || equals == NULL || strlen(kind) != (size_t)(equals - name) ||
        strncmp(kind, name, strlen(kind)) != 0)
        return 0;
    JSON_EACH(device, json_get(spec, "devices")) {
        const char *here = json_get_text(device, "name");

        if (here == NULL || strcmp(here, equals + 1) != 0)
            continue;
        return apply(json_get(spec, "containerEdits"), name, devices, err) &&
                       apply(json_get(device, "containerEdits"), name, devices, err)
                   ? 1
                   : -1;
    }
    return 0;
}

static int look_in(const char *folder, const char *name, struct devices *devices, struct error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort), found = 0;

    for (int i = 0; i < count; i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", folder, entries[i]->d_name);
        AUTO_JSON struct json *spec = found == 0 && (ends_with(path, ".json") || ends_with(path, ".yaml"))
                                          ? read_spec(path) : NULL;

        if (spec != NULL)
            found = add_from(spec, name, devices, err);
        free(entries[i]);
    }
    free(entries);
    return found;
}

bool cdi_add(const char *name, struct devices *devices, struct error *err)
{
    int found = 0;

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && found == 0; i++)
        found = look_in(folders[i], name, devices, err);
    if (found != 0)
        return found > 0;
    return error_set(err, ERROR_NOT_FOUND, "there is no CDI device %s in /etc/cdi or /var/run/cdi: plug it in, or install its "
                     "description", name);
}
