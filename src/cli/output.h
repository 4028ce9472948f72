/* -o: objects as JSON, YAML or names, in place of a table. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>

#include "base/json.h"
#include "cli/options.h"

enum output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_NAME, OUTPUT_JSONPATH, OUTPUT_COLUMNS };

/* The last two are `davit get`'s own. */
MUST_CHECK bool output_parse(const struct options *options, enum output *output, struct error *err);
/* One object, or a v1 List of all (`single` false). OUTPUT_NAME prints a line for each object. */
void output_objects(enum output output, const struct json *objects, bool single);
/* One line, or with YAML one document, for a change that -w saw. */
void output_change(enum output output, const struct json *object);

#endif
