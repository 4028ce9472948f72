#include "config.h"

#include "qcow2.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "davit/limits.h"

/* QEMU, docs/interop/qcow2.txt. All numbers are big-endian. */
#define MAGIC 0x514649fbu
#define HEADER_2_BYTES 72
#define HEADER_3_BYTES 104
#define HEADER_MAX_BYTES 4096
#define CLUSTER_BITS_MIN 9
#define CLUSTER_BITS_MAX 21
#define EXTENDED_CLUSTER_BITS_MIN 14
#define L1_BYTES_MAX (32 * 1024 * 1024)
#define REFCOUNT_TABLE_BYTES_MAX (8 * 1024 * 1024)
#define REFCOUNT_ORDER_MAX 6
#define SNAPSHOTS_MAX 65536
#define SNAPSHOT_BYTES_MIN 40
#define COMPRESSIONS 2 /* zlib, zstd */
#define EXTENSIONS_MAX 64

#define INCOMPATIBLE_DIRTY (1ull << 0)
#define INCOMPATIBLE_CORRUPT (1ull << 1)
#define INCOMPATIBLE_EXTERNAL (1ull << 2)
#define INCOMPATIBLE_COMPRESSION (1ull << 3)
#define INCOMPATIBLE_EXTENDED_L2 (1ull << 4)
#define INCOMPATIBLE_TAKEN (INCOMPATIBLE_DIRTY | INCOMPATIBLE_COMPRESSION | INCOMPATIBLE_EXTENDED_L2)

#define EXTENSION_END 0u
#define EXTENSION_EXTERNAL 0x44415441u
#define EXTENSION_ENCRYPTION 0x0537be77u

/* Where fields lie. */
enum {
    AT_VERSION = 4, AT_BACKING = 8, AT_BACKING_BYTES = 16, AT_CLUSTER_BITS = 20, AT_SIZE = 24, AT_CRYPT = 32, AT_L1_SIZE = 36,
    AT_L1 = 40, AT_REFCOUNT = 48, AT_REFCOUNT_CLUSTERS = 56, AT_SNAPSHOTS = 60, AT_SNAPSHOTS_OFFSET = 64,
    AT_INCOMPATIBLE = 72, AT_REFCOUNT_ORDER = 96, AT_HEADER_BYTES = 100, AT_COMPRESSION = 104
};

struct header {
    unsigned char bytes[HEADER_3_BYTES + 8];
    int fd;
    uint64_t file_bytes;
    uint32_t version, length, cluster_bits;
    uint64_t incompatible;
};

static uint32_t number_32(const unsigned char *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return be32toh(value);
}

static uint64_t number_64(const unsigned char *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return be64toh(value);
}

/* The whole of it, or false: the file ends before, or cannot be read. */
static bool read_at(int fd, void *out, size_t len, uint64_t offset)
{
    return offset <= INT64_MAX - len && pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* Formats that would be no disk at all when taken for raw. */
static const char *foreign_format(int fd)
{
    static const struct {
        uint64_t offset;
        const char *mark;
        size_t len;
        const char *name;
    } marks[] = {
        {0, "KDMV", 4, "a VMDK"}, {0, "COWD", 4, "a VMDK"}, {0, "# Disk DescriptorFile", 21, "a VMDK"},
        {0, "vhdxfile", 8, "a VHDX"}, {0, "conectix", 8, "a VHD"}, {64, "\x7f\x10\xda\xbe", 4, "a VDI"},
        {0, "QED\0", 4, "a QED"}, {0, "QFI\xfb", 4, "a qcow2 that ends in its header"},
    };
    char bytes[32];

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (read_at(fd, bytes, marks[i].len, marks[i].offset) && memcmp(bytes, marks[i].mark, marks[i].len) == 0)
            return marks[i].name;
    }
    return NULL;
}

static bool inspect_raw(int fd, uint64_t file_bytes, struct qcow2 *out, struct error *err)
{
    const char *foreign = foreign_format(fd);

    if (foreign != NULL)
        return error_set(err, ERROR_INVALID, "it is %s: qcow2 and raw are taken, and davit vm import makes them", foreign);
    if (file_bytes == 0)
        return error_set(err, ERROR_INVALID, "it is empty");
    if (file_bytes > LIMIT_VM_DISK_BYTES)
        return error_set(err, ERROR_INVALID, "it has %" PRIu64 " bytes, a disk can have %lld", file_bytes,
                         (long long)LIMIT_VM_DISK_BYTES);
    *out = (struct qcow2){.format = "raw", .virtual_bytes = file_bytes};
    return true;
}

