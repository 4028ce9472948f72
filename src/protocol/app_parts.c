#include "protocol/app_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"
#include "protocol/names.h"

/* ---- command, args, env */

/* An array of texts; a text alone is a line for the shell. */
static bool read_words(struct app_parts *parts, const char *key, bool line, struct error *err)
{
    const struct json *said = json_get(parts->spec, key);
    if (said == NULL || json_type(said) == JSON_NULL)
        return true;
    struct json *words = json_set_array(parts->container, key);
    if (line && json_text(said) != NULL) {
        json_add_text(words, "/bin/sh");
        json_add_text(words, "-c");
        json_add_text(words, json_text(said));
        return true;
    }
    bool good = json_type(said) == JSON_ARRAY;
    JSON_EACH(word, said) {
        good = good && json_text(word) != NULL;
        if (good)
            json_add_text(words, json_text(word));
    }
    return good || error_set(err, ERROR_INVALID, "%s must be a list of texts%s", key, line ? ", or a line for the shell" : "");
}

bool app_read_command(struct app_parts *parts, struct error *err)
{
    const char *image = json_get_text(parts->spec, "image");
    if (image == NULL)
        return error_set(err, ERROR_INVALID, "image is required, as \"influxdb:2.7\"");
    json_set_text(parts->container, "image", image);
    return read_words(parts, "command", true, err) && read_words(parts, "args", false, err);
}

static void add_variable(struct json *env, const char *name, const struct json *value)
{
    AUTO_FREE char *printed = json_text(value) == NULL ? json_print(value) : NULL;
    json_add(env, json_new_texts("name", name, "value", json_text(value) != NULL ? json_text(value) : printed, NULL));
}

static bool is_scalar(const struct json *value)
{
    enum json_type type = json_type(value);
    return type == JSON_STRING || type == JSON_NUMBER || type == JSON_BOOL;
}

bool app_read_env(struct app_parts *parts, struct error *err)
{
    const struct json *said = json_get(parts->spec, "env");
    if (said == NULL || json_type(said) == JSON_NULL)
        return true;
    bool is_map = json_type(said) == JSON_OBJECT, good = is_map || json_type(said) == JSON_ARRAY;
    struct json *env = json_set_array(parts->container, "env");
    JSON_EACH(one, said) {
        const char *text = json_text(one), *equals = text != NULL ? strchr(text, '=') : NULL;
        if (is_map && is_scalar(one)) {
            add_variable(env, json_key(one), one);
        } else if (!is_map && equals != NULL && equals > text) {
            AUTO_FREE char *name = mem_strndup(text, (size_t)(equals - text));
            json_add(env, json_new_texts("name", name, "value", equals + 1, NULL));
        } else if (!is_map && json_get_text(one, "name") != NULL) {
            json_add(env, json_copy(one)); /* Kubernetes' own form: valueFrom */
        } else {
            good = false;
        }
    }
    return good || error_set(err, ERROR_INVALID, "env must be {\"NAME\": \"value\"}, or a list of \"NAME=value\"");
}

/* ---- ports */

static bool read_number(const char *text, size_t len, int64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || len > 5)
            return false;
        *number = *number * 10 + (text[i] - '0');
    }
    return *number >= 1 && *number <= 65535;
}

/* What follows the last colon. */
static const char *last_part(const char *text, const char *end)
{
    while (end > text && end[-1] != ':')
        end--;
    return end;
}

/* "[IP:]HOST", up to `end`. */
static bool read_host(const char *text, const char *end, struct json *port)
{
    const char *number = last_part(text, end);
    int64_t host = 0;
    if (!read_number(number, (size_t)(end - number), &host))
        return false;
    json_set_integer(port, "hostPort", host);
    if (number == text)
        return true;
    bool brackets = text[0] == '[' && number - text > 3 && number[-2] == ']';
    AUTO_FREE char *ip = brackets ? mem_strndup(text + 1, (size_t)(number - text) - 3)
                                  : mem_strndup(text, (size_t)(number - text) - 1);
    json_set_text(port, "hostIP", ip);
    return ip[0] != '\0';
}

