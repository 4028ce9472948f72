#include "protocol/fields.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "model/quantity.h"

static void *at(const struct field *field, const void *base)
{
    return (char *)(uintptr_t)base + field->offset;
}

void ignored_add(struct ignored_fields *ignored, const char *path)
{
    ignored->count++;
    if (ignored->paths.count >= LIMIT_IGNORED_FIELDS)
        return;
    ignored->paths.items = mem_resize(ignored->paths.items, ignored->paths.count + 1, sizeof(char *));
    ignored->paths.items[ignored->paths.count++] = mem_strdup(path);
}

void ignored_add_others(const struct json *object, const char *prefix, const char *const *known,
                        struct ignored_fields *ignored)
{
    JSON_EACH(child, object) {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], json_key(child)) != 0)
            i++;
        AUTO_FREE char *path = mem_printf("%s%s", prefix, json_key(child));
        if (known[i] == NULL)
            ignored_add(ignored, path);
    }
}

void text_list_free(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    memset(list, 0, sizeof(*list));
}

void ignored_free(struct ignored_fields *ignored)
{
    text_list_free(&ignored->paths);
    ignored->count = 0;
}

static bool wrong_type(const struct json *json, const char *path, const char *wanted, struct error *err)
{
    return error_set(err, ERROR_INVALID, "%s must be %s, not %s", path, wanted, json_type_name(json_type(json)));
}

static bool read_text(const struct field *field, const struct json *json, const char *path, void *to, struct error *err)
{
    const char *text = json_text(json);
    if (text == NULL)
        return wrong_type(json, path, "a string", err);
    if (field->required && text[0] == '\0')
        return error_set(err, ERROR_INVALID, "%s: Required value", path);
    if (field->check != NULL && text[0] == '\0') /* Kubernetes: the same as none */
        return true;
    if (field->check != NULL && !field->check(text))
        return error_set(err, ERROR_INVALID, "%s: Invalid value: \"%.80s\": must be a %s", path, text, field->expected);
    *(char **)to = mem_strdup(text);
    return true;
}

static bool read_texts(const struct field *field, const struct json *json, const char *path, void *to, struct error *err)
{
    struct text_list *list = to;
    if (json_type(json) != JSON_ARRAY)
        return wrong_type(json, path, "an array of strings", err);
    if (json_size(json) > (size_t)field->max)
        return error_set(err, ERROR_LIMIT, "%s has more than %" PRId64 " elements", path, field->max);
    list->items = mem_array(json_size(json) + 1, sizeof(char *));
    JSON_EACH(element, json) {
        const char *text = json_text(element);
        if (text == NULL)
            return wrong_type(element, path, "an array of strings", err);
        list->items[list->count++] = mem_strdup(text);
    }
    return true;
}

static bool read_bool(const struct field *field, const struct json *json, const char *path, void *to, struct error *err)
{
    (void)field;
    return json_boolean(json, to) || wrong_type(json, path, "true or false", err);
}

static bool read_integer(const struct field *field, const struct json *json, const char *path, void *to,
                         struct error *err)
{
    int64_t value = 0;
    if (!json_integer(json, &value))
        return wrong_type(json, path, "a whole number", err);
    if (value < 0 && field->min == 0)
        return error_set(err, ERROR_INVALID, "%s: Invalid value: %" PRId64 ": must be greater than or equal to 0", path, value);
    if (value < field->min || value > field->max)
        return error_set(err, ERROR_INVALID, "%s: Invalid value: %" PRId64 ": must be between %" PRId64 " and %" PRId64
                         ", inclusive", path, value, field->min, field->max);
    *(int64_t *)to = value;
    return true;
}

/* "A", "B": what may stand there. The empty word is what is not said. The caller frees. */
static char *list_words(const char *const *words)
{
    AUTO_STRBUF struct strbuf list;
    strbuf_init(&list, 1024);
    for (; *words != NULL; words++)
        if (**words != '\0')
            strbuf_printf(&list, "%s\"%s\"", list.len > 0 ? ", " : "", *words);
    return strbuf_steal(&list);
}

