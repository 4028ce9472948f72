/* Lines for `davit describe`: a label, its value at a fixed column, and what is long wrapped at 80 columns. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "base/json.h"

/* `value` NULL or "": no line. Cleaned of control characters. */
void describe_field(int indent, const char *label, const char *value);
void describe_integer(int indent, const char *label, int64_t value);
/* "2026-11-23T08:17:00Z (5m12s ago)". NULL: no line. */
void describe_time(int indent, const char *label, const char *rfc3339);
/* A text alone, wrapped at words. */
void describe_text(int indent, const char *text);

#endif
