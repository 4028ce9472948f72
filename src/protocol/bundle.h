/* A bundle: a v1 List of desired objects. Pure. docs/protocol.md, Bundles. */
#ifndef PROTOCOL_BUNDLE_H
#define PROTOCOL_BUNDLE_H

#include "protocol/document.h"

/* Reads the List itself: `document` has its order and its content, and its items, an array, as `data` (NULL: a tombstone).
 * What the items say is not looked at. False: refused, as InvalidJSON TooLarge TooManyObjects UnsupportedKind InvalidGeneration
 * InvalidDocument; nothing is to be freed then.
 */
MUST_CHECK bool bundle_read(const char *data, size_t len, struct document *document, struct refusal *refusal);
/* One of its items. False: refused, with its place in the message. */
MUST_CHECK bool bundle_read_item(const struct json *item, size_t index, size_t max_bytes, struct document *document,
                                 struct refusal *refusal);

#endif
