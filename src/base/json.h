/* JSON, strictly: RFC 8259, UTF-8 checked, no key twice, no number that loses digits, a cap on depth.
 * The only user of cJSON. A `struct json` is a tree; a child belongs to its parent, a root to its holder.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

struct json; /* opaque */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Reading. `text` needs no NUL. The message names the byte offset. NULL on error. */
MUST_CHECK struct json *json_parse(const char *text, size_t len, struct error *err);
void json_free(struct json *json); /* NULL is fine */
void json_free_at(struct json **json);
#define AUTO_JSON __attribute__((cleanup(json_free_at)))

enum json_type json_type(const struct json *json); /* NULL: JSON_NULL */
const char *json_type_name(enum json_type type); /* "string", "object" … */
const struct json *json_get(const struct json *object, const char *key); /* NULL: absent, or not an object */
struct json *json_get_mutable(struct json *object, const char *key);
size_t json_size(const struct json *container);                          /* array or object; else 0 */
const struct json *json_first(const struct json *container);             /* array or object; NULL at the end */
const struct json *json_next(const struct json *child);
const char *json_key(const struct json *child); /* of an object's child; "" of an array's: never NULL, for whoever sends a document chooses */
#define JSON_EACH(child, container) \
    for (const struct json *child = json_first(container); child != NULL; child = json_next(child))

/* Typed looks at a value; false / NULL where it has another type. */
const char *json_text(const struct json *value);
bool json_number(const struct json *value, double *out);
bool json_integer(const struct json *value, int64_t *out); /* whole numbers up to 2^53 only */
bool json_boolean(const struct json *value, bool *out);
/* The same by key, with a fallback for "absent or another type". */
const char *json_get_text(const struct json *object, const char *key); /* NULL */
int64_t json_get_integer(const struct json *object, const char *key, int64_t fallback);
bool json_get_boolean(const struct json *object, const char *key, bool fallback);

/* Writing. `set` replaces. Texts are copied, trees are taken. The child that was added is returned. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_text(const char *text);
struct json *json_new_integer(int64_t value); /* beyond 2^53 the nearest double */
struct json *json_new_number(double value);
struct json *json_new_boolean(bool value);
struct json *json_new_null(void);
struct json *json_copy(const struct json *json);
void json_set(struct json *object, const char *key, struct json *taken);
void json_append(struct json *object, const char *key, struct json *taken); /* `key` is not there yet: no search */
void json_set_text(struct json *object, const char *key, const char *text); /* NULL text: nothing is set */
void json_set_integer(struct json *object, const char *key, int64_t value);
void json_set_boolean(struct json *object, const char *key, bool value);
struct json *json_set_object(struct json *object, const char *key);
struct json *json_set_array(struct json *object, const char *key);
void json_add(struct json *array, struct json *taken);
void json_add_text(struct json *array, const char *text);
struct json *json_add_object(struct json *array);
void json_remove(struct json *object, const char *key);
/* As if read from `{"key":"value",…}`: head of a frame in one line. Ends with NULL. */
struct json *json_new_texts(const char *key, const char *value, ...) __attribute__((sentinel));

/* Bytes that are no UTF-8 come out as U+FFFD: what is printed can always be read again. */
char *json_print(const struct json *json);        /* compact; the caller frees */
char *json_print_pretty(const struct json *json); /* two spaces; for people */
/* Compact with sorted keys: equal content gives equal bytes. */
char *json_print_canonical(const struct json *json);

#endif
