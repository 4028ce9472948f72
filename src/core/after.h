/* What a pod starts after: the annotation davit/after. It gates the first start since the machine's, and stops nothing that
 * runs. Deciding thread only.
 */
#ifndef CORE_AFTER_H
#define CORE_AFTER_H

#include "core/core.h"

/* Sets object->waits_for. */
void after_look(struct core *core, struct object *object);
/* By what was told last: it is ready, or did its work, or is there. */
bool after_is_ready(const struct object *object);
/* Something became ready: those that wait look again. */
void after_turned(struct core *core);

#endif
