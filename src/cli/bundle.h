/* A bundle: one List that is all of what it brings to a node (docs/protocol.md). */
#ifndef CLI_BUNDLE_H
#define CLI_BUNDLE_H

#include <stdio.h>

#include "cli/change.h"
#include "cli/manifest.h"

/* The List of the manifest's objects, without a generation. The caller frees. */
struct json *bundle_of(const struct manifest *manifest);
/* Of the object in the bundle that the target's node has now. NULL: not in it. */
const struct json *bundle_find(const struct target *bundle, const struct object_id *id);
/* What the node's bundle has and the manifest has not goes with it: told one by one, on `out` as pruned where --prune allows it.
 * Else an error.
 */
MUST_CHECK bool bundle_tell_leaving(const struct target *bundle, const struct manifest *manifest, bool may_prune,
                                    FILE *out, const char *note, struct error *err);

#endif
