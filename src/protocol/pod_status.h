/* What is told of a pod: the flat state and the whole status. Pure: the same input gives the same bytes. */
#ifndef PROTOCOL_POD_STATUS_H
#define PROTOCOL_POD_STATUS_H

#include "base/json.h"
#include "model/object_id.h"
#include "model/pod_phase.h"
#include "protocol/document.h"

/* The number beside the flat state's word: stable, for a dashboard. */
enum state_code {
    STATE_UNKNOWN = 0, STATE_PENDING = 1, STATE_RUNNING = 2, STATE_SUCCEEDED = 3, STATE_FAILED = 4,
    STATE_TERMINATING = 5, STATE_REFUSED = 6,
    STATE_STORED = 7, STATE_STOPPED = 8 /* a virtual machine that does not run, and is not to */
};

enum retained { RETAINED_UNKNOWN, RETAINED_YES, RETAINED_NO };

struct pod_report {
    const struct object_id *id;
    const char *uid;          /* "" where nothing was accepted */
    int64_t generation;       /* of the ruling document; -1: none */
    const char *source;       /* "node", "group/line-3", "all", "manifests"; NULL: none */
    const struct text_list *shadows; /* the other filled sources */
    const struct refusal *refusal;   /* NULL: nothing is refused */
    const struct ignored_fields *ignored;
    enum retained retained;
    uint64_t accepted_ms;
    const struct pod_view *view;     /* pod NULL: nothing is wanted, or nothing was accepted */
    const struct container_shown *shown; /* one a container of view->pod */
    const struct json *images;       /* pulls that run: status.images; NULL or empty: none */
    const char *update;              /* why a newer document does not run yet: a reason; NULL: it runs, or there is none */
    const char *update_message;
    const char *stale;               /* why nobody could say that an image is the newest; NULL: no need */
    const char *const *image_ids;        /* one a container; NULL: not on this device */
    const struct text_list *addresses;   /* the pod's own; NULL: none yet */
    const char *host_address;            /* NULL: not known */
    const char *runtime;                 /* its name, "crun"; NULL: not known */
    const char *node;                    /* its name */
    const char *mac;                     /* of a virtual machine: its card's in the network that pods have */
    const struct json *vm;               /* of a virtual machine that was made: what its runtime knows; NULL: nothing */
    const char *runtime_problem;         /* of a virtual machine: why nobody can do anything with it now; NULL: all is well */
    bool overdue;                        /* it was asked to end, and runs on behind its grace */
    const struct json *networks;         /* [{"name","interface","addresses","mac"}] beside the default one; NULL: none */
    bool terminating;                    /* nothing is wanted, something still runs */
    bool stored;                         /* accepted, and nothing of it runs: a Secret */
    bool orphan;                         /* it runs, and no document is known: left alone */
};

enum state_code pod_state_code(const struct pod_report *report);
/* R/nodes/N/state/…, without `ts`. The caller frees. */
struct json *pod_state_write(const struct pod_report *report);
/* R/nodes/N/status/…. The caller frees. */
struct json *pod_status_write(const struct pod_report *report);

#endif
