/* What the runtime says exists, put into the objects' runs. It says so again and again: nothing hangs on one message. */
#ifndef CORE_OBSERVED_H
#define CORE_OBSERVED_H

#include "core/core.h"

/* One instance as in docs/plugins.md. What is no such thing is dropped with a warning. */
void observed_instance(struct core *core, struct runtime_state *runtime, const struct json *instance);
/* The whole answer of `list`. What it does not name is gone, but for objects that were acted on since it was asked for
 * (object->acted > list_asked), and those of another runtime.
 */
void observed_list(struct core *core, struct runtime_state *runtime, const struct json *answer);

#endif
