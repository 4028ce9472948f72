/* qcow2: docs/interop/qcow2.txt of QEMU. All numbers are big-endian. */
#include "config.h"

#include <string.h>

#include "image/disk.h"

#define HEAD_2_BYTES 72
#define HEAD_3_BYTES 104
#define L1_MAX_BYTES (32u * 1024 * 1024) /* as in QEMU */
#define SNAPSHOTS_MAX 65536u

enum { /* incompatible features */
    FEATURE_DIRTY = 1 << 0,
    FEATURE_CORRUPT = 1 << 1,
    FEATURE_EXTERNAL = 1 << 2,
    FEATURE_COMPRESSION = 1 << 3,
    FEATURE_EXTENDED_L2 = 1 << 4
};

struct head {
    uint64_t version, backing, cluster_bits, size, crypt, l1_entries, l1_offset, refcount_offset, refcount_clusters;
    uint64_t snapshots, incompatible, head_bytes;
};

static struct head head_of(const uint8_t *raw)
{
    struct head head = { .version = disk_big(raw + 4, 4), .backing = disk_big(raw + 8, 8),
                         .cluster_bits = disk_big(raw + 20, 4), .size = disk_big(raw + 24, 8),
                         .crypt = disk_big(raw + 32, 4), .l1_entries = disk_big(raw + 36, 4),
                         .l1_offset = disk_big(raw + 40, 8), .refcount_offset = disk_big(raw + 48, 8),
                         .refcount_clusters = disk_big(raw + 56, 4), .snapshots = disk_big(raw + 60, 4),
                         .head_bytes = HEAD_2_BYTES };
    if (head.version < 3)
        return head;
    head.incompatible = disk_big(raw + 72, 8);
    head.head_bytes = disk_big(raw + 100, 4);
    return head;
}

static bool check_features(const struct head *head, struct error *err)
{
    const uint64_t known = FEATURE_DIRTY | FEATURE_CORRUPT | FEATURE_EXTERNAL | FEATURE_COMPRESSION | FEATURE_EXTENDED_L2;
    if (head->backing != 0)
        return error_set(err, ERROR_INVALID, "it names a backing file: it would show a file of this host. "
                                             "qemu-img convert makes one disk of both");
    if (head->incompatible & FEATURE_EXTERNAL)
        return error_set(err, ERROR_INVALID, "it names an external data file: it would show a file of this host");
    if (head->incompatible & FEATURE_CORRUPT)
        return error_set(err, ERROR_INVALID, "it is marked as corrupt: qemu-img check may repair it");
    if (head->incompatible & ~known)
        return error_set(err, ERROR_INVALID, "it has features that are unknown here (0x%llx)",
                         (unsigned long long)(head->incompatible & ~known));
    if (head->crypt != 0)
        return error_set(err, ERROR_INVALID, "it is encrypted");
    return true;
}

static bool lies_within(const struct disk_bytes *bytes, uint64_t offset, uint64_t len, const char *what, struct error *err)
{
    if (offset <= bytes->size && len <= bytes->size - offset)
        return true;
    return error_set(err, ERROR_INVALID, "its %s lies beyond its end: it is truncated or damaged", what);
}

static bool check_tables(const struct disk_bytes *bytes, const struct head *head, struct error *err)
{
    uint64_t cluster = 1ull << head->cluster_bits;
    /* A table of level 2 has 8 bytes a cluster, 16 where clusters have parts. */
    uint64_t entry = head->incompatible & FEATURE_EXTENDED_L2 ? 16 : 8, covers = cluster / entry * cluster;
    if (head->head_bytes < (head->version < 3 ? HEAD_2_BYTES : HEAD_3_BYTES) || head->head_bytes > cluster)
        return error_set(err, ERROR_INVALID, "its head has an impossible length");
    if (head->l1_entries > L1_MAX_BYTES / 8 || head->l1_entries < (head->size + covers - 1) / covers)
        return error_set(err, ERROR_INVALID, "its table of clusters does not fit its size");
    if (head->snapshots > SNAPSHOTS_MAX)
        return error_set(err, ERROR_INVALID, "it has %llu snapshots", (unsigned long long)head->snapshots);
    if (head->l1_offset % cluster != 0 || head->refcount_offset % cluster != 0 || head->refcount_offset == 0)
        return error_set(err, ERROR_INVALID, "its tables lie across clusters");
    return lies_within(bytes, head->l1_offset, head->l1_entries * 8, "table of clusters", err) &&
           lies_within(bytes, head->refcount_offset, head->refcount_clusters << head->cluster_bits, "table of counts", err);
}

/* Where the cluster of a guest begins; 0: nowhere. */
static uint64_t cluster_of(const struct head *head, uint64_t entry)
{
    /* A compressed one may begin anywhere; how long it is, is in the bits above. */
    uint64_t bits = entry & 1ull << 62 ? (1ull << (62 - (head->cluster_bits - 8))) - 1 : 0x00fffffffffffe00ull;
    return entry & bits;
}

static bool check_level_2(const struct disk_bytes *bytes, const struct head *head, uint64_t table, struct error *err)
{
    uint8_t raw[4096];
    uint64_t cluster = 1ull << head->cluster_bits, step = head->incompatible & FEATURE_EXTENDED_L2 ? 16 : 8;
    for (uint64_t at = 0; at < cluster; at += sizeof(raw)) {
        size_t len = cluster - at < sizeof(raw) ? (size_t)(cluster - at) : sizeof(raw);
        if (!disk_read(bytes, table + at, raw, len, "tables", err))
            return false;
        for (size_t i = 0; i < len; i += step)
            if (cluster_of(head, disk_big(raw + i, 8)) >= bytes->size)
                return error_set(err, ERROR_INVALID, "it ends before its last cluster: it is truncated");
    }
    return true;
}

/* All that is there of the disk lies within the file: what does not would be read as zeros, or as nothing. */
static bool check_clusters(const struct disk_bytes *bytes, const struct head *head, struct error *err)
{
    uint8_t raw[8];
    for (uint64_t i = 0; i < head->l1_entries; i++) {
        if (!disk_read(bytes, head->l1_offset + 8 * i, raw, sizeof(raw), "tables", err))
            return false;
        uint64_t table = disk_big(raw, 8) & 0x00fffffffffffe00ull;
        if (table != 0 && !check_level_2(bytes, head, table, err))
            return false;
    }
    return true;
}

bool disk_check_qcow2(const struct disk_bytes *bytes, struct error *err)
{
    uint8_t raw[HEAD_3_BYTES] = { 0 };
    if (!disk_read(bytes, 0, raw, HEAD_2_BYTES, "head", err))
        return false;
    uint64_t version = disk_big(raw + 4, 4);
    if (version != 2 && version != 3)
        return error_set(err, ERROR_INVALID, "version %llu is neither 2 nor 3", (unsigned long long)version);
    if (version == 3 && !disk_read(bytes, 0, raw, HEAD_3_BYTES, "head", err))
        return false;
    struct head head = head_of(raw);
    if (head.cluster_bits < 9 || head.cluster_bits > 21)
        return error_set(err, ERROR_INVALID, "its clusters have an impossible size");
    return check_features(&head, err) && disk_check_size(head.size, err) && check_tables(bytes, &head, err) &&
           check_clusters(bytes, &head, err);
}
