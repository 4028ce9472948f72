/* The objects a node knows: what each source says of them (slots), what is wanted (the ruling slot, the incarnation),
 * what is seen (runs) and remembered. Deciding thread only.
 */
#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

#include <uthash.h>

#include "core/power.h"
#include "model/admission.h"
#include "model/pod_step.h"
#include "protocol/document.h"
#include "protocol/pod_status.h"
#include "store/store.h"

/* The order is the order of ruling; groups among themselves in the order of the configuration. */
enum slot_source { SOURCE_NODE, SOURCE_BUNDLE, SOURCE_GROUP, SOURCE_ALL, SOURCE_MANIFESTS, SOURCE_OWNER };

struct slot_key {
    enum slot_source source;
    const char *group; /* SOURCE_GROUP; SOURCE_OWNER: "deployments/web"; else "" */
    size_t rank;       /* among groups */
};

struct slot {
    enum slot_source source;
    char *group;
    size_t rank;
    int64_t generation;
    char content[DIGEST_HEX_BYTES];
    char hash[POD_HASH_BYTES];
    bool tombstone;
    bool unmask; /* of a tombstone: it rules nothing */
    bool owned; /* SOURCE_OWNER: it goes with its owner */
    uint64_t accepted_ms;
    uint64_t created_ms; /* when the first document here was accepted, or the first after a tombstone */
    struct pod *pod; /* NULL for a tombstone, for what is no pod, and where the stored text cannot be read any more */
    struct json *data; /* of a Secret or ConfigMap; NULL */
    struct json *labels; /* of its metadata; NULL: none */
    struct ignored_fields ignored;
    struct text_list superseded; /* content digests, oldest first */
    enum retained retained;
    bool left; /* of a group that this node is in no more: it says nothing, and is being emptied */
};

/* Of a PersistentVolumeClaim. */
struct claim_facts {
    struct json *last;        /* what its document says, or said last; NULL: not known. Owned */
    bool purge;               /* nothing wants it, and its data is to go: a row says so */
    bool purging;             /* that is under way */
    uint64_t retry_boot_ms;   /* it failed: again then */
    bool told_ending;
    bool counted;
    int64_t used_bytes;
    uint64_t counted_boot_ms;
};

/* What it was promised of the node, and what it waits for beyond that. */
enum admission_waits { WAITS_FOR_NOTHING, WAITS_TO_START, WAITS_TO_CHANGE, WAITS_TO_GROW };

struct admission_state {
    struct pod_wants granted;
    struct pod_wants counted;     /* of it: the disk without what it has written */
    int64_t written_bytes;        /* on the disk, as it was counted last */
    bool known;                   /* what runs of it was told in this life of davitd */
    enum admission_waits waits;
    struct admission_entry asked; /* as it stands in the queue */
    struct pod_wait wait;         /* as judged last */
};

/* A document on its way in, waiting for a commit of the same object. */
struct arrival;

