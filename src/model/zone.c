#include "model/zone.h"

#include <string.h>

#include "base/memory.h"
#include "model/zone_rule.h"

#define HEADER_BYTES 44
#define TYPE_BYTES 6
#define COUNT_MAX 4096
#define DAY_S 86400

struct change {
    int64_t at;
    int64_t offset;
};

struct zone {
    int64_t first_offset; /* before the first change */
    struct change *changes;
    size_t count;
    struct zone_rule rule; /* behind the last one */
};

static int64_t number_at(const unsigned char *at, size_t bytes)
{
    uint64_t value = at[0] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return (int64_t)value;
}

struct header {
    size_t utc_flags, standard_flags, leaps, times, types, chars;
};

static bool read_header(const unsigned char *at, size_t len, struct header *header)
{
    if (len < HEADER_BYTES || memcmp(at, "TZif", 4) != 0)
        return false;
    size_t *const counts[] = { &header->utc_flags, &header->standard_flags, &header->leaps,
                               &header->times,     &header->types,          &header->chars };
    for (size_t i = 0; i < 6; i++) {
        int64_t count = number_at(at + 20 + i * 4, 4);
        if (count < 0 || count > COUNT_MAX)
            return false;
        *counts[i] = (size_t)count;
    }
    return header->types > 0;
}

static size_t block_bytes(const struct header *header, size_t time_bytes)
{
    return header->times * (time_bytes + 1) + header->types * TYPE_BYTES + header->chars +
           header->leaps * (time_bytes + 4) + header->standard_flags + header->utc_flags;
}

static bool read_block(const unsigned char *at, const struct header *header, struct zone *zone)
{
    const unsigned char *places = at + header->times * 8;
    const unsigned char *types = places + header->times;
    zone->first_offset = number_at(types, 4);
    zone->changes = mem_array(header->times + 1, sizeof(*zone->changes));
    zone->count = header->times;
    for (size_t i = 0; i < header->times; i++) {
        if (places[i] >= header->types)
            return false;
        zone->changes[i].at = number_at(at + i * 8, 8);
        zone->changes[i].offset = number_at(types + places[i] * TYPE_BYTES, 4);
        if (i > 0 && zone->changes[i].at <= zone->changes[i - 1].at)
            return false;
    }
    return true;
}

static bool read_footer(const unsigned char *at, size_t len, struct zone_rule *rule)
{
    if (len < 2 || at[0] != '\n')
        return false;
    const unsigned char *end = memchr(at + 1, '\n', len - 1);
    if (end == NULL)
        return false;
    return end == at + 1 || zone_rule_parse((const char *)at + 1, (size_t)(end - at - 1), rule);
}

static bool read_all(const unsigned char *at, size_t len, struct zone *zone)
{
    struct header header;
    if (!read_header(at, len, &header) || at[4] < '2')
        return false;
    size_t skip = HEADER_BYTES + block_bytes(&header, 4);
    if (skip > len || !read_header(at + skip, len - skip, &header))
        return false;
    size_t block = block_bytes(&header, 8);
    skip += HEADER_BYTES;
    return block <= len - skip && read_block(at + skip, &header, zone) &&
           read_footer(at + skip + block, len - skip - block, &zone->rule);
}

struct zone *zone_parse(const void *data, size_t len, struct error *err)
{
    struct zone *zone = mem_alloc(sizeof(*zone));
    if (read_all(data, len, zone))
        return zone;
    zone_free(zone);
    error_set(err, ERROR_INVALID, "no TZif file of version 2 or later");
    return NULL;
}

struct zone *zone_utc(void)
{
    return mem_alloc(sizeof(struct zone));
}

void zone_free(struct zone *zone)
{
    if (zone == NULL)
        return;
    free(zone->changes);
    free(zone);
}

int64_t zone_offset(const struct zone *zone, int64_t utc)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (zone->changes[middle].at <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->count && zone->rule.known)
        return zone_rule_offset(&zone->rule, utc);
    return low == 0 ? zone->first_offset : zone->changes[low - 1].offset;
}

/* The moment in (low, high] at which the offset becomes another one. */
static int64_t change_between(const struct zone *zone, int64_t low, int64_t high)
{
    int64_t before = zone_offset(zone, low);
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (zone_offset(zone, middle) == before)
            low = middle;
        else
            high = middle;
    }
    return high;
}

void zone_times(const struct zone *zone, int64_t local, struct zone_times *times)
{
    /* No clock is more than a day away from Greenwich, and none changes twice within two. */
    int64_t early = zone_offset(zone, local - DAY_S), late = zone_offset(zone, local + DAY_S);
    times->count = 0;
    int64_t first = local - (early > late ? early : late), second = local - (early > late ? late : early);
    if (zone_offset(zone, first) == local - first)
        times->utc[times->count++] = first;
    if (second != first && zone_offset(zone, second) == local - second)
        times->utc[times->count++] = second;
    if (times->count == 0)
        times->utc[0] = change_between(zone, local - DAY_S, local + DAY_S);
}

bool zone_name_is_safe(const char *name)
{
    bool good = name[0] != '\0' && name[0] != '/' && strlen(name) <= 64 && strstr(name, "..") == NULL;
    for (const char *c = name; good && *c != '\0'; c++)
        good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("/_-+", *c) != NULL;
    return good;
}
