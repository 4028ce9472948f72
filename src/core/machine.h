/* The machine as a whole. */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

#include <stdint.h>

struct machine {
    int64_t cpu_ns;       /* used since it started, by everybody */
    int64_t memory_bytes; /* used, as Kubernetes counts */
    int64_t disk_bytes, disk_free_bytes; /* of the file system of a folder */
};

void machine_look(const char *folder, struct machine *out);

#endif
