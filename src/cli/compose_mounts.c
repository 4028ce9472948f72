/* What a service finds in its file system: volumes, configs, secrets, devices. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/compose_service.h"
#include "cli/compose_values.h"
#include "protocol/names.h"

#define CLAIM_SIZE "1Gi"
#define CLAIM_SIZE_FIELD "x-davit-size"

/* Adds a volume called v0, v1 …, and returns it. */
static struct json *volume_add(struct compose_service *service, char name[24])
{
    struct json *volumes = compose_array(service->pod, "volumes");
    (void)snprintf(name, 24, "v%zu", json_size(volumes));
    struct json *volume = json_add_object(volumes);
    json_set_text(volume, "name", name);
    return volume;
}

static struct json *mount_add(struct compose_service *service, const char *volume, const char *path, bool read_only)
{
    struct json *mount = json_add_object(compose_array(service->container, "volumeMounts"));
    json_set_text(mount, "name", volume);
    json_set_text(mount, "mountPath", path);
    if (read_only)
        json_set_boolean(mount, "readOnly", true);
    return mount;
}

static void add_empty(struct compose_service *service, const char *path, bool in_memory, int64_t bytes)
{
    char name[24];
    struct json *folder = json_set_object(volume_add(service, name), "emptyDir");
    if (in_memory)
        json_set_text(folder, "medium", "Memory");
    AUTO_FREE char *size = mem_printf("%lld", (long long)bytes);
    if (bytes > 0)
        json_set_text(folder, "sizeLimit", size);
    (void)mount_add(service, name, path, false);
}

/* Objects are called by `name` where a top-level entry has one. */
static const char *own_name(const struct json *entry)
{
    const char *name = json_get_text(entry, "name");
    return name != NULL ? name : json_key(entry);
}

static bool add_claim(struct compose_service *service, const char *source, const char *path, bool read_only, const char *sub_path,
                      struct error *err)
{
    char name[24];
    const struct json *entry = json_get(json_get(service->compose->file, "volumes"), source);
    if (entry == NULL)
        return compose_error(service, "volumes", err, "\"%.60s\" is not declared in the top-level volumes", source);
    json_set_text(json_set_object(volume_add(service, name), "persistentVolumeClaim"), "claimName", own_name(entry));
    json_set_text(mount_add(service, name, path, read_only), "subPath", sub_path);
    service->claims = true;
    return true;
}

static bool add_host_path(struct compose_service *service, const char *source, const char *path, bool read_only, struct error *err)
{
    char name[24];
    if (source[0] != '/')
        return compose_error(service, "volumes", err, "%s is a path beside the Compose file, and devices do not have it. Give a path "
                                                      "of the device, a named volume, or a config", source);
    json_set_text(json_set_object(volume_add(service, name), "hostPath"), "path", source);
    (void)mount_add(service, name, path, read_only);
    return true;
}

static bool is_option(const char *options, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = options; at != NULL; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    return false;
}

/* "NAME:/path[:ro]", "/host/path:/path[:ro]", "/path" */
static bool read_volume_text(struct compose_service *service, const char *text, struct error *err)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL && text[0] == '/') {
        add_empty(service, text, false, 0);
        return compose_remark(service, "volumes", "one without a name is empty with each new pod", err);
    }
    const char *end = colon != NULL ? strchr(colon + 1, ':') : NULL;
    if (colon == NULL || colon == text || colon[1] != '/')
        return compose_error(service, "volumes", err, "\"%.100s\" is none: \"NAME:/path\" or \"/host/path:/path\", with :ro or without", text);
    AUTO_FREE char *source = mem_strndup(text, (size_t)(colon - text));
    AUTO_FREE char *path = end != NULL ? mem_strndup(colon + 1, (size_t)(end - colon - 1)) : mem_strdup(colon + 1);
    bool read_only = end != NULL && is_option(end + 1, "ro");
    bool is_path = strchr("/.~", source[0]) != NULL;
    return is_path ? add_host_path(service, source, path, read_only, err) : add_claim(service, source, path, read_only, NULL, err);
}

