/* What a pod starts after: the annotation davit/after. It gates the first start since the machine's, and stops nothing that
 * runs. Deciding thread only.
 */
#ifndef CORE_AFTER_H
#define CORE_AFTER_H

#include "core/core.h"

/* Sets object->waits_for. */
void after_look(struct core *core, struct object *object);
/* By what was told last. Ready is also what did its work, and what only has to be there. */
enum after_level { AFTER_ABSENT, AFTER_UNREADY, AFTER_READY };
enum after_level after_level(const struct object *object);
/* The level of something is another one: those that wait look again. */
void after_turned(struct core *core);

#endif
