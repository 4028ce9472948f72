#include "config.h"

#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"
#include "base/yaml_anchor.h"
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
    bool merge_waits; /* and it is <<, which stands in no list of keys */
    struct json *merges; /* what << said; NULL: nothing */
    char *anchor;   /* NULL: it has none */
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
    struct yaml_anchors anchors;
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
    if (level->merge_waits) {
        if (level->merges == NULL)
            level->merges = json_new_array();
        json_add(level->merges, value);
    } else {
        json_append(level->container, reader->keys[reader->key_count - 1].text, value);
    }
    level->key_waits = level->merge_waits = false;
}

/* The same of what may have a name. */
static bool value_place_as(struct reader *reader, const char *anchor, struct json *value)
{
    const char *why = anchor != NULL ? yaml_anchor_set(&reader->anchors, anchor, value) : NULL;
    value_place(reader, value);
    return why == NULL || refuse(reader, ERROR_LIMIT, why);
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
    struct level *level = &reader->levels[reader->depth - 1];

    if (!is_text && strcmp(text, "<<") == 0) {
        level->key_waits = level->merge_waits = true;
        return true;
    }
    if (!is_text && yaml_scalar_resolve(text).kind != YAML_SCALAR_TEXT)
        return refuse(reader, ERROR_INVALID, "a key that is no string: quote it");
    if (reader->key_count == reader->key_size) {
        reader->key_size = reader->key_size > 0 ? reader->key_size * 2 : 64;
        reader->keys = mem_resize(reader->keys, reader->key_size, sizeof(*reader->keys));
    }
    reader->keys[reader->key_count++] = (struct key){mem_strdup(text), reader->event.start_mark};
    level->key_waits = true;
    return true;
}

static bool plain_place(struct reader *reader, const char *text)
{
    struct yaml_resolved resolved = yaml_scalar_resolve(text);
    const char *anchor = (const char *)reader->event.data.scalar.anchor;

    switch (resolved.kind) {
    case YAML_SCALAR_NULL:
        return value_place_as(reader, anchor, json_new_null());
    case YAML_SCALAR_BOOL:
        return value_place_as(reader, anchor, json_new_boolean(resolved.truth));
    case YAML_SCALAR_NUMBER:
        return value_place_as(reader, anchor, json_new_number(resolved.number));
    case YAML_SCALAR_TEXT:
        return value_place_as(reader, anchor, json_new_text(text));
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
    return value_place_as(reader, (const char *)reader->event.data.scalar.anchor, json_new_text(text));
}

static bool on_alias(struct reader *reader)
{
    const char *why;

    if (key_is_due(reader))
        return refuse(reader, ERROR_INVALID, "a key that is an alias: write it out");
    struct json *value = yaml_anchor_copy(&reader->anchors, (const char *)reader->event.data.alias.anchor, reader->depth, &why);
    if (value == NULL)
        return refuse(reader, ERROR_INVALID, why);
    value_place(reader, value);
    return true;
}

static bool container_open(struct reader *reader, const yaml_char_t *tag, const yaml_char_t *anchor, const char *own_tag, bool mapping)
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
        .anchor = anchor != NULL ? mem_strdup((const char *)anchor) : NULL,
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

static void level_drop(struct reader *reader)
{
    struct level *level = &reader->levels[--reader->depth];

    json_free(level->container);
    json_free(level->merges);
    free(level->anchor);
}

static bool container_close(struct reader *reader)
{
    struct level *level = &reader->levels[reader->depth - 1];

    if (!keys_are_single(reader, level->first_key))
        return false;
    keys_drop(reader, level->first_key);
    const char *why = yaml_anchor_merge(&reader->anchors, level->container, level->merges);
    if (why != NULL)
        return refuse(reader, ERROR_INVALID, why);
    AUTO_FREE char *anchor = mem_steal(&level->anchor);
    struct json *container = mem_steal(&level->container);
    level_drop(reader);
    return value_place_as(reader, anchor, container);
}

static bool event_take(struct reader *reader)
{
    switch (reader->event.type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(reader);
    case YAML_SEQUENCE_START_EVENT:
        return container_open(reader, reader->event.data.sequence_start.tag, reader->event.data.sequence_start.anchor, YAML_SEQ_TAG, false);
    case YAML_MAPPING_START_EVENT:
        return container_open(reader, reader->event.data.mapping_start.tag, reader->event.data.mapping_start.anchor, YAML_MAP_TAG, true);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return container_close(reader);
    case YAML_ALIAS_EVENT:
        return on_alias(reader);
    case YAML_DOCUMENT_END_EVENT:
        yaml_anchors_clear(&reader->anchors);
        return true;
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

static bool is_utf16(const char *text, size_t len)
{
    return len >= 2 && ((text[0] == '\xff' && text[1] == '\xfe') || (text[0] == '\xfe' && text[1] == '\xff'));
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

/* libyaml counts a byte order mark as a column, and finds the next line too far to the left. */
static size_t mark_bytes(const char *text, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";

    return len >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
}

struct json *yaml_parse(const char *whole, size_t whole_len, struct error *err)
{
    struct reader reader = {.err = err};
    size_t skipped = mark_bytes(whole, whole_len), len = whole_len - skipped;
    const char *text = whole + skipped;

    if (is_utf16(text, len)) {
        error_set(err, ERROR_INVALID, "UTF-16, as PowerShell's > writes it: save it as UTF-8");
        return NULL;
    }
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
        level_drop(&reader);
    keys_drop(&reader, 0);
    yaml_anchors_clear(&reader.anchors);
    free(reader.keys);
    yaml_parser_delete(&reader.parser);
    if (!ok)
        json_free(mem_steal(&reader.documents));
    return reader.documents;
}
