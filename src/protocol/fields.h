/* Documents by table: what a JSON object may hold, and where it goes in a struct. One table serves reading, hashing,
 * writing and freeing, so the four cannot drift apart. Pure.
 */
#ifndef PROTOCOL_FIELDS_H
#define PROTOCOL_FIELDS_H

#include "base/digest.h"
#include "base/json.h"
#include "davit/limits.h"
#include "model/pod.h"

enum field_type {
    FIELD_TEXT,    /* char * */
    FIELD_TEXTS,   /* struct text_list */
    FIELD_BOOL,    /* bool */
    FIELD_INTEGER, /* int64_t, within [min, max] */
    FIELD_WORD,    /* int64_t: index into words */
    FIELD_FLAG,    /* int64_t: 0, 1, or the fallback (POD_UNSET) where nothing is said */
    FIELD_PORT,    /* char *: a number's digits, or a name */
    FIELD_QUANTITY, /* char *: above 0; a bare number becomes its digits */
    FIELD_JSON,    /* struct json *, as it is; check_json refuses what is wrong */
    FIELD_OBJECT,  /* pointer to a struct; NULL where absent */
    FIELD_OBJECTS  /* struct item_list */
};

struct field_table;

struct field {
    const char *name; /* NULL ends a table */
    enum field_type type;
    size_t offset;
    bool required;
    bool unhashed; /* it says how to get there, not what is to run: no restart when it changes */
    int64_t fallback; /* BOOL, INTEGER, WORD: the value where absent; it hashes to nothing */
    int64_t min, max; /* INTEGER: its range; lists: max is their cap */
    const char *const *words;         /* WORD: ends with NULL */
    const struct field_table *nested; /* OBJECT, OBJECTS */
    bool (*check)(const char *text);  /* TEXT: refuses what is no such value */
    const char *expected;             /* what check wants, for the message */
    bool (*check_json)(const struct json *json, const char *path, struct error *err); /* JSON */
};

/* The first words of an entry: { FIELD("name", FIELD_TEXT, struct volume, name), .required = true }. */
#define FIELD(json, kind, of, member) .name = json, .type = kind, .offset = offsetof(of, member)

struct field_table {
    size_t size; /* of the struct */
    const struct field *fields;
};

size_t field_count(const struct field_table *table);
const struct field *field_named(const struct field_table *table, const char *name); /* NULL: it has none */

/* JSON paths that nothing honours, in the document's order, cut at LIMIT_IGNORED_FIELDS; `count` has all. */
struct ignored_fields {
    struct text_list paths;
    size_t count;
};

void text_list_free(struct text_list *list); /* what it holds */
void ignored_add(struct ignored_fields *ignored, const char *path);
/* Every key of `object` that is not in `known`, which ends with NULL, as PREFIX and the key. */
void ignored_add_others(const struct json *object, const char *prefix, const char *const *known,
                        struct ignored_fields *ignored);
void ignored_free(struct ignored_fields *ignored);

/* Reads `json` into the zeroed struct at `out`. `path` names it in messages ("spec"). Unknown keys go to `ignored`. On
 * error what was read is freed.
 */
MUST_CHECK bool fields_read(const struct field_table *table, const struct json *json, const char *path, void *out,
                            struct ignored_fields *ignored, struct error *err);
/* Adds what is set to the digest: names and values; what is absent or empty, or stands at its fallback, adds nothing. */
void fields_hash(const struct field_table *table, const void *in, struct digest *digest);
/* The JSON again; what is absent or empty, or stands at its fallback, is left out. The caller frees. */
struct json *fields_write(const struct field_table *table, const void *in);
void fields_free(const struct field_table *table, void *in);

#endif
