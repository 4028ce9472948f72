#include "core/zones.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "davit/limits.h"

#define ZONES "/usr/share/zoneinfo"

struct zone *zone_load(const char *name, struct error *err)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    if (name == NULL || strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0)
        return zone_utc();
    AUTO_FREE char *path = mem_printf(ZONES "/%s", name);
    struct zone *zone = NULL;
    if (zone_name_is_safe(name) && file_read_regular(path, LIMIT_ZONE_BYTES, &data, &len, err))
        zone = zone_parse(data, len, err);
    if (zone == NULL)
        error_set(err, ERROR_NOT_FOUND, "the time zone \"%.64s\" is not known on this device: it wants a file in " ZONES
                                        " (package tzdata)", name);
    return zone;
}
