/* VHDX: [MS-VHDX]. All numbers are little-endian. */
#include "config.h"

#include <string.h>

#include "image/disk.h"

#define REGION_OFFSET (192u * 1024)
#define REGION_OFFSET_2 (256u * 1024)
#define ENTRY_BYTES 32
#define REGIONS_MAX 2047u
#define ITEMS_MAX 2047u
#define HAS_PARENT 2u

/* As they lie in the file. */
static const uint8_t metadata_region[16] = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                             0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };
static const uint8_t file_parameters[16] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                             0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b };
static const uint8_t disk_size[16] = { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                       0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 };
static const uint8_t parent_locator[16] = { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
                                            0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c };

static bool refuse_parent(struct error *err)
{
    return error_set(err, ERROR_INVALID, "it is a differencing disk, which has a parent: it would read other files");
}

/* Of one item, whose value lies `offset` behind the region's begin. */
static bool check_item(const struct disk_bytes *bytes, const uint8_t *item, uint64_t region, struct error *err)
{
    uint8_t value[8];
    uint64_t at = region + disk_little(item + 16, 4);
    if (memcmp(item, parent_locator, 16) == 0)
        return refuse_parent(err);
    if (memcmp(item, file_parameters, 16) == 0)
        return disk_read(bytes, at, value, sizeof(value), "parameters", err) &&
               (!(disk_little(value + 4, 4) & HAS_PARENT) || refuse_parent(err));
    if (memcmp(item, disk_size, 16) == 0)
        return disk_read(bytes, at, value, sizeof(value), "size", err) && disk_check_size(disk_little(value, 8), err);
    return true;
}

static bool check_metadata(const struct disk_bytes *bytes, uint64_t region, struct error *err)
{
    uint8_t head[ENTRY_BYTES], item[ENTRY_BYTES];
    if (!disk_read(bytes, region, head, sizeof(head), "metadata", err))
        return false;
    uint64_t count = disk_little(head + 10, 2);
    if (memcmp(head, "metadata", 8) != 0 || count > ITEMS_MAX)
        return error_set(err, ERROR_INVALID, "its metadata is damaged");
    for (uint64_t i = 0; i < count; i++)
        if (!disk_read(bytes, region + ENTRY_BYTES * (i + 1), item, sizeof(item), "metadata", err) ||
            !check_item(bytes, item, region, err))
            return false;
    return true;
}

/* The table of regions is there twice, and either may be the one that is read. */
static bool check_regions(const struct disk_bytes *bytes, uint64_t table, bool *found, struct error *err)
{
    uint8_t head[16], entry[ENTRY_BYTES];
    if (!disk_read(bytes, table, head, sizeof(head), "table of regions", err))
        return false;
    uint64_t count = disk_little(head + 8, 4);
    if (memcmp(head, "regi", 4) != 0)
        return true;
    if (count > REGIONS_MAX)
        return error_set(err, ERROR_INVALID, "its table of regions is damaged");
    for (uint64_t i = 0; i < count; i++) {
        if (!disk_read(bytes, table + sizeof(head) + ENTRY_BYTES * i, entry, sizeof(entry), "table of regions", err))
            return false;
        if (memcmp(entry, metadata_region, 16) != 0)
            continue;
        *found = true;
        if (!check_metadata(bytes, disk_little(entry + 16, 8), err))
            return false;
    }
    return true;
}

bool disk_check_vhdx(const struct disk_bytes *bytes, struct error *err)
{
    bool found = false;
    if (!check_regions(bytes, REGION_OFFSET, &found, err) || !check_regions(bytes, REGION_OFFSET_2, &found, err))
        return false;
    return found || error_set(err, ERROR_INVALID, "it has no metadata: it is damaged");
}
