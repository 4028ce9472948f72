/* Tombstones, for only they delete (docs/protocol.md), and waiting until nodes have cleared. */
#ifndef CLI_DELETE_H
#define CLI_DELETE_H

#include "cli/change.h"
#include "cli/verbs.h"

/* Every target of the set. wait_ms 0: does not wait. */
enum exit_code delete_targets(struct target_set *set, const struct dry_run *dry, uint64_t wait_ms, struct error *err);

/* Adds the objects of a type that the broker holds for the set's places, by --selector and namespace. ERROR_NOT_FOUND:
 * there are none.
 */
MUST_CHECK bool delete_find(struct target_set *set, const struct resource *resource, struct error *err);

/* Clears all that the broker keeps of nodes: what they said, and what was said to them. */
enum exit_code delete_nodes(const struct options *options, const char **names, size_t count, const struct dry_run *dry,
                            struct error *err);

#endif
