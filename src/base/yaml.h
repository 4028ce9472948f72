/* YAML as kubectl reads it, turned into JSON: several documents, plain scalars resolved as YAML 1.1 does for
 * true/false/null/integers/floats, every other scalar a string. Aliases and merge keys are
 * copies, with caps (yaml_anchor.h). Tags of its own, a key twice, a key that is no string are refused. The only user of libyaml.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/json.h"

/* A JSON array with one element a document (empty documents are left out). JSON text is YAML too, and is read by
 * json_parse when the first byte is `{` or `[`. The message names line and column. NULL on error.
 */
MUST_CHECK struct json *yaml_parse(const char *text, size_t len, struct error *err);

#endif