static bool read_volume_object(struct compose_service *service, const struct json *one, struct error *err)
{
    const char *type = json_get_text(one, "type"), *source = json_get_text(one, "source"), *path = json_get_text(one, "target");
    bool read_only = json_get_boolean(one, "read_only", false);
    int64_t bytes = 0;
    if (type == NULL || path == NULL || path[0] != '/')
        return compose_error(service, "volumes", err, "type and target are needed");
    if (strcmp(type, "tmpfs") == 0) {
        const struct json *size = json_get(json_get(one, "tmpfs"), "size");
        if (size != NULL && !compose_bytes(size, &bytes))
            return compose_error(service, "volumes", err, "tmpfs.size is a size, as 64m");
        add_empty(service, path, true, bytes);
        return true;
    }
    if (strcmp(type, "bind") == 0 && source != NULL)
        return add_host_path(service, source, path, read_only, err);
    if (strcmp(type, "volume") == 0 && source != NULL)
        return add_claim(service, source, path, read_only, json_get_text(json_get(one, "volume"), "subpath"), err);
    return compose_error(service, "volumes", err, "volume, bind and tmpfs are the types that Davit has, the first two with a source");
}

bool compose_read_volumes(struct compose_service *service, const struct json *value, struct error *err)
{
    if (json_type(value) != JSON_ARRAY)
        return compose_error(service, "volumes", err, "a list is expected");
    JSON_EACH(one, value)
        if (!(json_text(one) != NULL ? read_volume_text(service, json_text(one), err) : read_volume_object(service, one, err)))
            return false;
    return true;
}

bool compose_read_tmpfs(struct compose_service *service, const struct json *value, struct error *err)
{
    AUTO_JSON struct json *list = json_new_array();
    if (json_text(value) != NULL)
        json_add(list, json_copy(value));
    JSON_EACH(one, json_text(value) != NULL ? list : value) {
        const char *text = json_text(one);
        if (text == NULL || text[0] != '/')
            return compose_error(service, "tmpfs", err, "paths are expected");
        AUTO_FREE char *path = mem_strndup(text, strcspn(text, ":"));
        if (strchr(text, ':') != NULL && !compose_remark(service, "tmpfs", "options are left out", err))
            return false;
        add_empty(service, path, true, 0);
    }
    return true;
}

bool compose_read_shm_size(struct compose_service *service, const struct json *value, struct error *err)
{
    int64_t bytes = 0;
    if (!compose_bytes(value, &bytes))
        return compose_error(service, "shm_size", err, "a size is expected, as 64m");
    add_empty(service, "/dev/shm", true, bytes);
    return true;
}

/* "/dev/ttyS0[:/dev/ttyS0[:rwm]]", or "vendor.com/class=name" */
bool compose_read_devices(struct compose_service *service, const struct json *value, struct error *err)
{
    JSON_EACH(one, value) {
        const char *text = json_text(one);
        char name[24];
        if (text != NULL && text[0] != '/' && strchr(text, '/') != NULL && strchr(text, '=') != NULL) {
            json_set_integer(compose_object(compose_object(service->container, "resources"), "limits"), text, 1);
            continue;
        }
        if (text == NULL || text[0] != '/')
            return compose_error(service, "devices", err, "\"/dev/NAME:/dev/NAME\" is expected, or vendor.com/class=name");
        size_t host = strcspn(text, ":");
        AUTO_FREE char *outside = mem_strndup(text, host);
        AUTO_FREE char *inside = text[host] == ':' ? mem_strndup(text + host + 1, strcspn(text + host + 1, ":")) : mem_strdup(outside);
        struct json *path = json_set_object(volume_add(service, name), "hostPath");
        json_set_text(path, "path", outside);
        json_set_text(path, "type", "CharDevice");
        json_add(compose_array(service->container, "volumeDevices"), json_new_texts("name", name, "devicePath", inside, NULL));
    }
    return true;
}

/* ---- configs and secrets: an object with one key, mounted as one file */

#define KEY "content"

static bool octal_mode(const struct json *value, int64_t *mode)
{
    AUTO_FREE char *text = compose_text(value);
    char *end = NULL;
    *mode = text != NULL ? strtoll(text, &end, json_type(value) == JSON_STRING ? 8 : 10) : -1;
    return end != NULL && *end == '\0' && *mode >= 0 && *mode <= 0777;
}

static bool mount_store(struct compose_service *service, const char *top, const struct json *one, bool secret, struct error *err)
{
    char name[24];
    int64_t mode = 0;
    const char *source = json_text(one) != NULL ? json_text(one) : json_get_text(one, "source"), *target = json_get_text(one, "target");
    const struct json *entry = source != NULL ? json_get(json_get(service->compose->file, top), source) : NULL;
    if (entry == NULL)
        return compose_error(service, top, err, "\"%.60s\" is not declared in the top-level %s", source != NULL ? source : "", top);
    if (json_get(one, "mode") != NULL && !octal_mode(json_get(one, "mode"), &mode))
        return compose_error(service, top, err, "mode is an octal number, as \"0440\"");
    bool whole = target != NULL && target[0] == '/';
    AUTO_FREE char *path = whole ? mem_strdup(target) : mem_printf("%s/%s", secret ? "/run/secrets" : "", target != NULL ? target : source);
    struct json *volume = json_set_object(volume_add(service, name), secret ? "secret" : "configMap");
    json_set_text(volume, secret ? "secretName" : "name", own_name(entry));
    if (mode > 0)
        json_set_integer(volume, "defaultMode", mode);
    json_set_text(mount_add(service, name, path, true), "subPath", KEY);
    return true;
}

