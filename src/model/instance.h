/* What exists, and what is remembered: the observed side of a pod. */
#ifndef MODEL_INSTANCE_H
#define MODEL_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "davit/limits.h"
#include "model/pod.h"

#define REASON_BYTES 48
#define INSTANCE_IMAGE_BYTES 72 /* "sha256:", 64 digits and a NUL */

/* The order is time's: an instance never goes back. */
enum instance_state { INSTANCE_CREATED, INSTANCE_RUNNING, INSTANCE_EXITED };

/* How a container ended. Wall times in ms since 1970, for show; boot_ms counts on CLOCK_BOOTTIME, for delays. */
struct ending {
    int64_t exit_code;
    int64_t signal; /* 0: none */
    char reason[REASON_BYTES];
    uint64_t started_ms;
    uint64_t finished_ms;
    uint64_t finished_boot_ms; /* 0: in an earlier boot */
};

/* One attempt of one container, as the runtime sees it. */
struct instance {
    char container[LIMIT_LABEL_BYTES + 1];
    int64_t attempt;
    enum instance_state state;
    bool supervised;
    uint64_t grace_ms;
    char image_id[INSTANCE_IMAGE_BYTES]; /* what it was made of; "" not known */
    struct ending ending; /* started_ms from RUNNING on, the rest when EXITED */
    uint64_t stop_sent_boot_ms; /* 0: not asked to end */
    uint64_t kill_sent_boot_ms;
};

/* All instances of one incarnation of a pod. */
struct run {
    char uid[POD_UID_BYTES];
    char hash[POD_HASH_BYTES];
    struct instance *instances;
    size_t count;
    bool shared; /* it has something to release */
    uint64_t retry_boot_ms; /* an ending call failed: not before */
    struct run *next;
};

/* What outlives instances, for one container of the wanted incarnation. The first part is a row in the store. */
struct container_memory {
    char name[LIMIT_LABEL_BYTES + 1];
    int64_t begun; /* newest attempt known to have begun; -1: none */
    int64_t ended; /* newest attempt known to have ended; -1: none */
    int64_t backoff; /* ends in a row without ten good minutes */
    struct ending last;
    /* In memory only: the runtime could not create or start it. */
    uint64_t failures;
    uint64_t retry_boot_ms;
    char reason[REASON_BYTES];
    char message[512];
};

struct run *run_new(const char *uid);
void run_free(struct run *run);
struct instance *run_find(const struct run *run, const char *container, int64_t attempt); /* NULL */
struct instance *run_newest(const struct run *run, const char *container);               /* NULL */
struct instance *run_add(struct run *run, const char *container, int64_t attempt);
void run_remove(struct run *run, const char *container, int64_t attempt);
/* Takes over what was seen, never backwards. */
void instance_merge(struct instance *known, const struct instance *seen);

#endif