static bool read_version(struct header *header, struct error *err)
{
    header->version = number_32(header->bytes + AT_VERSION);
    header->length = HEADER_2_BYTES;
    header->incompatible = 0;
    if (header->version != 2 && header->version != 3)
        return error_set(err, ERROR_INVALID, "the qcow2 has the version %" PRIu32 ", 2 and 3 are known", header->version);
    if (header->version == 2)
        return true;
    if (!read_at(header->fd, header->bytes, HEADER_3_BYTES, 0))
        return error_set(err, ERROR_INVALID, "the qcow2 ends in its header");
    header->length = number_32(header->bytes + AT_HEADER_BYTES);
    header->incompatible = number_64(header->bytes + AT_INCOMPATIBLE);
    if (header->length < HEADER_3_BYTES || header->length > HEADER_MAX_BYTES || header->length % 8 != 0 ||
        header->length > header->file_bytes)
        return error_set(err, ERROR_INVALID, "the qcow2 has a header of %" PRIu32 " bytes", header->length);
    return header->length == HEADER_3_BYTES || read_at(header->fd, header->bytes, sizeof(header->bytes), 0) ||
           error_set(err, ERROR_INVALID, "the qcow2 ends in its header");
}

/* What leads out of the file, or cannot be read without more than the file. */
static bool check_alone(const struct header *header, struct error *err)
{
    uint64_t unknown = header->incompatible & ~(INCOMPATIBLE_TAKEN | INCOMPATIBLE_EXTERNAL | INCOMPATIBLE_CORRUPT);

    if (number_64(header->bytes + AT_BACKING) != 0 || number_32(header->bytes + AT_BACKING_BYTES) != 0)
        return error_set(err, ERROR_INVALID, "the qcow2 has a backing file, which would be a file of this host");
    if ((header->incompatible & INCOMPATIBLE_EXTERNAL) != 0)
        return error_set(err, ERROR_INVALID, "the qcow2 has an external data file, which would be a file of this host");
    if (number_32(header->bytes + AT_CRYPT) != 0)
        return error_set(err, ERROR_INVALID, "the qcow2 is encrypted");
    if ((header->incompatible & INCOMPATIBLE_CORRUPT) != 0)
        return error_set(err, ERROR_INVALID, "the qcow2 is marked as corrupt");
    return unknown == 0 || error_set(err, ERROR_INVALID, "the qcow2 has incompatible features that are not known: 0x%" PRIx64,
                                     unknown);
}

static bool check_shape(struct header *header, struct error *err)
{
    uint64_t size = number_64(header->bytes + AT_SIZE);
    bool extended = (header->incompatible & INCOMPATIBLE_EXTENDED_L2) != 0;
    bool packed = (header->incompatible & INCOMPATIBLE_COMPRESSION) != 0;

    header->cluster_bits = number_32(header->bytes + AT_CLUSTER_BITS);
    if (header->cluster_bits < (extended ? EXTENDED_CLUSTER_BITS_MIN : CLUSTER_BITS_MIN) ||
        header->cluster_bits > CLUSTER_BITS_MAX)
        return error_set(err, ERROR_INVALID, "the qcow2 has clusters of 2^%" PRIu32 " bytes", header->cluster_bits);
    if (size == 0 || size > LIMIT_VM_DISK_BYTES)
        return error_set(err, ERROR_INVALID, "the qcow2 says that it is a disk of %" PRIu64 " bytes, 1 to %lld can be used",
                         size, (long long)LIMIT_VM_DISK_BYTES);
    if (header->length > 1ull << header->cluster_bits)
        return error_set(err, ERROR_INVALID, "the qcow2's header is longer than a cluster");
    if (header->version == 3 && number_32(header->bytes + AT_REFCOUNT_ORDER) > REFCOUNT_ORDER_MAX)
        return error_set(err, ERROR_INVALID, "the qcow2's reference counts are wider than 64 bits");
    if (packed && (header->length <= HEADER_3_BYTES || header->bytes[AT_COMPRESSION] >= COMPRESSIONS))
        return error_set(err, ERROR_INVALID, "the qcow2 is compressed in a way that is not known");
    return true;
}

/* `bytes` is below 2^40, whoever says it. */
static bool check_table(const struct header *header, const char *what, uint64_t offset, uint64_t bytes, uint64_t most,
                        struct error *err)
{
    uint64_t in_cluster = offset & ((1ull << header->cluster_bits) - 1);

    if (bytes > most)
        return error_set(err, ERROR_INVALID, "the qcow2's %s has %" PRIu64 " bytes, %" PRIu64 " is the most", what, bytes, most);
    if (in_cluster != 0 || offset < header->length)
        return error_set(err, ERROR_INVALID, "the qcow2's %s does not begin where a table can", what);
    return (offset <= header->file_bytes && bytes <= header->file_bytes - offset) ||
           error_set(err, ERROR_INVALID, "the qcow2's %s lies beyond the end of the file", what);
}