static bool read_word(const struct field *field, const struct json *json, const char *path, void *to, struct error *err)
{
    const char *text = json_text(json);
    if (text == NULL)
        return wrong_type(json, path, "a string", err);
    for (int64_t i = 0; field->words[i] != NULL; i++)
        if (strcmp(field->words[i], text) == 0) {
            *(int64_t *)to = i;
            return true;
        }
    AUTO_FREE char *known = list_words(field->words);
    return error_set(err, ERROR_INVALID, "%s: Unsupported value: \"%.80s\": supported values: %s", path, text, known);
}

static bool read_flag(const struct field *field, const struct json *json, const char *path, void *to, struct error *err)
{
    bool value = false;
    if (!read_bool(field, json, path, &value, err))
        return false;
    *(int64_t *)to = value;
    return true;
}

/* Kubernetes: IntOrString. */
static bool read_port(const struct field *field, const struct json *json, const char *path, void *to, struct error *err)
{
    int64_t number = 0;
    const char *text = json_text(json);
    (void)field;
    if (text == NULL && json_integer(json, &number) && number >= 1 && number <= 65535) {
        *(char **)to = mem_printf("%" PRId64, number);
        return true;
    }
    if (text == NULL || text[0] == '\0' || strlen(text) > LIMIT_LABEL_BYTES)
        return error_set(err, ERROR_INVALID, "%s: Invalid value: must be between 1 and 65535, inclusive, or the name of a port",
                         path);
    *(char **)to = mem_strdup(text);
    return true;
}

/* Kubernetes: Quantity. */
static bool read_quantity(const struct field *field, const struct json *json, const char *path, void *to, struct error *err)
{
    int64_t number = 0;
    AUTO_FREE char *digits = json_integer(json, &number) ? mem_printf("%" PRId64, number) : NULL;
    const char *text = digits != NULL ? digits : json_text(json);
    if (text == NULL)
        return wrong_type(json, path, "a quantity", err);
    if (text[0] == '\0' && !field->required)
        return true;
    if (!quantity_read(text, 1, &number) || number <= 0)
        return error_set(err, ERROR_INVALID, "%s: Invalid value: \"%.80s\": must be a quantity above 0, as 512Mi", path, text);
    *(char **)to = mem_strdup(text);
    return true;
}

static bool read_raw(const struct field *field, const struct json *json, const char *path, void *to, struct error *err)
{
    if (!field->check_json(json, path, err))
        return false;
    *(struct json **)to = json_copy(json);
    return true;
}

static bool read_objects(const struct field *field, const struct json *json, const char *path, struct item_list *list,
                         struct ignored_fields *ignored, struct error *err)
{
    if (json_type(json) != JSON_ARRAY)
        return wrong_type(json, path, "an array", err);
    if (json_size(json) > (size_t)field->max)
        return error_set(err, ERROR_LIMIT, "%s has more than %" PRId64 " elements", path, field->max);
    list->items = mem_array(json_size(json) + 1, field->nested->size);
    JSON_EACH(element, json) {
        AUTO_FREE char *below = mem_printf("%s[%zu]", path, list->count);
        if (!fields_read(field->nested, element, below, (char *)list->items + list->count * field->nested->size, ignored,
                         err))
            return false;
        list->count++;
    }
    return true;
}

static bool read_one(const struct field *field, const struct json *json, const char *path, void *to,
                     struct ignored_fields *ignored, struct error *err)
{
    static bool (*const readers[])(const struct field *, const struct json *, const char *, void *, struct error *) = {
        [FIELD_TEXT] = read_text, [FIELD_TEXTS] = read_texts,     [FIELD_BOOL] = read_bool,
        [FIELD_WORD] = read_word, [FIELD_INTEGER] = read_integer, [FIELD_FLAG] = read_flag,
        [FIELD_PORT] = read_port, [FIELD_JSON] = read_raw,        [FIELD_OBJECTS] = NULL,
        [FIELD_QUANTITY] = read_quantity,
    };
    if (readers[field->type] != NULL)
        return readers[field->type](field, json, path, to, err);
    if (field->type == FIELD_OBJECT) {
        void *nested = mem_alloc(field->nested->size);
        if (fields_read(field->nested, json, path, nested, ignored, err)) {
            *(void **)to = nested;
            return true;
        }
        free(nested);
        return false;
    }
    return read_objects(field, json, path, to, ignored, err);
}

