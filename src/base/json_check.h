/* The look at JSON text before it is parsed. Lenient parsers differ, and a document that two programs read differently
 * is a hole: what is refused here is all of it.
 */
#ifndef BASE_JSON_CHECK_H
#define BASE_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* RFC 8259 and nothing behind it but white space; UTF-8; LIMIT_JSON_DEPTH; no key twice; no number that a double would
 * change (base/number.h); no \u0000 and no half surrogate. ERROR_INVALID, or ERROR_LIMIT for the depth; the message
 * names the byte offset.
 */
MUST_CHECK bool json_check(const char *text, size_t len, struct error *err);

#endif
