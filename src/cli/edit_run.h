/* One change to documents on the broker, wherever the command line says. */
#ifndef CLI_EDIT_RUN_H
#define CLI_EDIT_RUN_H

#include "cli/edit.h"
#include "cli/verbs.h"

/* For each target of the set: "deployment/web scaled", or of many nodes "deployment/web scaled on 12 nodes" and a summary
 * of those where it could not be. `done` is the past participle.
 */
enum exit_code edit_run(struct target_set *set, struct session *session, const char *done, edit_change *change, void *ctx,
                        struct error *err);
/* The same, for the objects that `words` name: TYPE NAME… or TYPE/NAME…. */
enum exit_code edit_objects(const struct options *options, const char **words, size_t count, const char *done,
                            edit_change *change, void *ctx, struct error *err);
/* The desired Nodes that `words` name, or --nodes, a selector or --group. Where `ask` is set and many are meant, the person
 * is asked whether to do that. The set is filled for what comes after; the caller frees it.
 */
enum exit_code edit_nodes(struct target_set *set, struct session **session, const char **words, size_t count, const char *ask,
                          const char *done, edit_change *change, void *ctx, struct error *err);

#endif
