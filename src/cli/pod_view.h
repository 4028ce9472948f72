/* A pod as a row of a table. */
#ifndef CLI_POD_VIEW_H
#define CLI_POD_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/board.h"

struct pod_view {
    char ready[32];    /* "1/2" */
    char status[192];  /* "Running", "Init:0/1", "CrashLoopBackOff", "Running,Refused", "Running,ImagePullBackOff" (of an update) */
    char restarts[48];   /* "2 (5s ago)" */
    int64_t restart_count;
    const char *address;  /* belongs to the entry; NULL: none */
    uint64_t since_ms; /* 0: unknown */
    const char *image; /* belongs to the entry; NULL: unknown */
};

/* From the flat state where there is one; of a pod that was never accepted there is only a status. */
void pod_view_of(const struct entry *entry, enum fleet_reach reach, struct pod_view *view);

#endif
