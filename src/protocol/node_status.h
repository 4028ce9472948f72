/* What is told of the node: the small state that a fleet view reads, and a v1 Node. Pure. */
#ifndef PROTOCOL_NODE_STATUS_H
#define PROTOCOL_NODE_STATUS_H

#include "base/json.h"
#include "model/pod.h"
#include "protocol/document.h"
#include "protocol/pod_status.h"

#define NODE_STATE_BYTES 512 /* R/nodes/N/state is never larger */

struct node_problem {
    const char *type;    /* condition type: what is wrong, as a statement that is true */
    const char *reason;
    const char *message;
};

/* One of the node as a whole: its bundle, what it is. */
struct node_document {
    int64_t generation; /* that was accepted; -1: none was */
    const struct refusal *refusal; /* NULL: the newest was accepted */
    enum retained retained;
};

struct node_report {
    const char *name;
    const char *agent;   /* version of Davit */
    const char *runtime; /* "crun 1.8.1"; "" while it is away */
    const char *boot_id;
    const char *verify;  /* "open" */
    const struct json *labels;
    const struct text_list *groups;
    bool ready;
    int64_t pods, pods_ready, vms, vms_ready, waiting;
    int64_t cpus;
    int64_t memory_bytes, disk_bytes;
    int64_t memory_allocatable_bytes; /* what pods may have of it together */
    int64_t pods_most;
    const char *kernel, *architecture;
    const struct node_problem *problems;
    size_t problem_count;
    uint64_t started_ms; /* davitd's start */
    struct node_document bundle, desired;
    const struct ignored_fields *ignored; /* of the desired Node; NULL: nothing */
    const struct json *manifest; /* the Node of the device's manifests folder, whose spec is in these two; NULL: none */
    const struct json *taints;
    bool unschedulable, drained;
    size_t bundle_objects; /* that it brought */
    const struct json *images; /* array of {"names","sizeBytes"} */
};

struct json *node_state_write(const struct node_report *report);  /* without `ts` */
struct json *node_status_write(const struct node_report *report); /* both: the caller frees */

#endif
