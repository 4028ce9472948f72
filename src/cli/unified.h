/* The difference of two texts, line by line, as `diff -u` prints it. Pure. */
#ifndef CLI_UNIFIED_H
#define CLI_UNIFIED_H

#include <stdbool.h>

#include "base/strbuf.h"

/* Adds two headings and the hunks. False: the texts are the same, and nothing is added. */
bool unified_diff(const char *old_name, const char *new_name, const char *old_text, const char *new_text, struct strbuf *out);

#endif
