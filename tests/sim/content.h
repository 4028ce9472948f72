/* Documents: what each of an operator's contents says. Content 2k and 2k+1 of a pod differ in a label only, so they are
 * one variant: going from one to the other restarts nothing.
 */
#ifndef SIM_CONTENT_H
#define SIM_CONTENT_H

#include "sim.h"

enum behaviour { RUNS, STUBBORN, ENDS_WELL, ENDS_BADLY };

struct shape {
    size_t containers;
    enum restart_policy policy;
    uint64_t grace_s;
    bool always; /* imagePullPolicy */
    bool host_network;
    int64_t memory_mi[SIM_CONTAINERS]; /* requested; 0: it says nothing */
    struct {
        enum behaviour behaviour;
        uint64_t after_ms;
        bool probed[PROBE_KINDS];
        bool by_exec;       /* its probes; else by TCP */
        uint64_t failures;  /* failureThreshold */
        bool post_start, pre_stop;
    } container[SIM_CONTAINERS];
};

int content_variant(int content);
struct shape content_shape(const struct sim *sim, int pod, int variant);
/* What all of it requests, in MiB. */
int64_t shape_memory_mi(const struct shape *shape);
/* generation -1: none. The caller frees. */
char *content_write(const struct sim *sim, int pod, int content, int64_t generation);
/* Of a document's text, as the store has it; -1: none of ours. */
int content_read(const char *text);
/* "p3" to 3; -1 where it is no pod of ours. */
int pod_of_name(const char *name);
char *topic_of_slot(int pod, enum source source);

#endif
