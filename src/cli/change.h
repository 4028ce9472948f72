/* From what is on the broker to what is wanted there: whether they differ, and the publication. */
#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include "cli/target.h"

enum change { CHANGE_NONE, CHANGE_CREATED, CHANGE_CONFIGURED, CHANGE_COUNT };

/* "unchanged", "created", "configured". */
const char *change_word(enum change change);
enum change change_of(const struct target *target, const struct json *wanted);
/* Of the content alone, the generation apart. */
bool change_is_same(const struct json *a, const struct json *b);
/* Whether a node and this broker take an object of this size. `origin` is for the message. */
MUST_CHECK bool change_check_size(const struct target *target, const struct json *wanted, const char *origin,
                                  size_t packet_limit, struct error *err);
/* Publishes `wanted` under the next generation, which is then the target's; session_flush is the caller's. */
MUST_CHECK bool change_publish(struct session *session, struct target *target, struct json *wanted, struct error *err);

/* --dry-run: what is to be said behind each line, and whether anything is published. */
struct dry_run {
    bool is_dry;
    const char *note; /* "" or " (dry run)" */
};

MUST_CHECK bool dry_run_read(const struct options *options, struct dry_run *dry, struct error *err);

#endif