struct object {
    struct object_id id;
    struct slot *slots; /* in the order of ruling */
    size_t slot_count;
    /* The newest refusal, of any slot; cleared when the same slot takes a document. */
    bool refused;
    enum slot_source refused_source;
    size_t refused_rank; /* among groups */
    struct refusal refusal;
    bool refused_stored; /* a row says that its topics exist without an incarnation */
    /* The wanted incarnation. uid "" : none. hash "": it is to end. */
    char uid[POD_UID_BYTES];
    char hash[POD_HASH_BYTES];
    uint64_t created_ms;
    char restart_uid[POD_UID_BYTES]; /* this incarnation, if it is the wanted one, is to be replaced when its turn comes */
    bool replaces;          /* one of the same kind, by a restart: what ran before is not taken for its own */
    uint64_t since_boot_ms; /* when it became the wanted one, in this life of davitd */
    struct pod *held;       /* what the incarnation runs, while the ruling document waits for its images; NULL: no update waits */
    struct json *previous;  /* ids of the images of the incarnation before; NULL: none */
    bool pulling;           /* an image is waited for */
    struct pod_end end;     /* the wanted incarnation is over as a whole */
    struct pod_end verdict; /* it must be */
    bool uncounted;         /* it has more on the disk than was counted */
    struct pod_network network; /* of the wanted incarnation */
    struct json *networks;      /* those beside the default one, as davit-net told them; NULL: not known */
    uint64_t age_before_ms; /* how old it was then, by the wall clock */
    uint64_t wake_boot_ms;  /* look at it again then; 0: no need */
    bool stale;             /* files or limits of what runs may be older than what is said */
    uint64_t stale_retry_boot_ms;
    struct container_memory *memory; /* one for each container of the wanted pod */
    size_t memory_count;
    struct run *runs;
    struct admission_state admission;
    struct claim_facts claim;
    /* Of a virtual machine: what a person said beside its document, as it is on the disk (core/power). */
    enum power power;
    bool power_force; /* OFF, and at once */
    enum vm_strategy power_strategy; /* what its document said then */
    char power_uid[POD_UID_BYTES];   /* this incarnation is to be replaced by another of the same kind; "": none */
    uint64_t ready_boot_ms; /* it says so since; 0: it is not ready */
    /* What it must be ready first: told while it waits; "" : nothing. */
    char waits_for[256];
    bool has_run; /* something of it was seen since davitd began: it waits for nobody any more */
    /* Of an owner: what it must not forget (its kind says what), and how long it has got no further. */
    struct json *memo;
    uint64_t memo_boot_ms, memo_age_ms; /* when it was loaded or made, and how old it was then */
    bool expired;                       /* it is over, and nothing of it is to be seen any more */
    int64_t progress;                   /* what was got so far */
    uint64_t progress_boot_ms;          /* since; 0: it is done */
    /* Work in flight: at most one of each. */
    bool committing; /* a document */
    uint64_t bundle_mark; /* the bundle of this number has it */
    bool replacing;  /* one after which this incarnation is not wanted any more: nothing more of it begins */
    struct arrival *arrivals;
    bool calling;    /* a runtime call */
    uint64_t acted;  /* number of the newest answer of the runtime about it */
    bool saving;     /* a memory, or the end of the incarnation */
    size_t behind;   /* memories on their way to the disk that nothing waits for, but the removal of what they are of */
    bool forgotten;  /* a virtual machine: its disks have gone */
    bool finishing;  /* its topics are emptied: nothing more is told of this incarnation */
    uint64_t wait_boot_ms; /* the disk failed: not before */
    /* What was told last: digests, so that what is the same is not told twice. */
    bool dirty;
    char told_state[DIGEST_HEX_BYTES];
    char told_status[DIGEST_HEX_BYTES];
    struct json *summary; /* the flat state as told last */
    char summary_uid[POD_UID_BYTES]; /* of a pod: the incarnation that it is of */
    struct telling *telling; /* core/telemetry: its metrics; NULL: never measured. Owned */
    bool discovery_told;  /* core/discovery */
    unsigned level;       /* enum after_level, when it was told last */
    UT_hash_handle hh;
};

struct objects {
    struct object *table;
};

void objects_free(struct objects *objects);
/* Frees what it holds. */
void object_clear(struct object *object);
struct object *objects_find(const struct objects *objects, const struct object_id *id); /* NULL */
/* Found or made; NULL at LIMIT_OBJECTS. */
struct object *objects_get(struct objects *objects, const struct object_id *id);
size_t objects_count(const struct objects *objects);
/* Forgets an object that has nothing left in it. */
void objects_drop_if_empty(struct objects *objects, struct object *object);

/* Whether the refusal is one of this slot. */
bool object_refused_in(const struct object *object, const struct slot_key *key);
struct slot *object_slot(const struct object *object, const struct slot_key *key); /* NULL */
struct slot *object_slot_make(struct object *object, const struct slot_key *key);
void object_slot_remove(struct object *object, struct slot *slot);
void object_retained_unknown(struct object *object);
bool slot_was_superseded(const struct slot *slot, const char *content);
void slot_supersede(struct slot *slot, const char *content);
/* "node", "bundle", "group/NAME", "all", "manifests"; the caller frees. */
char *slot_name(const struct slot *slot);
const char *slot_source_word(enum slot_source source);

/* The slot that rules: the first with an object; a tombstone of the node's own masks the rest, unless it says that it does not. NULL: nothing is wanted. */
const struct slot *object_ruling(const struct object *object);
/* What is to run now: the ruling document's pod, or the one before it while its images are on their way. NULL: nothing. */
const struct pod *object_wanted(const struct object *object);
/* Runs that no document explains: the database was lost. They are left alone. */
bool object_is_orphan(const struct object *object);
/* Another incarnation became the wanted one: nothing is remembered of it yet. */
void object_renewed(struct object *object);
/* A container of the wanted incarnation runs, or ran, or is perhaps just being made. */
bool object_has_begun(const struct object *object);
/* Makes one memory for each container of a pod, keeping those of the same name. */
void object_fit_memory(struct object *object, const struct pod *pod);
struct container_memory *object_memory(struct object *object, const char *container); /* NULL */

bool object_is_vm(const struct object *object);
/* A document of the node as a whole (core/whole): it is in no table, and nothing of it runs. */
bool object_is_whole(const struct object *object);

struct run *object_run(const struct object *object, const char *uid); /* NULL */
struct run *object_run_make(struct object *object, const char *uid);
void object_run_remove(struct object *object, struct run *run);
void object_runs_clear(struct object *object);

#endif
