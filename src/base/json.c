#include "config.h"

#include "base/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_check.h"
#include "base/memory.h"
#include "base/number.h"

/* struct json is cJSON's node under another name; these casts are the only place that knows. */
static cJSON *node(const struct json *json)
{
    return (cJSON *)(uintptr_t)json;
}

static struct json *wrap(cJSON *made)
{
    return (struct json *)made;
}

/* cJSON returns NULL only when memory is out. */
static cJSON *need(cJSON *made)
{
    if (made == NULL)
        abort();
    return made;
}

struct json *json_parse(const char *text, size_t len, struct error *err)
{
    if (!json_check(text, len, err))
        return NULL;
    cJSON *made = cJSON_ParseWithLengthOpts(text, len, NULL, false);
    if (made == NULL)
        error_set(err, ERROR_INTERNAL, "JSON that passed the check was not parsed");
    return wrap(made);
}

void json_free(struct json *json)
{
    cJSON_Delete(node(json));
}

void json_free_at(struct json **json)
{
    json_free(*json);
}

enum json_type json_type(const struct json *json)
{
    if (json == NULL)
        return JSON_NULL;
    switch (node(json)->type & 0xff) {
    case cJSON_False:
    case cJSON_True:
        return JSON_BOOL;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};

    return names[type];
}

const struct json *json_get(const struct json *object, const char *key)
{
    return wrap(cJSON_IsObject(node(object)) ? cJSON_GetObjectItemCaseSensitive(node(object), key) : NULL);
}

struct json *json_get_mutable(struct json *object, const char *key)
{
    return wrap(cJSON_IsObject(node(object)) ? cJSON_GetObjectItemCaseSensitive(node(object), key) : NULL);
}

static bool is_container(const struct json *json)
{
    return cJSON_IsObject(node(json)) || cJSON_IsArray(node(json));
}

size_t json_size(const struct json *container)
{
    return is_container(container) ? (size_t)cJSON_GetArraySize(node(container)) : 0;
}

const struct json *json_first(const struct json *container)
{
    return is_container(container) ? wrap(node(container)->child) : NULL;
}

const struct json *json_next(const struct json *child)
{
    return wrap(node(child)->next);
}

const char *json_key(const struct json *child)
{
    return node(child)->string != NULL ? node(child)->string : "";
}

const char *json_text(const struct json *value)
{
    return cJSON_IsString(node(value)) ? node(value)->valuestring : NULL;
}

bool json_number(const struct json *value, double *out)
{
    if (!cJSON_IsNumber(node(value)))
        return false;
    *out = node(value)->valuedouble;
    return true;
}

bool json_integer(const struct json *value, int64_t *out)
{
    double number;

    if (!json_number(value, &number) || floor(number) != number || fabs(number) > (double)NUMBER_INTEGER_MAX)
        return false;
    *out = (int64_t)number;
    return true;
}

bool json_boolean(const struct json *value, bool *out)
{
    if (!cJSON_IsBool(node(value)))
        return false;
    *out = cJSON_IsTrue(node(value));
    return true;
}

const char *json_get_text(const struct json *object, const char *key)
{
    return json_text(json_get(object, key));
}

int64_t json_get_integer(const struct json *object, const char *key, int64_t fallback)
{
    int64_t value;

    return json_integer(json_get(object, key), &value) ? value : fallback;
}

bool json_get_boolean(const struct json *object, const char *key, bool fallback)
{
    bool value;

    return json_boolean(json_get(object, key), &value) ? value : fallback;
}

struct json *json_new_object(void)
{
    return wrap(need(cJSON_CreateObject()));
}

struct json *json_new_array(void)
{
    return wrap(need(cJSON_CreateArray()));
}

struct json *json_new_text(const char *text)
{
    return wrap(need(cJSON_CreateString(text)));
}

struct json *json_new_integer(int64_t value)
{
    return json_new_number((double)value);
}

struct json *json_new_number(double value)
{
    return wrap(need(cJSON_CreateNumber(value)));
}

struct json *json_new_boolean(bool value)
{
    return wrap(need(cJSON_CreateBool(value)));
}

struct json *json_new_null(void)
{
    return wrap(need(cJSON_CreateNull()));
}

struct json *json_copy(const struct json *json)
{
    return wrap(need(cJSON_Duplicate(node(json), true)));
}

void json_set(struct json *object, const char *key, struct json *taken)
{
    cJSON *old = cJSON_GetObjectItemCaseSensitive(node(object), key);
    bool ok = old != NULL ? cJSON_ReplaceItemInObjectCaseSensitive(node(object), key, node(taken))
                          : cJSON_AddItemToObject(node(object), key, node(taken));

    if (!ok)
        abort();
}

void json_append(struct json *object, const char *key, struct json *taken)
{
    if (!cJSON_AddItemToObject(node(object), key, node(taken)))
        abort();
}

void json_set_text(struct json *object, const char *key, const char *text)
{
    if (text != NULL)
        json_set(object, key, json_new_text(text));
}

void json_set_integer(struct json *object, const char *key, int64_t value)
{
    json_set(object, key, json_new_integer(value));
}

void json_set_boolean(struct json *object, const char *key, bool value)
{
    json_set(object, key, json_new_boolean(value));
}

struct json *json_set_object(struct json *object, const char *key)
{
    struct json *made = json_new_object();

    json_set(object, key, made);
    return made;
}

struct json *json_set_array(struct json *object, const char *key)
{
    struct json *made = json_new_array();

    json_set(object, key, made);
    return made;
}

void json_add(struct json *array, struct json *taken)
{
    if (!cJSON_AddItemToArray(node(array), node(taken)))
        abort();
}

void json_add_text(struct json *array, const char *text)
{
    json_add(array, json_new_text(text));
}

struct json *json_add_object(struct json *array)
{
    struct json *made = json_new_object();

    json_add(array, made);
    return made;
}

void json_remove(struct json *object, const char *key)
{
    cJSON_DeleteItemFromObjectCaseSensitive(node(object), key);
}

struct json *json_new_texts(const char *key, const char *value, ...)
{
    struct json *object = json_new_object();
    va_list args;

    va_start(args, value);
    while (key != NULL) {
        json_set_text(object, key, value);
        key = va_arg(args, const char *);
        if (key != NULL)
            value = va_arg(args, const char *);
    }
    va_end(args);
    return object;
}
