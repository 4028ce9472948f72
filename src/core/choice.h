/* Which pod, and which container of it, a request means that a person typed: logs, exec, cp. Deciding thread only. */
#ifndef CORE_CHOICE_H
#define CORE_CHOICE_H

#include "core/core.h"

struct choice {
    const struct object *object;
    const struct pod *pod;
    const struct container *container;
    const struct instance *newest; /* of the container, in the wanted incarnation; NULL: none was made */
};

/* {"namespace","pod","container"}: the namespace is "default" where none is given; the pod is NAME, pods/NAME, vm/NAME, or an
 * owner's as deploy/NAME: its first pod that runs. Without a container it is the one that the annotation
 * kubectl.kubernetes.io/default-container names, else the first, as kubectl has it. False: *refusal is the caller's,
 * {"ok":false,"reason":"NotFound","message"}.
 */
MUST_CHECK bool choice_make(const struct core *core, const struct json *request, struct choice *choice,
                            struct json **refusal);
/* {"ok":false,"reason","message"} */
struct json *choice_refuse(const char *reason, char *message_taken);
/* "container" and "containers" (the main ones), for `Defaulted container "web" out of: web, log`. */
void choice_tell(const struct choice *choice, struct json *answer);

#endif
