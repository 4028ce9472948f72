/* Containers of the fake runtime: all in memory. One behaves as its command says, so that tests can make anything happen:
 *     exit CODE [AFTER_MS]   ends by itself        stubborn          ends only by force
 *     fail-create            create fails          slow-create MS    create takes so long
 *     fail-start             start fails           anything else     runs until it is stopped
 * No thread, no lock and no waiting: those are the holder's. davit-sim has one of these a node.
 */
#ifndef FAKE_INSTANCES_H
#define FAKE_INSTANCES_H

#include "base/json.h"
#include "davit/runtime.h"

#define FAKE_NEVER UINT64_MAX

struct fake_instance;

struct fake_instances {
    struct fake_instance *first;
    /* Every change is told, before the operation that made it returns. */
    void (*changed)(void *ctx, const char *event);
    void *ctx;
};

struct fake_outcome {
    enum davit_result result;
    const char *reason, *message; /* static; of a failure */
};

/* `asked`: the call's document. */
struct fake_outcome fake_create(struct fake_instances *all, const struct json *asked);
struct fake_outcome fake_start(struct fake_instances *all, const struct json *asked);
struct fake_outcome fake_stop(struct fake_instances *all, const struct json *asked);
struct fake_outcome fake_remove(struct fake_instances *all, const struct json *asked);
struct fake_outcome fake_release(struct fake_instances *all, const struct json *asked);
int64_t fake_create_takes_ms(const struct json *asked);
/* The answer to `list`; the caller frees. */
char *fake_list(const struct fake_instances *all);
/* Ends what ends by itself; when the next one does (boot ms), FAKE_NEVER: none. */
uint64_t fake_tick(struct fake_instances *all, uint64_t now_boot_ms);
/* All are gone, and nobody is told. */
void fake_free(struct fake_instances *all);

#endif
