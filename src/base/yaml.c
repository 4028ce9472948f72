#include "config.h"

#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"
#include "base/yaml_scalar.h"
#include "davit/limits.h"

struct key {
    char *text;
    yaml_mark_t mark;
};

/* One open list or mapping. */
struct level {
    struct json *container;
    size_t first_key;
    bool key_waits; /* the last key has no value yet */
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    struct json *documents;
    struct level levels[LIMIT_JSON_DEPTH + 1];
    size_t depth; /* of levels in use; 0: the document itself */
    struct key *keys; /* of the mappings that are open, innermost last */
    size_t key_count;
    size_t key_size;
    struct error *err;
};

static bool refuse_at(struct reader *reader, const yaml_mark_t *mark, enum error_code code, const char *what)
{
    return error_set(reader->err, code, "YAML, line %zu, column %zu: %s", mark->line + 1, mark->column + 1, what);
}

static bool refuse(struct reader *reader, enum error_code code, const char *what)
{
    return refuse_at(reader, &reader->event.start_mark, code, what);
}

static bool parser_refuses(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "out of memory";

    if (parser->error == YAML_READER_ERROR)
        return error_set(reader->err, ERROR_INVALID, "YAML, byte %zu: %s", parser->problem_offset, problem);
    return error_set(reader->err, ERROR_INVALID, "YAML, line %zu, column %zu: %s%s%s", parser->problem_mark.line + 1,
                     parser->problem_mark.column + 1, problem, parser->context != NULL ? " " : "",
                     parser->context != NULL ? parser->context : "");
}

/* A value is there: it goes into the innermost container, or is the document. Taken in every case. */
static void value_place(struct reader *reader, struct json *value)
{
    if (reader->depth == 0) {
        if (json_type(value) == JSON_NULL)
            json_free(value);
        else
            json_add(reader->documents, value);
        return;
    }
    struct level *level = &reader->levels[reader->depth - 1];
    if (json_type(level->container) == JSON_ARRAY) {
        json_add(level->container, value);
        return;
    }
    json_append(level->container, reader->keys[reader->key_count - 1].text, value);
    level->key_waits = false;
}

static bool key_is_due(const struct reader *reader)
{
    if (reader->depth == 0)
        return false;
    const struct level *level = &reader->levels[reader->depth - 1];
    return json_type(level->container) == JSON_OBJECT && !level->key_waits;
}

static bool tag_is(const yaml_char_t *tag, const char *name)
{
    return tag == NULL || strcmp((const char *)tag, name) == 0;
}

/* "!" and !!str make a text; another tag would need a meaning that JSON has no place for. */
static bool scalar_is_text(struct reader *reader, bool *text)
{
    const yaml_char_t *tag = reader->event.data.scalar.tag;

    *text = reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (tag == NULL)
        return true;
    *text = true;
    if (tag_is(tag, "!") || tag_is(tag, YAML_STR_TAG))
        return true;
    return refuse(reader, ERROR_UNSUPPORTED, "a tag other than !!str is not supported");
}

static bool key_take(struct reader *reader, const char *text, bool is_text)
{
    if (!is_text && strcmp(text, "<<") == 0)
        return refuse(reader, ERROR_UNSUPPORTED, "merge keys are not supported: write the fields out");
    if (!is_text && yaml_scalar_resolve(text).kind != YAML_SCALAR_TEXT)
        return refuse(reader, ERROR_INVALID, "a key that is no string: quote it");
    if (reader->key_count == reader->key_size) {
        reader->key_size = reader->key_size > 0 ? reader->key_size * 2 : 64;
        reader->keys = mem_resize(reader->keys, reader->key_size, sizeof(*reader->keys));
    }
    reader->keys[reader->key_count++] = (struct key){mem_strdup(text), reader->event.start_mark};
    reader->levels[reader->depth - 1].key_waits = true;
    return true;
}

static bool plain_place(struct reader *reader, const char *text)
{
    struct yaml_resolved resolved = yaml_scalar_resolve(text);

    switch (resolved.kind) {
    case YAML_SCALAR_NULL:
        value_place(reader, json_new_null());
        return true;
    case YAML_SCALAR_BOOL:
        value_place(reader, json_new_boolean(resolved.truth));
        return true;
    case YAML_SCALAR_NUMBER:
        value_place(reader, json_new_number(resolved.number));
        return true;
    case YAML_SCALAR_TEXT:
        value_place(reader, json_new_text(text));
        return true;
    case YAML_SCALAR_REFUSED:
        break;
    }
    return refuse(reader, ERROR_INVALID, resolved.why);
}

