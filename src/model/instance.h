/* What exists, and what is remembered: the observed side of a pod. */
#ifndef MODEL_INSTANCE_H
#define MODEL_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "davit/limits.h"
#include "model/pod.h"

#define REASON_BYTES 48
#define SETTINGS_BYTES 65 /* 64 hex digits and a NUL */
#define INSTANCE_IMAGE_BYTES 72 /* "sha256:", 64 digits and a NUL */

/* The order is time's: an instance never goes back. */
enum instance_state { INSTANCE_CREATED, INSTANCE_RUNNING, INSTANCE_EXITED };

/* How a container ended. Wall times in ms since 1970, for show; boot_ms counts on CLOCK_BOOTTIME, for delays. */
struct ending {
    int64_t exit_code;
    int64_t signal; /* 0: none */
    char reason[REASON_BYTES];
    char *message; /* the container's own words; NULL: none. Of whoever holds the struct; a copy of it borrows */
    uint64_t started_ms;
    uint64_t finished_ms;
    uint64_t finished_boot_ms; /* 0: in an earlier boot */
};

/* Hooks and probes: what is known of them in this life of davitd. */
enum hook_state { HOOK_NONE, HOOK_RUNS, HOOK_DONE, HOOK_FAILED };
enum probe_kind { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS };
#define PROBE_KINDS 3

struct probe_state {
    bool asked;           /* an answer is waited for */
    bool known, passed;   /* the verdict, thresholds applied */
    int64_t successes, failures; /* in a row */
    uint64_t due_boot_ms; /* 0: not asked yet */
    uint64_t turned_boot_ms, turned_ms; /* when the verdict became what it is; wall */
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
    /* As it was made, whatever the document says by now. */
    enum container_role role;
    int64_t order;           /* in the pod: init containers first */
    struct json *pre_stop;   /* Kubernetes' handler; NULL: none. Owned */
    struct json *claims;     /* names of the claims that its pod has; NULL: none. Owned */
    struct json *volume_images; /* ids of the images that it has as volumes; NULL: none. Owned */
    struct json *vm;         /* of a virtual machine: what its runtime knows of it (docs/plugins.md). Owned */
    uint64_t seen_boot_ms;   /* first seen running */
    bool adopted;            /* it ran before this life of davitd */
    enum hook_state post_start, pre_stop_state;
    struct probe_state probes[PROBE_KINDS];
    uint64_t ending_boot_ms;    /* its end began: preStop, or the signal; 0: not */
    uint64_t stop_sent_boot_ms; /* 0: not asked to end */
    uint64_t kill_sent_boot_ms;
};

/* What a pod takes of the node, in bytes; see model/admission.h. */
struct pod_wants {
    int64_t memory_bytes, disk_bytes;
};

/* Why nothing of a pod is started. */
struct pod_wait {
    char reason[REASON_BYTES]; /* "": it does not wait */
    char message[320];
};

/* All instances of one incarnation of a pod. */
struct run {
    char uid[POD_UID_BYTES];
    char hash[POD_HASH_BYTES];
    struct instance *instances;
    size_t count;
    bool shared; /* it has something to release */
    bool connected; /* it has a network */
    bool emptied; /* what it had in its volumes has gone */
    struct pod_wants wants; /* as it was made; memory_bytes POD_UNSET: not known */
    char settings[SETTINGS_BYTES]; /* digest of the files and limits that it has; "": not known */
    uint64_t ending_boot_ms; /* the end of all of it began; 0: not */
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

/* The pod as a whole is over, whatever its containers would do: DeadlineExceeded, Evicted. */
struct pod_end {
    char reason[REASON_BYTES]; /* "": it is not */
    char message[256];
};

struct run *run_new(const char *uid);
void run_free(struct run *run);
struct instance *run_find(const struct run *run, const char *container, int64_t attempt); /* NULL */
bool run_has_life(const struct run *run); /* something of it has not ended */
struct instance *run_newest(const struct run *run, const char *container);               /* NULL */
struct instance *run_add(struct run *run, const char *container, int64_t attempt);
void run_remove(struct run *run, const char *container, int64_t attempt);
/* Takes over what was seen, never backwards. Copies what `seen` owns. */
void instance_merge(struct instance *known, const struct instance *seen);

#endif
