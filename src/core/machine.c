#include "core/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define PROC_BYTES 262144
#define CPU_FIELDS 8 /* user nice system idle iowait irq softirq steal; guests are in user already */
#define NS_PER_S 1000000000

/* All processors together; idle and waiting for disks is no use. */
static int64_t cpu_used_ns(void)
{
    AUTO_FREE char *text = NULL;
    struct error ignored; /* then it stands still */
    size_t len;
    int64_t ticks = 0;
    if (!file_read("/proc/stat", PROC_BYTES, &text, &len, &ignored) || strncmp(text, "cpu ", 4) != 0)
        return 0;
    char *at = text + 4;
    for (int i = 0; i < CPU_FIELDS; i++) {
        int64_t value = strtoll(at, &at, 10);
        ticks += i == 3 || i == 4 ? 0 : value;
    }
    return ticks * (NS_PER_S / sysconf(_SC_CLK_TCK));
}

static int64_t kilobytes(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at != NULL ? strtoll(at + strlen(key), NULL, 10) : 0;
}

/* As the kubelet has it of the root cgroup: what is not free, without the file pages that could go at once. */
static int64_t memory_used_bytes(void)
{
    AUTO_FREE char *text = NULL;
    struct error ignored; /* then nothing is known */
    size_t len;
    if (!file_read("/proc/meminfo", PROC_BYTES, &text, &len, &ignored))
        return 0;
    return (kilobytes(text, "MemTotal:") - kilobytes(text, "MemFree:") - kilobytes(text, "Inactive(file):")) * 1024;
}

void machine_look(const char *folder, struct machine *out)
{
    struct statvfs disk;
    *out = (struct machine){ .cpu_ns = cpu_used_ns(), .memory_bytes = memory_used_bytes() };
    if (statvfs(folder, &disk) != 0)
        return;
    out->disk_bytes = (int64_t)(disk.f_blocks * disk.f_frsize);
    out->disk_free_bytes = (int64_t)(disk.f_bavail * disk.f_frsize);
}
