/* Lines for `davit describe`: a label, its value at a fixed column, and what is long wrapped at 80 columns. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "base/json.h"
#include "cli/verbs.h"

/* `value` NULL or "": no line. Cleaned of control characters. */
void describe_field(int indent, const char *label, const char *value);
void describe_integer(int indent, const char *label, int64_t value);
/* "2026-11-23T08:17:00Z (5m12s ago)". NULL: no line. */
void describe_time(int indent, const char *label, const char *rfc3339);
/* "cpu=500m memory=64Mi"; without any no line. */
void describe_map(int indent, const char *label, const struct json *map);
/* `refusal`: the one of them whose message is told elsewhere; NULL: none. */
void describe_conditions(const struct json *status, const struct json *refusal);
/* A text alone, wrapped at words. */
void describe_text(int indent, const char *text);

enum exit_code describe_nodes(const struct options *options, const char *const *names, size_t count, struct error *err);

#endif
