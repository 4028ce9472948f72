/* Who may start on this node: memory and disk are counted before, by what documents request. What does not fit waits.
 * Kubernetes: Scheduling, requests and limits; as its scheduler, one that fits passes one that waits. Pure.
 */
#ifndef MODEL_ADMISSION_H
#define MODEL_ADMISSION_H

#include "model/instance.h"
#include "model/object_id.h"

/* What a node has to give, in bytes. What is promised already is a number below zero of what is left, where more runs than
 * fits: that stays as it is.
 */
struct admission_room {
    struct pod_wants most; /* so much there is for all together; POD_UNSET: not known, and not counted */
    struct pod_wants left; /* so much of it is promised to nobody */
};

enum admission_lack { LACKS_NOTHING, LACKS_MEMORY, LACKS_DISK };

/* One that wants to start, or to have more than it was promised. */
struct admission_entry {
    const struct object_id *id;
    uint64_t created_ms;
    struct pod_wants wants;   /* as a whole */
    struct pod_wants granted; /* what it was promised before */
    enum admission_lack lack; /* LACKS_NOTHING: it may */
};

/* What a pod requests. A pod that says nothing wants nothing: it is not counted. */
struct pod_wants admission_wants(const struct pod *pod);
/* What a virtual machine takes beside its guest's memory: QEMU itself, its page tables, its processors, its screen. */
int64_t admission_vm_overhead(int64_t guest_bytes, int64_t cpus, bool graphics);

bool pod_wants_nothing(const struct pod_wants *wants);
/* `wants` is no more than `granted`. */
bool pod_wants_within(const struct pod_wants *wants, const struct pod_wants *granted);
/* The greater of each. */
struct pod_wants pod_wants_most(const struct pod_wants *a, const struct pod_wants *b);
struct pod_wants pod_wants_least(const struct pod_wants *a, const struct pod_wants *b);
struct pod_wants pod_wants_sum(const struct pod_wants *a, const struct pod_wants *b);

/* What it has already it keeps: only more than that must fit. */
enum admission_lack admission_lack(const struct pod_wants *wants, const struct pod_wants *granted,
                                   const struct admission_room *room);
/* It will never fit, whoever ends. */
bool admission_is_hopeless(const struct pod_wants *wants, const struct admission_room *room);
/* Where an entry belongs among those in their order: the first that was created comes first. */
size_t admission_place(const struct admission_entry *entries, size_t count, const struct admission_entry *one);
/* In their order. Takes from the room what those get that may. */
void admission_decide(struct admission_entry *entries, size_t count, struct admission_room *room);
/* Why it waits, in the words of Kubernetes' scheduler; and what helps. */
void admission_describe(const struct admission_entry *entry, const struct admission_room *room, struct pod_wait *wait);

#endif
