/* Two samples to the answer that stats.h describes. */
#ifndef CORE_STATS_ANSWER_H
#define CORE_STATS_ANSWER_H

#include "core/core.h"

/* What the runtime said at one time. */
struct sample {
    struct json *answer; /* NULL: none */
    struct machine machine;
    uint64_t boot_ms;
};

/* Everything that runs now ran then. */
bool sample_covers(const struct sample *before, const struct sample *now);
/* What `request` asks for; the caller frees. */
struct json *stats_write(const struct core *core, const struct sample *before, const struct sample *now,
                         const struct json *request);

#endif
