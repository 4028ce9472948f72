/* What goes up: an object's state and status, the node's. Only what changed is told. */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "core/core.h"

void report_object(struct core *core, struct object *object);
void report_node(struct core *core);
/* The same as JSON: both the caller's. */
void report_node_write(struct core *core, struct json **state, struct json **status);
void report_presence(struct core *core, bool online);
char *report_presence_text(const struct core *core, bool online); /* the caller frees */
/* Everything is told anew: a new connection, to a broker that may have forgotten. */
void report_again(struct core *core);
/* An object's status as it is now, in Kubernetes' shape; the caller frees. NULL: there is nothing to tell. */
struct json *report_describe(struct core *core, struct object *object);
/* {"online":false…} for the will; the caller frees. */
char *report_will(const struct core *core);
/* Puts `json` on R/nodes/N/WORD[/ID] unless it was told last; `ts` is not compared, and added only then. True: told. */
bool report_tell(struct core *core, const char *word, const struct object_id *id, struct json *json, bool with_ts,
                 char told[DIGEST_HEX_BYTES]);
/* Of what is no pod: tells its state and status, or, where `described` is not NULL, gives the status to the caller, who frees
 * it. Both are taken.
 */
void report_both(struct core *core, struct object *object, struct json *state, struct json *status, struct json **described);

#endif
