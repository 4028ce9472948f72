/* kubectl's JSONPath templates: text with {.items[*].metadata.name}, {range .items[*]}…{end}, {"\n"}, indices and slices
 * ([0], [-1], [1:3]), unions (['a','b']), .* and ..name, filters ([?(@.type=="Ready")], also != < <= > >= and presence).
 * What is not there prints nothing. Pure.
 */
#ifndef CLI_JSONPATH_H
#define CLI_JSONPATH_H

#include "base/error.h"
#include "base/json.h"

/* Whether `text` is a template. */
MUST_CHECK bool jsonpath_check(const char *text, struct error *err);
/* A template that has been checked, filled in; several values of one path have `between` between them. The caller frees. */
char *jsonpath_fill(const char *text, const struct json *root, const char *between);
/* What a person writes where a path alone is meant: `.a`, `a` and `{.a}` are `{.a}`. The caller frees. */
char *jsonpath_of_path(const char *text);

#endif
