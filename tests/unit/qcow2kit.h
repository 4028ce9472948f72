/* A qcow2 file, byte by byte: whole and empty, of four clusters, in which a test then makes one field hostile. */
#ifndef TESTS_QCOW2KIT_H
#define TESTS_QCOW2KIT_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define QCOW2_CLUSTER 65536
#define QCOW2_FILE (4 * QCOW2_CLUSTER)
#define QCOW2_VIRTUAL (8ull * 1024 * 1024)

static inline void qcow2_put(unsigned char *file, size_t at, size_t width, uint64_t value)
{
    uint64_t big = htobe64(value);

    memcpy(file + at, (unsigned char *)&big + sizeof(big) - width, width);
}

/* Cluster 0 is the header, 1 the refcount table, 2 its only block, 3 the L1 table. */
static inline void qcow2_build(unsigned char file[QCOW2_FILE], uint32_t version)
{
    static const struct {
        size_t at, width;
        uint64_t value;
    } fields[] = {
        {0, 4, 0x514649fb}, {20, 4, 16}, {24, 8, QCOW2_VIRTUAL}, {36, 4, 1}, {40, 8, 3 * QCOW2_CLUSTER},
        {48, 8, QCOW2_CLUSTER}, {56, 4, 1}, {QCOW2_CLUSTER, 8, 2 * QCOW2_CLUSTER},
        {2 * QCOW2_CLUSTER, 2, 1}, {2 * QCOW2_CLUSTER + 2, 2, 1}, {2 * QCOW2_CLUSTER + 4, 2, 1}, {2 * QCOW2_CLUSTER + 6, 2, 1},
    };

    memset(file, 0, QCOW2_FILE);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        qcow2_put(file, fields[i].at, fields[i].width, fields[i].value);
    qcow2_put(file, 4, 4, version);
    if (version == 3) {
        qcow2_put(file, 96, 4, 4); /* reference counts of 16 bits */
        qcow2_put(file, 100, 4, 104);
    }
}

#endif
