#include "protocol/secret_fields.h"

#include <string.h>

#include "base/base64.h"
#include "base/memory.h"

#define KEY_MAX 253
#define DATA_MAX (1024 * 1024) /* Kubernetes: of all values together */

/* Kubernetes: letters, digits, '-', '_', '.'; neither "." nor "..". */
static bool key_is_valid(const char *key)
{
    size_t len = strlen(key);
    if (len == 0 || len > KEY_MAX || strcmp(key, ".") == 0 || strcmp(key, "..") == 0)
        return false;
    return strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

static bool map_is_valid(const struct json *map, const char *name, struct error *err)
{
    if (map == NULL || json_type(map) == JSON_NULL)
        return true;
    if (json_type(map) != JSON_OBJECT)
        return error_set(err, ERROR_INVALID, "%s must map keys to strings", name);
    JSON_EACH(value, map) {
        if (!key_is_valid(json_key(value)))
            return error_set(err, ERROR_INVALID, "%s has a key that is none: letters, digits, '-', '_' and '.'", name);
        if (json_text(value) == NULL)
            return error_set(err, ERROR_INVALID, "%s[\"%s\"] must be a string", name, json_key(value));
    }
    return true;
}

static bool add_data(const struct json *map, struct json *data, size_t *total, struct error *err)
{
    JSON_EACH(value, map) {
        const char *text = json_text(value);
        AUTO_FREE char *decoded = NULL;
        size_t len = 0;
        if (!base64_decode(text, strlen(text), &decoded, &len))
            return error_set(err, ERROR_INVALID, "data[\"%s\"] is no base64", json_key(value));
        *total += len;
        json_set_text(data, json_key(value), text);
    }
    return true;
}

static void add_texts(const struct json *map, struct json *data, size_t *total)
{
    JSON_EACH(value, map) {
        const char *text = json_text(value);
        AUTO_FREE char *encoded = base64_encode(text, strlen(text));
        *total += strlen(text);
        json_set_text(data, json_key(value), encoded);
    }
}

/* The JSON under a key; NULL where it is none. What is wrong in it is not repeated. */
static struct json *json_under(const struct json *secret, const char *key)
{
    const char *text = json_get_text(json_get(secret, "data"), key);
    AUTO_FREE char *decoded = NULL;
    size_t len = 0;
    struct error ignored;
    if (text == NULL || !base64_decode(text, strlen(text), &decoded, &len))
        return NULL;
    return json_parse(decoded, len, &ignored);
}

static struct json *auths_of(const struct json *secret)
{
    const char *type = json_get_text(secret, "type");
    if (type != NULL && strcmp(type, "kubernetes.io/dockerconfigjson") == 0)
        return json_under(secret, ".dockerconfigjson");
    if (type == NULL || strcmp(type, "kubernetes.io/dockercfg") != 0)
        return NULL;
    struct json *hosts = json_under(secret, ".dockercfg");
    if (hosts == NULL)
        return NULL;
    struct json *document = json_new_object();
    json_set(document, "auths", hosts);
    return document;
}

/* A Secret that a registry is to be asked with must be one that can. */
static bool type_is_kept(const struct json *secret, struct error *err)
{
    const char *type = json_get_text(secret, "type");
    if (type == NULL || strncmp(type, "kubernetes.io/dockerc", 21) != 0)
        return true;
    AUTO_JSON struct json *document = auths_of(secret);
    const struct json *auths = json_get(document, "auths");
    return (auths != NULL && json_type(auths) == JSON_OBJECT) ||
           error_set(err, ERROR_INVALID, "a Secret of the type %.60s must have the JSON of a Docker configuration%s", type,
                     strcmp(type, "kubernetes.io/dockercfg") == 0 ? " under .dockercfg"
                                                                 : ", with auths, under .dockerconfigjson");
}

/* Kept where it says so. */
static bool keep_immutable(const struct json *document, struct json *out, struct error *err)
{
    const struct json *said = json_get(document, "immutable");
    bool immutable = false;
    if (said != NULL && json_type(said) != JSON_NULL && !json_boolean(said, &immutable))
        return error_set(err, ERROR_INVALID, "immutable must be true or false");
    if (immutable)
        json_set_boolean(out, "immutable", true);
    return true;
}

bool data_may_become(const struct json *now, const struct json *next, struct error *err)
{
    if (!json_get_boolean(now, "immutable", false))
        return true;
    if (!json_get_boolean(next, "immutable", false))
        return error_set(err, ERROR_CONFLICT, "immutable: Forbidden: field is immutable when `immutable` is set");
    AUTO_FREE char *old_text = json_print_canonical(json_get(now, "data"));
    AUTO_FREE char *new_text = json_print_canonical(json_get(next, "data"));
    return strcmp(old_text, new_text) == 0 ||
           error_set(err, ERROR_CONFLICT, "data: Forbidden: field is immutable when `immutable` is set: delete the object first");
}

struct json *secret_read(const struct json *document, struct error *err)
{
    AUTO_JSON struct json *secret = json_new_object();
    const struct json *texts = json_get(document, "stringData"), *encoded = json_get(document, "data");
    const struct json *type = json_get(document, "type");
    size_t total = 0;
    if (type != NULL && json_text(type) == NULL) {
        (void)error_set(err, ERROR_INVALID, "type must be a string");
        return NULL;
    }
    json_set_text(secret, "type", type != NULL && json_text(type)[0] != '\0' ? json_text(type) : "Opaque");
    struct json *data = json_set_object(secret, "data");
    if (!map_is_valid(encoded, "data", err) || !map_is_valid(texts, "stringData", err) ||
        !add_data(encoded, data, &total, err))
        return NULL;
    add_texts(texts, data, &total);
    if (total > DATA_MAX) {
        (void)error_set(err, ERROR_LIMIT, "a Secret has at most %d bytes", DATA_MAX);
        return NULL;
    }
    return keep_immutable(document, secret, err) && type_is_kept(secret, err) ? mem_steal(&secret) : NULL;
}

struct json *config_map_read(const struct json *document, struct error *err)
{
    AUTO_JSON struct json *map = json_new_object();
    const struct json *texts = json_get(document, "data"), *encoded = json_get(document, "binaryData");
    size_t total = 0;
    struct json *data = json_set_object(map, "data");
    if (!map_is_valid(encoded, "binaryData", err) || !map_is_valid(texts, "data", err) ||
        !add_data(encoded, data, &total, err))
        return NULL;
    JSON_EACH(value, texts)
        if (json_get(encoded, json_key(value)) != NULL) {
            (void)error_set(err, ERROR_INVALID, "data and binaryData both have \"%s\"", json_key(value));
            return NULL;
        }
    add_texts(texts, data, &total);
    if (total > DATA_MAX) {
        (void)error_set(err, ERROR_LIMIT, "a ConfigMap has at most %d bytes", DATA_MAX);
        return NULL;
    }
    return keep_immutable(document, map, err) ? mem_steal(&map) : NULL;
}

bool secret_add_auths(const struct json *secret, struct json *auths)
{
    struct json *document = auths_of(secret);
    if (document == NULL)
        return false;
    json_add(auths, document);
    return true;
}