const struct field *field_named(const struct field_table *table, const char *name)
{
    for (const struct field *field = table->fields; field->name != NULL; field++)
        if (strcmp(field->name, name) == 0)
            return field;
    return NULL;
}

size_t field_count(const struct field_table *table)
{
    size_t count = 0;
    while (table->fields[count].name != NULL)
        count++;
    return count;
}

static bool is_scalar(const struct field *field)
{
    return field->type == FIELD_BOOL || field->type == FIELD_INTEGER || field->type == FIELD_WORD ||
           field->type == FIELD_FLAG;
}

static bool is_text(const struct field *field)
{
    return field->type == FIELD_TEXT || field->type == FIELD_PORT || field->type == FIELD_QUANTITY;
}

static int64_t scalar(const struct field *field, const void *in)
{
    return field->type == FIELD_BOOL ? (int64_t)*(const bool *)at(field, in) : *(const int64_t *)at(field, in);
}

static void set_fallbacks(const struct field_table *table, void *out)
{
    for (const struct field *field = table->fields; field->name != NULL; field++) {
        if (field->type == FIELD_BOOL)
            *(bool *)at(field, out) = field->fallback != 0;
        else if (is_scalar(field))
            *(int64_t *)at(field, out) = field->fallback;
    }
}

static bool read_known(const struct field_table *table, const struct json *json, const char *path, void *out,
                       struct ignored_fields *ignored, struct error *err)
{
    JSON_EACH(child, json) {
        AUTO_FREE char *below = mem_printf("%s%s%s", path, path[0] != '\0' ? "." : "", json_key(child));
        const struct field *field = field_named(table, json_key(child));
        if (field == NULL) {
            ignored_add(ignored, below);
            continue;
        }
        /* Kubernetes: null is the same as absent. */
        if (json_type(child) != JSON_NULL && !read_one(field, child, below, at(field, out), ignored, err))
            return false;
    }
    for (const struct field *field = table->fields; field->name != NULL; field++) {
        const struct json *value = field->required ? json_get(json, field->name) : NULL;
        bool empty = value == NULL || json_type(value) == JSON_NULL ||
                     (json_type(value) == JSON_ARRAY && json_size(value) == 0);
        if (field->required && empty)
            return error_set(err, ERROR_INVALID, "%s.%s: Required value", path, field->name);
    }
    return true;
}

bool fields_read(const struct field_table *table, const struct json *json, const char *path, void *out,
                 struct ignored_fields *ignored, struct error *err)
{
    if (json_type(json) != JSON_OBJECT)
        return wrong_type(json, path, "an object", err);
    set_fallbacks(table, out);
    if (read_known(table, json, path, out, ignored, err))
        return true;
    fields_free(table, out);
    return false;
}

static void hash_value(const struct field *field, const void *value, struct digest *digest)
{
    if (is_text(field)) {
        digest_add_text(digest, *(char *const *)value);
    } else if (field->type == FIELD_JSON) {
        AUTO_FREE char *text = json_print_canonical(*(struct json *const *)value);
        digest_add_text(digest, text);
    } else if (field->type == FIELD_TEXTS) {
        /* The count keeps a word from being taken for the end of the list. */
        const struct text_list *list = value;
        AUTO_FREE char *count = mem_printf("%zu", list->count);
        digest_add_text(digest, count);
        for (size_t i = 0; i < list->count; i++)
            digest_add_text(digest, list->items[i]);
    } else if (field->type == FIELD_OBJECT) {
        fields_hash(field->nested, *(void *const *)value, digest);
    } else if (field->type == FIELD_OBJECTS) {
        const struct item_list *list = value;
        for (size_t i = 0; i < list->count; i++) {
            fields_hash(field->nested, (const char *)list->items + i * field->nested->size, digest);
            digest_add_text(digest, ";");
        }
    }
}

