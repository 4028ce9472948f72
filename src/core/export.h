/* All that is measured, as Prometheus' text. Deciding thread only. */
#ifndef CORE_EXPORT_H
#define CORE_EXPORT_H

#include "core/core.h"

/* Of an answer of stats.h, a failure too: then of the node and of the states alone. The caller frees; NULL: it would be longer
 * than LIMIT_FRAME_BODY_BYTES.
 */
char *export_write(const struct core *core, const struct json *answer);

#endif
