/* Whether a node has made real what was published: ready, run to its end, stored, or refused. */
#ifndef CLI_SETTLE_H
#define CLI_SETTLE_H

#include "cli/target.h"

/* Target judges. An object is ready with the target's generation; a desired Node or a bundle is accepted. */
void settle_judge(struct target *target);
/* It was refused, or the target's generation was accepted, ready or not. */
void settle_judge_accepted(struct target *target);
/* On how many of the nodes all was done, and why not on the others. */
enum exit_code settle_report_nodes(const struct target_set *set, const char *done);
/* Waits, with progress; then a line on stderr for each that is not what it should be, or of many nodes a summary. */
enum exit_code settle_wait(struct target_set *set, struct session *session, target_judge *judge, uint64_t wait_ms,
                           struct error *err);

/* The same on every node that says that it is in the group whose targets these are, for their generations. */
enum exit_code settle_group(const struct target_set *group, uint64_t wait_ms, struct error *err);

#endif