static bool is_set(const struct field *field, const void *in)
{
    const void *value = at(field, in);
    if (is_scalar(field))
        return scalar(field, in) != field->fallback;
    if (field->type == FIELD_TEXTS)
        return ((const struct text_list *)value)->count > 0;
    if (field->type == FIELD_OBJECTS)
        return ((const struct item_list *)value)->count > 0;
    if (is_text(field)) /* Kubernetes: an empty text is the same as none */
        return *(char *const *)value != NULL && **(char *const *)value != '\0';
    return *(void *const *)value != NULL;
}

void fields_hash(const struct field_table *table, const void *in, struct digest *digest)
{
    for (const struct field *field = table->fields; field->name != NULL; field++) {
        if (field->unhashed || !is_set(field, in))
            continue;
        digest_add_text(digest, field->name);
        if (is_scalar(field)) {
            AUTO_FREE char *number = mem_printf("%" PRId64, scalar(field, in));
            digest_add_text(digest, number);
        } else {
            hash_value(field, at(field, in), digest);
        }
        digest_add_text(digest, "}");
    }
}

static struct json *write_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return text[digits] == '\0' ? json_new_integer(strtoll(text, NULL, 10)) : json_new_text(text);
}

static struct json *write_value(const struct field *field, const void *in)
{
    const void *value = at(field, in);
    struct json *array = NULL;
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_QUANTITY:
        return json_new_text(*(char *const *)value);
    case FIELD_PORT:
        return write_port(*(char *const *)value);
    case FIELD_JSON:
        return json_copy(*(struct json *const *)value);
    case FIELD_WORD:
        return json_new_text(field->words[scalar(field, in)]);
    case FIELD_OBJECT:
        return fields_write(field->nested, *(void *const *)value);
    case FIELD_TEXTS:
        array = json_new_array();
        for (size_t i = 0; i < ((const struct text_list *)value)->count; i++)
            json_add_text(array, ((const struct text_list *)value)->items[i]);
        return array;
    case FIELD_OBJECTS:
        array = json_new_array();
        for (size_t i = 0; i < ((const struct item_list *)value)->count; i++)
            json_add(array, fields_write(field->nested, (const char *)((const struct item_list *)value)->items +
                                                            i * field->nested->size));
        return array;
    case FIELD_BOOL:
    case FIELD_FLAG:
    case FIELD_INTEGER:
        break;
    }
    return json_new_integer(scalar(field, in));
}

struct json *fields_write(const struct field_table *table, const void *in)
{
    struct json *json = json_new_object();
    for (const struct field *field = table->fields; field->name != NULL; field++) {
        if (!is_set(field, in))
            continue;
        if (field->type == FIELD_BOOL || field->type == FIELD_FLAG)
            json_set_boolean(json, field->name, scalar(field, in) != 0);
        else
            json_set(json, field->name, write_value(field, in));
    }
    return json;
}

void fields_free(const struct field_table *table, void *in)
{
    for (const struct field *field = table->fields; field->name != NULL; field++) {
        void *value = at(field, in);
        if (is_text(field)) {
            free(*(char **)value);
        } else if (field->type == FIELD_JSON) {
            json_free(*(struct json **)value);
        } else if (field->type == FIELD_TEXTS) {
            text_list_free(value);
        } else if (field->type == FIELD_OBJECT && *(void **)value != NULL) {
            fields_free(field->nested, *(void **)value);
            free(*(void **)value);
        } else if (field->type == FIELD_OBJECTS) {
            struct item_list *list = value;
            for (size_t i = 0; i < list->count; i++)
                fields_free(field->nested, (char *)list->items + i * field->nested->size);
            free(list->items);
        }
    }
    memset(in, 0, table->size);
}
