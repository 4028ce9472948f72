/* VMDK, as one file: VMware's Virtual Disk Format 5.0. All numbers are little-endian. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/disk.h"

#define SECTOR 512u
#define HEAD_BYTES 79
/* Where QEMU reads the descriptor, whatever the head says, and how much of it. */
#define DESCRIPTOR_OFFSET 512u
#define DESCRIPTOR_BYTES (20u * SECTOR)
#define FOOTER_BYTES 1024u
#define ENTRIES_MAX 512u
#define GRAIN_MAX (64u * 1024)

static bool begins(const char *line, const char *word)
{
    size_t len = strlen(word);
    return strncasecmp(line, word, len) == 0 && (line[len] == ' ' || line[len] == '\t');
}

static bool is_extent(const char *line)
{
    return begins(line, "RW") || begins(line, "RDONLY") || begins(line, "NOACCESS");
}

/* RW 4192256 SPARSE "name": the disk itself. */
static bool check_extent(const char *line, size_t count, struct error *err)
{
    char kind[16] = "";
    unsigned long long sectors = 0;
    if (count > 0)
        return error_set(err, ERROR_INVALID, "it has several extents: it would read other files");
    if (sscanf(line, "%*s %llu %15s", &sectors, kind) != 2 || strcmp(kind, "SPARSE") != 0)
        return error_set(err, ERROR_INVALID, "its extent is no SPARSE one within it: it would read other files");
    return true;
}

static bool check_type(const char *line, struct error *err)
{
    const char *value = strchr(line, '"');
    if (value != NULL && (strncmp(value, "\"monolithicSparse\"", 18) == 0 || strncmp(value, "\"streamOptimized\"", 17) == 0))
        return true;
    return error_set(err, ERROR_INVALID, "it is no VMDK in one file (createType monolithicSparse or streamOptimized)");
}

static bool check_line(char *line, size_t *extents, bool *typed, struct error *err)
{
    while (*line == ' ' || *line == '\t')
        line++;
    if (is_extent(line))
        return check_extent(line, (*extents)++, err);
    if (strncasecmp(line, "createType", 10) == 0) {
        *typed = true;
        return check_type(line, err);
    }
    if (strncasecmp(line, "parentCID", 9) == 0 && strstr(line, "ffffffff") == NULL)
        return error_set(err, ERROR_INVALID, "it has a parent: it would read other files");
    return true;
}

static bool check_descriptor(char *text, struct error *err)
{
    size_t extents = 0;
    bool typed = false;
    char *rest = text;
    if (strcasestr(text, "parentFileNameHint") != NULL)
        return error_set(err, ERROR_INVALID, "it has a parent: it would read other files");
    for (char *line = strtok_r(text, "\r\n", &rest); line != NULL; line = strtok_r(NULL, "\r\n", &rest))
        if (!check_line(line, &extents, &typed, err))
            return false;
    if (!typed || extents != 1)
        return error_set(err, ERROR_INVALID, "its descriptor is damaged: it names %zu extents, and %s type", extents,
                         typed ? "a" : "no");
    return true;
}

/* ---- where its grains lie */

struct grains {
    uint64_t capacity, grain, entries, directory; /* sectors, but for the entries of a table */
};

static struct grains grains_of(const uint8_t *head)
{
    return (struct grains){ .capacity = disk_little(head + 12, 8), .grain = disk_little(head + 20, 8),
                            .entries = disk_little(head + 44, 4), .directory = disk_little(head + 56, 8) };
}

/* A stream has its directory at the end, and a copy of the head behind that says where. */
static bool find_directory(const struct disk_bytes *bytes, struct grains *grains, struct error *err)
{
    uint8_t head[HEAD_BYTES];
    if (grains->directory != UINT64_MAX)
        return true;
    if (bytes->size < FOOTER_BYTES || !disk_read(bytes, bytes->size - FOOTER_BYTES, head, sizeof(head), "footer", err))
        return error_set(err, ERROR_INVALID, "it ends before its footer: it is truncated");
    if (memcmp(head, "KDMV", 4) != 0)
        return error_set(err, ERROR_INVALID, "it ends before its footer: it is truncated");
    *grains = grains_of(head);
    return disk_check_size(grains->capacity <= UINT64_MAX / SECTOR ? grains->capacity * SECTOR : 0, err);
}

static bool check_table(const struct disk_bytes *bytes, const struct grains *grains, uint64_t table, struct error *err)
{
    uint8_t raw[4 * ENTRIES_MAX];
    if (!disk_read(bytes, table * SECTOR, raw, 4 * (size_t)grains->entries, "tables", err))
        return false;
    for (size_t i = 0; i < grains->entries; i++)
        if (disk_little(raw + 4 * i, 4) * SECTOR >= bytes->size)
            return error_set(err, ERROR_INVALID, "it ends before its last grain: it is truncated");
    return true;
}

/* What lies beyond the file's end QEMU would read as zeros. */
static bool check_grains(const struct disk_bytes *bytes, struct grains *grains, struct error *err)
{
    uint8_t raw[4];
    if (!find_directory(bytes, grains, err))
        return false;
    if (grains->entries == 0 || grains->entries > ENTRIES_MAX || grains->grain == 0 || grains->grain > GRAIN_MAX ||
        grains->directory > UINT32_MAX)
        return error_set(err, ERROR_INVALID, "its tables have an impossible size");
    uint64_t covers = grains->grain * grains->entries;
    for (uint64_t i = 0; i < (grains->capacity + covers - 1) / covers; i++) {
        if (!disk_read(bytes, grains->directory * SECTOR + 4 * i, raw, sizeof(raw), "directory", err))
            return false;
        uint64_t table = disk_little(raw, 4);
        if (table != 0 && !check_table(bytes, grains, table, err))
            return false;
    }
    return true;
}

bool disk_check_vmdk(const struct disk_bytes *bytes, struct error *err)
{
    uint8_t head[HEAD_BYTES];
    char text[DESCRIPTOR_BYTES + 1] = "";
    if (!disk_read(bytes, 0, head, sizeof(head), "head", err))
        return false;
    uint64_t version = disk_little(head + 4, 4), sectors = disk_little(head + 12, 8);
    if (version < 1 || version > 3)
        return error_set(err, ERROR_INVALID, "version %llu is unknown", (unsigned long long)version);
    /* Of a capacity of 0 QEMU takes the file for a descriptor of others. */
    if (sectors > UINT64_MAX / SECTOR || !disk_check_size(sectors * SECTOR, err))
        return error_wrap(err, "its capacity");
    if (disk_little(head + 28, 8) != DESCRIPTOR_OFFSET / SECTOR)
        return error_set(err, ERROR_INVALID, "its descriptor lies not behind its head");
    uint64_t left = bytes->size > DESCRIPTOR_OFFSET ? bytes->size - DESCRIPTOR_OFFSET : 0;
    if (!disk_read(bytes, DESCRIPTOR_OFFSET, text, left < DESCRIPTOR_BYTES ? (size_t)left : DESCRIPTOR_BYTES, "descriptor", err))
        return false;
    /* Behind a NUL nobody reads on; what is left out there must not be what decides. */
    struct grains grains = grains_of(head);
    return check_descriptor(text, err) && check_grains(bytes, &grains, err);
}