/* "[IP:][HOST:]CONTAINER[/udp]" */
static bool read_port(struct app_parts *parts, const char *text)
{
    const char *slash = strchr(text, '/'), *end = slash != NULL ? slash : text + strlen(text);
    const char *inner = last_part(text, end);
    int64_t port = 0;
    bool udp = slash != NULL && strcmp(slash, "/udp") == 0;
    if (!read_number(inner, (size_t)(end - inner), &port) || (slash != NULL && !udp && strcmp(slash, "/tcp") != 0))
        return false;
    struct json *one = json_add_object(json_get_mutable(parts->container, "ports"));
    json_set_integer(one, "containerPort", port);
    if (udp)
        json_set_text(one, "protocol", "UDP");
    parts->host_ports = parts->host_ports || inner > text;
    if (inner > text && !read_host(text, inner - 1, one))
        return false;
    struct json *service = json_add_object(parts->ports);
    AUTO_FREE char *name = mem_printf("%s-%lld", udp ? "udp" : "tcp", (long long)port);
    json_set_text(service, "name", name);
    json_set_integer(service, "port", port);
    json_set_integer(service, "targetPort", port);
    json_set_text(service, "protocol", udp ? "UDP" : "TCP");
    return true;
}

bool app_read_ports(struct app_parts *parts, struct error *err)
{
    const struct json *said = json_get(parts->spec, "ports");
    if (said == NULL || json_type(said) == JSON_NULL)
        return true;
    if (json_type(said) != JSON_ARRAY || json_size(said) > LIMIT_APP_ITEMS)
        return error_set(err, ERROR_INVALID, "ports must be a list of at most %d, as [\"8086:8086\"]", LIMIT_APP_ITEMS);
    json_set_array(parts->container, "ports");
    JSON_EACH(one, said) {
        AUTO_FREE char *printed = json_print(one);
        const char *text = json_text(one) != NULL ? json_text(one) : printed;
        if (!read_port(parts, text))
            return error_set(err, ERROR_INVALID, "the port %.60s is none: \"HOST:CONTAINER\", \"IP:HOST:CONTAINER\" or "
                                                 "\"CONTAINER\", each with /udp or without", printed);
    }
    return true;
}

/* ---- volumes and devices */

static bool add_volume(struct app_parts *parts, struct json *volume, const char *path, bool read_only)
{
    struct json *volumes = json_get_mutable(parts->pod, "volumes");
    struct json *mounts = json_get_mutable(parts->container, "volumeMounts");
    AUTO_FREE char *name = mem_printf("v%zu", json_size(volumes));
    json_set_text(volume, "name", name);
    json_add(volumes, volume);
    struct json *mount = json_add_object(mounts);
    json_set_text(mount, "name", name);
    json_set_text(mount, "mountPath", path);
    if (read_only)
        json_set_boolean(mount, "readOnly", true);
    return true;
}

static bool add_host_path(struct app_parts *parts, const char *host, const char *path, bool read_only)
{
    struct json *volume = json_new_object();
    json_set_text(json_set_object(volume, "hostPath"), "path", host);
    return add_volume(parts, volume, path, read_only);
}

static bool add_claim(struct app_parts *parts, const char *name, const char *size, const char *path, bool read_only)
{
    struct json *volume = json_new_object();
    if (!name_is_subdomain(name)) {
        json_free(volume);
        return false;
    }
    json_set_text(json_set_object(volume, "persistentVolumeClaim"), "claimName", name);
    struct json *claim = json_add_object(parts->claims);
    json_set_text(claim, "name", name);
    json_set_text(claim, "size", size != NULL ? size : "1Gi");
    return add_volume(parts, volume, path, read_only);
}