bool compose_read_configs(struct compose_service *service, const struct json *value, struct error *err)
{
    JSON_EACH(one, value)
        if (!mount_store(service, "configs", one, false, err))
            return false;
    return true;
}

bool compose_read_secrets(struct compose_service *service, const struct json *value, struct error *err)
{
    JSON_EACH(one, value)
        if (!mount_store(service, "secrets", one, true, err))
            return false;
    return true;
}

/* ---- the top level */

static struct json *object_add(struct compose *compose, const char *kind, const char *name)
{
    struct json *object = json_new_texts("apiVersion", "v1", "kind", kind, NULL);
    json_set_text(json_set_object(object, "metadata"), "name", name);
    json_add(compose->objects, object);
    return object;
}

bool compose_read_claims(struct compose *compose, struct error *err)
{
    JSON_EACH(entry, json_get(compose->file, "volumes")) {
        const char *driver = json_get_text(entry, "driver"), *size = json_get_text(entry, CLAIM_SIZE_FIELD);
        if (!name_is_subdomain(own_name(entry)))
            return error_set(err, ERROR_INVALID, "volumes.%s: a claim's name is a-z, 0-9, - and .: give it one by `name`", json_key(entry));
        if ((driver != NULL && strcmp(driver, "local") != 0) || json_get(entry, "driver_opts") != NULL)
            return error_set(err, ERROR_UNSUPPORTED, "volumes.%s: Davit has no drivers of volumes", json_key(entry));
        if (json_get_boolean(entry, "external", false))
            continue;
        struct json *spec = json_set_object(object_add(compose, "PersistentVolumeClaim", own_name(entry)), "spec");
        json_add_text(json_set_array(spec, "accessModes"), "ReadWriteOnce");
        json_set_text(json_set_object(json_set_object(spec, "resources"), "requests"), "storage", size != NULL ? size : CLAIM_SIZE);
    }
    return true;
}

static bool store_content(const struct compose *compose, const struct json *entry, char **content, size_t *len, struct error *err)
{
    const char *text = json_get_text(entry, "content"), *file = json_get_text(entry, "file");
    const char *variable = json_get_text(entry, "environment");
    if (file != NULL)
        return compose->source->read_file(compose->source->ctx, file, content, len, err);
    if (text == NULL && variable != NULL) {
        text = compose->source->variable(compose->source->ctx, variable);
        if (text == NULL)
            return error_set(err, ERROR_INVALID, "the variable %s is not set", variable);
    }
    *content = mem_strdup(text);
    *len = text != NULL ? strlen(text) : 0;
    return text != NULL || error_set(err, ERROR_INVALID, "one of content, file and environment is needed, or external: true");
}

static bool read_store(struct compose *compose, const char *top, const struct json *entry, struct error *err)
{
    AUTO_FREE char *content = NULL;
    size_t len = 0;
    bool secret = strcmp(top, "secrets") == 0;
    if (json_get_boolean(entry, "external", false))
        return true;
    if (!name_is_subdomain(own_name(entry)))
        return error_set(err, ERROR_INVALID, "a name of an object is a-z, 0-9, - and .: give it one by `name`");
    if (!store_content(compose, entry, &content, &len, err))
        return false;
    struct json *object = object_add(compose, secret ? "Secret" : "ConfigMap", own_name(entry));
    bool is_text = !secret && utf8_is_valid(content, len) && memchr(content, '\0', len) == NULL;
    if (is_text) {
        json_set_text(json_set_object(object, "data"), KEY, content);
        return true;
    }
    AUTO_FREE char *encoded = base64_encode(content, len);
    json_set_text(json_set_object(object, secret ? "data" : "binaryData"), KEY, encoded);
    return true;
}

bool compose_read_stores(struct compose *compose, struct error *err)
{
    static const char *const TOPS[] = {"configs", "secrets"};
    for (size_t i = 0; i < 2; i++)
        JSON_EACH(entry, json_get(compose->file, TOPS[i]))
            if (!read_store(compose, TOPS[i], entry, err))
                return error_wrap(err, "%s.%s", TOPS[i], json_key(entry));
    return true;
}