static bool check_tables(const struct header *header, struct error *err)
{
    uint64_t l1_entries = number_32(header->bytes + AT_L1_SIZE), size = number_64(header->bytes + AT_SIZE);
    uint64_t refcount_clusters = number_32(header->bytes + AT_REFCOUNT_CLUSTERS);
    uint64_t snapshots = number_32(header->bytes + AT_SNAPSHOTS);
    uint32_t entry_bits = (header->incompatible & INCOMPATIBLE_EXTENDED_L2) != 0 ? 4 : 3;
    uint32_t reach_bits = header->cluster_bits + header->cluster_bits - entry_bits; /* of one L1 entry */
    uint64_t needed = ((size - 1) >> reach_bits) + 1;

    if (l1_entries < needed)
        return error_set(err, ERROR_INVALID, "the qcow2's L1 table has %" PRIu64 " entries, its size needs %" PRIu64,
                         l1_entries, needed);
    if (refcount_clusters == 0)
        return error_set(err, ERROR_INVALID, "the qcow2 has no refcount table");
    return check_table(header, "L1 table", number_64(header->bytes + AT_L1), l1_entries * 8, L1_BYTES_MAX, err) &&
           check_table(header, "refcount table", number_64(header->bytes + AT_REFCOUNT),
                       refcount_clusters << header->cluster_bits, REFCOUNT_TABLE_BYTES_MAX, err) &&
           (snapshots == 0 ||
            check_table(header, "snapshot table", number_64(header->bytes + AT_SNAPSHOTS_OFFSET),
                        snapshots * SNAPSHOT_BYTES_MIN, SNAPSHOTS_MAX * SNAPSHOT_BYTES_MIN, err));
}

/* They follow the header, up to the end of its cluster. */
static bool check_extensions(const struct header *header, struct error *err)
{
    uint64_t at = header->length, end = 1ull << header->cluster_bits;
    unsigned char head[8];

    for (unsigned i = 0; i < EXTENSIONS_MAX && at + sizeof(head) <= end; i++) {
        if (!read_at(header->fd, head, sizeof(head), at))
            return error_set(err, ERROR_INVALID, "the qcow2 ends in its header's extensions");
        uint32_t type = number_32(head);
        uint64_t len = number_32(head + 4);

        if (type == EXTENSION_END)
            return true;
        if (type == EXTENSION_EXTERNAL)
            return error_set(err, ERROR_INVALID, "the qcow2 names an external data file, which would be a file of this host");
        if (type == EXTENSION_ENCRYPTION)
            return error_set(err, ERROR_INVALID, "the qcow2 is encrypted");
        at += sizeof(head);
        if (len > end - at)
            return error_set(err, ERROR_INVALID, "an extension of the qcow2's header leads out of its cluster");
        at += (len + 7) & ~7ull;
    }
    return at + sizeof(head) > end ||
           error_set(err, ERROR_INVALID, "the qcow2's header has more than %d extensions", EXTENSIONS_MAX);
}

bool qcow2_inspect(int fd, struct qcow2 *out, struct error *err)
{
    struct header header = {.fd = fd};
    struct stat info;

    *out = (struct qcow2){0};
    if (fstat(fd, &info) != 0)
        return error_set_errno(err, errno, "cannot look at the disk");
    if (!S_ISREG(info.st_mode))
        return error_set(err, ERROR_INVALID, "it is no regular file");
    header.file_bytes = (uint64_t)info.st_size;
    if (!read_at(fd, header.bytes, HEADER_2_BYTES, 0) || number_32(header.bytes) != MAGIC)
        return inspect_raw(fd, header.file_bytes, out, err);
    if (!read_version(&header, err) || !check_alone(&header, err) || !check_shape(&header, err) ||
        !check_tables(&header, err) || !check_extensions(&header, err))
        return false;
    *out = (struct qcow2){.format = "qcow2", .virtual_bytes = number_64(header.bytes + AT_SIZE)};
    return true;
}

bool qcow2_read_own(int fd, uint64_t *virtual_bytes, char backing[QCOW2_BACKING_BYTES], struct error *err)
{
    unsigned char bytes[HEADER_2_BYTES];

    if (!read_at(fd, bytes, sizeof(bytes), 0) || number_32(bytes) != MAGIC)
        return error_set(err, ERROR_IO, "it is no qcow2 any more");
    uint64_t offset = number_64(bytes + AT_BACKING);
    uint32_t len = number_32(bytes + AT_BACKING_BYTES);

    *virtual_bytes = number_64(bytes + AT_SIZE);
    if (offset == 0)
        len = 0;
    if (len >= QCOW2_BACKING_BYTES || (len > 0 && !read_at(fd, backing, len, offset)))
        return error_set(err, ERROR_IO, "the name of its base cannot be read");
    backing[len] = '\0';
    return true;
}
