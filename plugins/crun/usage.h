/* What a folder holds, counted entry by entry: for those whose limit has no better counter. */
#ifndef CRUN_USAGE_H
#define CRUN_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct usage {
    int64_t bytes;   /* of blocks, as du counts */
    int64_t entries;
    bool partial;    /* more than a cap of limits.h: there may be more */
};

/* The calling thread yields to everybody else from here on. */
void usage_be_nice(void);
/* Follows no link and enters no mount. Absent: nothing. `cancel_fd` readable: partial. */
void usage_of(const char *path, int cancel_fd, struct usage *out);

#endif
