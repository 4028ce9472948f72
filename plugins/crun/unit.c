#include "config.h"

#include "unit.h"

#include <inttypes.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/spawn.h"

#define SYSTEMCTL "/usr/bin/systemctl"

/* A dash means a slice in a slice. */
char *unit_slice(const char *uid)
{
    char *name = mem_printf("davit-%s.slice", uid);

    for (char *at = name + sizeof("davit-") - 1; *at != '\0'; at++)
        *at = *at == '-' ? '_' : *at;
    return name;
}

char *unit_scope(const char *id)
{
    return mem_printf("davit-%s.scope", id);
}

bool unit_limit(const char *unit, const struct json *limits, int64_t weight, struct error *err)
{
    int64_t quota = json_get_integer(limits, "cpuQuotaUs", 0), period = json_get_integer(limits, "cpuPeriodUs", 100000);
    int64_t memory = json_get_integer(limits, "memoryLimitBytes", 0);
    AUTO_FREE char *weight_text = mem_printf("CPUWeight=%" PRId64, weight);
    AUTO_FREE char *period_text = mem_printf("CPUQuotaPeriodSec=%" PRId64 "us", period);
    AUTO_FREE char *quota_text = quota > 0 ? mem_printf("CPUQuota=%" PRId64 "%%", (quota * 100 + period - 1) / period)
                                           : mem_strdup("CPUQuota=");
    AUTO_FREE char *memory_text = memory > 0 ? mem_printf("MemoryMax=%" PRId64, memory) : mem_strdup("MemoryMax=infinity");
    const char *const argv[] = {SYSTEMCTL, "set-property", "--runtime", unit, weight_text, quota_text, period_text,
                                memory_text, NULL};

    return spawn_run(argv, -1, err) || error_wrap(err, "systemctl set-property %s", unit);
}

bool unit_stop(const char *unit, struct error *err)
{
    const char *const argv[] = {SYSTEMCTL, "stop", unit, NULL};

    AUTO_FREE char *set = mem_printf("/run/systemd/system.control/%s.d", unit); /* set-property's, which nobody else removes */
    struct error ignored;
    bool good = spawn_run(argv, -1, err) || error_wrap(err, "systemctl stop %s", unit);

    (void)!file_remove_tree(set, &ignored);
    return good;
}
