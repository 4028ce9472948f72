#include "config.h"

#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define SHARES_MIN 2
#define SHARES_RANGE 262142
#define WEIGHT_RANGE 9999

/* The kernel's own proportion: 2 … 262144 shares are a weight of 1 … 10000. crun changed its own in 1.23. */
static int64_t weight_of(int64_t shares)
{
    return 1 + (shares - SHARES_MIN) * WEIGHT_RANGE / SHARES_RANGE;
}

struct json *limits_write(const struct json *limits, bool cgroup_v2)
{
    struct json *out = json_new_object();
    int64_t shares = json_get_integer(limits, "cpuShares", 0), quota = json_get_integer(limits, "cpuQuotaUs", 0);
    int64_t memory = json_get_integer(limits, "memoryLimitBytes", 0), pids = json_get_integer(limits, "pidsLimit", 0);
    struct json *cpu = shares > 0 || quota > 0 ? json_set_object(out, "cpu") : NULL;
    struct json *unified = cgroup_v2 && (shares > 0 || memory > 0) ? json_set_object(out, "unified") : NULL;

    if (quota > 0) {
        json_set_integer(cpu, "quota", quota);
        json_set_integer(cpu, "period", json_get_integer(limits, "cpuPeriodUs", 100000));
    }
    if (shares > 0 && cgroup_v2) {
        AUTO_FREE char *weight = mem_printf("%" PRId64, weight_of(shares));

        json_set_text(unified, "cpu.weight", weight);
    } else if (shares > 0) {
        json_set_integer(cpu, "shares", shares);
    }
    if (memory > 0)
        json_set_integer(json_set_object(out, "memory"), "limit", memory);
    /* As the kubelet: what is over its limit ends as a whole. Without a limit nothing asks for a memory controller. */
    if (memory > 0 && cgroup_v2)
        json_set_text(unified, "memory.oom.group", "1");
    if (pids > 0)
        json_set_integer(json_set_object(out, "pids"), "limit", pids);
    return out;
}

static bool write_value(const char *controller, const char *path, const char *file, int64_t first, int64_t second,
                        struct error *err)
{
    AUTO_FREE char *name = mem_printf(CGROUP_ROOT "%s%s%s/%s", controller[0] != '\0' ? "/" : "", controller, path, file);
    AUTO_FREE char *text = second != 0 && first < 0 ? mem_printf("max %" PRId64, second)
                           : second != 0            ? mem_printf("%" PRId64 " %" PRId64, first, second)
                                                    : mem_printf("%" PRId64, first);
    AUTO_CLOSE int fd = open(name, O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
        return true;
    return error_set_errno(err, errno, "cannot write %s to %s", text, name);
}

static bool apply_v2(const struct json *limits, const char *path, struct error *err)
{
    int64_t shares = json_get_integer(limits, "cpuShares", 0), quota = json_get_integer(limits, "cpuQuotaUs", 0);
    int64_t memory = json_get_integer(limits, "memoryLimitBytes", 0);

    if (shares > 0 && !write_value("", path, "cpu.weight", weight_of(shares), 0, err))
        return false;
    if (!write_value("", path, "cpu.max", quota > 0 ? quota : -1, json_get_integer(limits, "cpuPeriodUs", 100000), err))
        return false;
    return memory <= 0 || write_value("", path, "memory.max", memory, 0, err);
}

static bool apply_v1(const struct json *limits, const char *path, struct error *err)
{
    int64_t shares = json_get_integer(limits, "cpuShares", 0), quota = json_get_integer(limits, "cpuQuotaUs", 0);
    int64_t memory = json_get_integer(limits, "memoryLimitBytes", 0);

    if (shares > 0 && !write_value("cpu", path, "cpu.shares", shares, 0, err))
        return false;
    if (!write_value("cpu", path, "cpu.cfs_quota_us", quota > 0 ? quota : -1, 0, err))
        return false;
    return write_value("memory", path, "memory.limit_in_bytes", memory > 0 ? memory : -1, 0, err);
}

bool limits_apply(const struct json *limits, const char *path, bool cgroup_v2, struct error *err)
{
    return cgroup_v2 ? apply_v2(limits, path, err) : apply_v1(limits, path, err);
}

int64_t limits_oom_score(int64_t wanted, bool *clamped)
{
    static const char path[] = "/proc/self/oom_score_adj";
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *again = mem_printf("%" PRId64, wanted);
    struct error ignored; /* then it is as the kernel has it for everybody */
    size_t len;
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
    int64_t now = file_read(path, 32, &text, &len, &ignored) ? strtoll(text, NULL, 10) : 0;

    *clamped = false;
    if (wanted >= now || fd < 0)
        return wanted;
    /* Tried on ourselves, and taken back. */
    if (write(fd, again, strlen(again)) == (ssize_t)strlen(again)) {
        if (write(fd, text, len) < 0)
            *clamped = false;
        return wanted;
    }
    *clamped = true;
    return now;
}