static bool on_scalar(struct reader *reader)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    bool is_text;

    if (strlen(text) != reader->event.data.scalar.length)
        return refuse(reader, ERROR_INVALID, "a NUL character in a text");
    if (!scalar_is_text(reader, &is_text))
        return false;
    if (key_is_due(reader))
        return key_take(reader, text, is_text);
    if (!is_text)
        return plain_place(reader, text);
    value_place(reader, json_new_text(text));
    return true;
}

static bool container_open(struct reader *reader, const yaml_char_t *tag, const char *own_tag, bool mapping)
{
    if (key_is_due(reader))
        return refuse(reader, ERROR_INVALID, "a key that is a list or a mapping");
    if (!tag_is(tag, own_tag))
        return refuse(reader, ERROR_UNSUPPORTED, "a tag of its own is not supported");
    if (reader->depth >= LIMIT_JSON_DEPTH)
        return error_set(reader->err, ERROR_LIMIT, "YAML, line %zu: nested deeper than %d",
                         reader->event.start_mark.line + 1, LIMIT_JSON_DEPTH);
    reader->levels[reader->depth++] = (struct level){
        .container = mapping ? json_new_object() : json_new_array(),
        .first_key = reader->key_count,
    };
    return true;
}

static void keys_drop(struct reader *reader, size_t first)
{
    while (reader->key_count > first)
        free(reader->keys[--reader->key_count].text);
}

static int key_compare(const void *left, const void *right)
{
    return strcmp(((const struct key *)left)->text, ((const struct key *)right)->text);
}

/* Sorted, a key that stands twice has itself as a neighbour; a search for each key could take minutes. */
static bool keys_are_single(struct reader *reader, size_t first)
{
    struct key *keys = reader->keys + first;
    size_t count = reader->key_count - first;

    if (count < 2)
        return true;
    qsort(keys, count, sizeof(*keys), key_compare);
    for (size_t i = 1; i < count; i++) {
        if (key_compare(&keys[i - 1], &keys[i]) != 0)
            continue;
        const yaml_mark_t *later = keys[i].mark.index > keys[i - 1].mark.index ? &keys[i].mark : &keys[i - 1].mark;
        return refuse_at(reader, later, ERROR_INVALID, "a key stands here for the second time in its mapping");
    }
    return true;
}

static bool container_close(struct reader *reader)
{
    struct level *level = &reader->levels[reader->depth - 1];

    if (!keys_are_single(reader, level->first_key))
        return false;
    keys_drop(reader, level->first_key);
    reader->depth--;
    value_place(reader, mem_steal(&level->container));
    return true;
}

static bool event_take(struct reader *reader)
{
    switch (reader->event.type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(reader);
    case YAML_SEQUENCE_START_EVENT:
        return container_open(reader, reader->event.data.sequence_start.tag, YAML_SEQ_TAG, false);
    case YAML_MAPPING_START_EVENT:
        return container_open(reader, reader->event.data.mapping_start.tag, YAML_MAP_TAG, true);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return container_close(reader);
    case YAML_ALIAS_EVENT:
        return refuse(reader, ERROR_UNSUPPORTED, "aliases are not supported: write the content out");
    default:
        return true; /* where streams and documents start and end */
    }
}

static bool events_read(struct reader *reader)
{
    for (bool done = false; !done;) {
        if (!yaml_parser_parse(&reader->parser, &reader->event))
            return parser_refuses(reader);
        done = reader->event.type == YAML_STREAM_END_EVENT;
        bool ok = event_take(reader);
        yaml_event_delete(&reader->event);
        if (!ok)
            return false;
    }
    return true;
}

static struct json *json_document(const char *text, size_t len, struct error *err)
{
    struct json *document = json_parse(text, len, err);

    if (document == NULL)
        return NULL;
    struct json *documents = json_new_array();
    json_add(documents, document);
    return documents;
}

struct json *yaml_parse(const char *text, size_t len, struct error *err)
{
    struct reader reader = {.err = err};

    if (len > 0 && (text[0] == '{' || text[0] == '['))
        return json_document(text, len, err);
    if (!yaml_parser_initialize(&reader.parser)) {
        error_set(err, ERROR_INTERNAL, "libyaml gave no parser");
        return NULL;
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
    reader.documents = json_new_array();
    bool ok = events_read(&reader);
    while (reader.depth > 0)
        json_free(reader.levels[--reader.depth].container);
    keys_drop(&reader, 0);
    free(reader.keys);
    yaml_parser_delete(&reader.parser);
    if (!ok)
        json_free(mem_steal(&reader.documents));
    return reader.documents;
}