/* "NAME:/path[:ro]", "/host/path:/path[:ro]" */
static bool read_volume_text(struct app_parts *parts, const char *text)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text || colon[1] != '/')
        return false;
    const char *end = strchr(colon + 1, ':');
    bool read_only = end != NULL && strcmp(end, ":ro") == 0;
    if (end != NULL && !read_only && strcmp(end, ":rw") != 0)
        return false;
    AUTO_FREE char *from = mem_strndup(text, (size_t)(colon - text));
    AUTO_FREE char *path = end != NULL ? mem_strndup(colon + 1, (size_t)(end - colon - 1)) : mem_strdup(colon + 1);
    return from[0] == '/' ? add_host_path(parts, from, path, read_only) : add_claim(parts, from, NULL, path, read_only);
}

/* {"claim": NAME or "host": PATH, "path", "size", "readOnly"} */
static bool read_volume_object(struct app_parts *parts, const struct json *one)
{
    static const char *const known[] = { "claim", "host", "path", "size", "readOnly" };
    const char *claim = json_get_text(one, "claim"), *host = json_get_text(one, "host"), *path = json_get_text(one, "path");
    bool read_only = json_get_boolean(one, "readOnly", false);
    JSON_EACH(field, one) {
        size_t i = 0;
        while (i < 5 && strcmp(known[i], json_key(field)) != 0)
            i++;
        if (i == 5)
            return false;
    }
    if (path == NULL || path[0] != '/' || (claim == NULL) == (host == NULL))
        return false;
    return claim != NULL ? add_claim(parts, claim, json_get_text(one, "size"), path, read_only)
                         : host[0] == '/' && add_host_path(parts, host, path, read_only);
}

bool app_read_volumes(struct app_parts *parts, struct error *err)
{
    const struct json *said = json_get(parts->spec, "volumes");
    json_set_array(parts->pod, "volumes");
    json_set_array(parts->container, "volumeMounts");
    if (said == NULL || json_type(said) == JSON_NULL)
        return true;
    if (json_type(said) != JSON_ARRAY || json_size(said) > LIMIT_APP_ITEMS)
        return error_set(err, ERROR_INVALID, "volumes must be a list of at most %d, as [\"data:/var/lib/data\"]", LIMIT_APP_ITEMS);
    JSON_EACH(one, said) {
        const char *text = json_text(one);
        bool good = text != NULL ? read_volume_text(parts, text) : json_type(one) == JSON_OBJECT && read_volume_object(parts, one);
        AUTO_FREE char *printed = json_print(one);
        if (!good)
            return error_set(err, ERROR_INVALID, "the volume %.100s is none: \"NAME:/path\" (a claim) or \"/host/path:/path\", each "
                                                 "with :ro or without, or {\"claim\" or \"host\", \"path\", \"size\", \"readOnly\"}",
                             printed);
    }
    return true;
}

static struct json *object_of(struct json *parent, const char *key)
{
    struct json *object = json_get_mutable(parent, key);
    return object != NULL ? object : json_set_object(parent, key);
}

static void add_device_file(struct app_parts *parts, const char *path)
{
    struct json *volumes = json_get_mutable(parts->pod, "volumes");
    struct json *devices = json_get_mutable(parts->container, "volumeDevices");
    AUTO_FREE char *name = mem_printf("v%zu", json_size(volumes));
    struct json *volume = json_add_object(volumes);
    json_set_text(volume, "name", name);
    struct json *host = json_set_object(volume, "hostPath");
    json_set_text(host, "path", path);
    json_set_text(host, "type", "CharDevice");
    json_add(devices != NULL ? devices : json_set_array(parts->container, "volumeDevices"),
             json_new_texts("name", name, "devicePath", path, NULL));
}

