/* The nodes that a command is about, where it is about more than one: --nodes 'press-*', --group line-3, -l site=hamburg,
 * as the broker knows them.
 */
#ifndef CLI_FLEET_H
#define CLI_FLEET_H

#include "base/json.h"
#include "cli/options.h"

enum fleet_reach {
    FLEET_ONLINE,
    FLEET_OFFLINE,
    FLEET_UNKNOWN /* behind a bridge that is down: what the broker has of it may be old */
};

struct fleet_node {
    char *name;
    enum fleet_reach reach;
    struct json *status; /* the v1 Node; NULL where the selector did not need it */
};

struct fleet {
    struct fleet_node *nodes; /* by name */
    size_t count;
};

/* Whether a person named many nodes: by a flag of theirs (a --node is one, and none of them). */
bool fleet_is_meant(const struct options *options);
/* Reads presences, and with --group or a selector statuses. ERROR_NOT_FOUND, with what was asked for, where none fits. */
MUST_CHECK bool fleet_find(const struct options *options, struct fleet *fleet, struct error *err);
/* NULL: it is not one of them. */
const struct fleet_node *fleet_named(const struct fleet *fleet, const char *name);
void fleet_free(struct fleet *fleet);
#define AUTO_FLEET __attribute__((cleanup(fleet_free)))

/* The parts of fleet_find, for readers of more than presences. */
bool fleet_needs_status(const struct options *options);
/* The labels that were asked for; *query NULL: none were. */
MUST_CHECK bool fleet_query(const struct options *options, struct json **query, struct error *err);
bool fleet_names_fit(const struct options *options, const char *node);
/* By the v1 Node. */
bool fleet_is_in_group(const struct json *status, const char *group);
bool fleet_status_fits(const struct options *options, const struct json *query, const struct json *status);
char *fleet_asked(const struct options *options); /* " --nodes press-*", for messages; the caller frees */

/* Of one node: its answer, or why there is none (reason and message in *err). */
typedef void fleet_handler(void *ctx, const struct fleet_node *node, const struct json *answer, const struct error *err);

/* The same request to each node, over one session, a few hundred under way at a time; nodes that are offline are not
 * asked. Counts on stderr while it goes, on a terminal. Then a summary: "restarted on 998 of 1000 nodes", and those that
 * failed by reason, the first few names of each. `done` is the past participle. The exit code: 0 where all did it.
 */
enum exit_code fleet_ask(const struct options *options, const struct fleet *fleet, const char *verb,
                         const struct json *args, const char *done, fleet_handler *handler, void *ctx,
                         struct error *err);

/* The summary apart, for other ways to reach a fleet: results are counted by reason. */
struct fleet_summary {
    size_t done;
    struct fleet_reason *reasons; /* private */
};
void fleet_summary_add(struct fleet_summary *summary, const char *node, const char *reason); /* NULL: it was done */
/* On stderr, at most 12 lines whatever the number of nodes. */
enum exit_code fleet_summary_print(const struct fleet_summary *summary, const char *done);
void fleet_summary_free(struct fleet_summary *summary);

#endif
