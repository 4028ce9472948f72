/* What an object was before: rows of the store to the answer of a request. Pure. docs/protocol.md, Requests. */
#ifndef PROTOCOL_REVISION_H
#define PROTOCOL_REVISION_H

#include "base/json.h"
#include "model/object_id.h"

/* Kinds whose documents a person goes back to. Never what holds secrets. */
bool revision_is_kept(const char *resource);
/* `rows`: as store_ask_revisions has them. Puts "revisions" into the answer, and, of `wanted` (0: none), "document". False:
 * there is no such revision.
 */
MUST_CHECK bool revisions_write(const struct json *rows, int64_t wanted, struct json *answer);

#endif