bool app_read_devices(struct app_parts *parts, struct error *err)
{
    const struct json *said = json_get(parts->spec, "devices");
    bool good = said == NULL || json_type(said) == JSON_NULL || (json_type(said) == JSON_ARRAY && json_size(said) <= LIMIT_APP_ITEMS);
    JSON_EACH(one, said) {
        const char *text = json_text(one), *equals = text != NULL ? strchr(text, '=') : NULL;
        const char *slash = text != NULL ? strchr(text, '/') : NULL;
        if (text != NULL && strncmp(text, "/dev/", 5) == 0)
            add_device_file(parts, text);
        else if (equals != NULL && slash != NULL && slash > text && slash < equals)
            json_set_integer(object_of(object_of(parts->container, "resources"), "limits"), text, 1);
        else
            good = false;
    }
    return good || error_set(err, ERROR_INVALID, "devices must be a list of at most %d, of \"/dev/NAME\" and \"vendor.com/class=name\"",
                             LIMIT_APP_ITEMS);
}

bool app_read_limits(struct app_parts *parts, struct error *err)
{
    static const char *const names[] = { "memory", "cpu" };
    for (size_t i = 0; i < 2; i++) {
        const struct json *said = json_get(parts->spec, names[i]);
        if (said == NULL || json_type(said) == JSON_NULL)
            continue;
        if (json_type(said) != JSON_STRING && json_type(said) != JSON_NUMBER)
            return error_set(err, ERROR_INVALID, "%s must be a quantity, as \"%s\"", names[i], i == 0 ? "256Mi" : "500m");
        json_set(object_of(object_of(parts->container, "resources"), "limits"), names[i], json_copy(said));
    }
    return true;
}

/* ---- health */

/* "http://:8086/health", "https://…", "tcp://:1883"; the port stands behind the first colon of the rest. */
static struct json *read_url(const char *text)
{
    bool http = strncmp(text, "http://", 7) == 0, https = strncmp(text, "https://", 8) == 0;
    const char *rest = text + (https ? 8 : http ? 7 : 6);
    const char *path = strchr(rest, '/'), *end = path != NULL ? path : rest + strlen(rest);
    int64_t port = 0;
    if (rest[0] != ':' || !read_number(rest + 1, (size_t)(end - rest - 1), &port))
        return NULL;
    struct json *handler = json_new_object();
    struct json *action = json_set_object(handler, http || https ? "httpGet" : "tcpSocket");
    json_set_integer(action, "port", port);
    if (http || https)
        json_set_text(action, "path", path != NULL ? path : "/");
    if (https)
        json_set_text(action, "scheme", "HTTPS");
    return handler;
}

static struct json *read_handler(const struct json *said)
{
    const char *text = json_text(said);
    if (json_type(said) == JSON_OBJECT)
        return json_copy(said);
    if (text == NULL || text[0] == '\0')
        return NULL;
    if (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0 || strncmp(text, "tcp://", 6) == 0)
        return read_url(text);
    struct json *handler = json_new_object();
    struct json *command = json_set_array(json_set_object(handler, "exec"), "command");
    json_add_text(command, "/bin/sh");
    json_add_text(command, "-c");
    json_add_text(command, text);
    return handler;
}

/* What is asked of it while it runs, and at its start for five minutes before anybody gives up. */
bool app_read_health(struct app_parts *parts, struct error *err)
{
    static const char *const handlers[] = { "exec", "httpGet", "tcpSocket", "grpc" };
    const struct json *said = json_get(parts->spec, "health");
    if (said == NULL || json_type(said) == JSON_NULL)
        return true;
    struct json *probe = read_handler(said);
    if (probe == NULL)
        return error_set(err, ERROR_INVALID, "health must be a line for the shell, \"http://:PORT/path\", \"tcp://:PORT\", or a "
                                             "probe of Kubernetes");
    struct json *startup = json_new_object();
    for (size_t i = 0; i < 4; i++)
        if (json_get(probe, handlers[i]) != NULL)
            json_set(startup, handlers[i], json_copy(json_get(probe, handlers[i])));
    json_set_integer(startup, "periodSeconds", 2);
    json_set_integer(startup, "failureThreshold", 150);
    json_set(parts->container, "startupProbe", startup);
    json_set(parts->container, "readinessProbe", json_copy(probe));
    struct json *liveness = probe;
    json_remove(liveness, "successThreshold"); /* Kubernetes: 1 for liveness */
    json_set(parts->container, "livenessProbe", liveness);
    return true;
}
