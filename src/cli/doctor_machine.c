/* Clock, disk, memory: what every process needs. */
#include "config.h"

#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/doctor.h"
#include "davit/limits.h"

#define MIB (1024 * 1024)
#define DISK_WARN_MIB 512
#define DISK_FAIL_MIB 64
#define INODES_WARN 10000
#define MEMORY_WARN_MIB 64
#define MEMORY_FAIL_MIB 16
#define FILES_LEAST 4096

void doctor_clock(const struct doctor *doctor, struct finding *finding)
{
    char now[CLOCK_RFC3339_BYTES];
    struct timex state = {0};
    (void)doctor;
    bool synced = adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
    clock_rfc3339(clock_wall_ms(), now);
    if (clock_wall_ms() < LIMIT_CLOCK_SET_MS)
        finding_set(finding, VERDICT_FAIL, "Certificates and CronJobs need the time: set it, and start an NTP client (systemd-timesyncd, chrony).",
                    "%s: that is before this Davit was made", now);
    else if (!synced)
        finding_set(finding, VERDICT_WARN, "Start an NTP client: systemd-timesyncd or chrony.", "%s, and nothing keeps it right", now);
    else
        finding_ok(finding, "%s, kept right by NTP", now);
}

static const struct {
    long magic;
    const char *name;
    const char *remedy; /* NULL: it is fine */
} FILE_SYSTEMS[] = {
    {OVERLAYFS_SUPER_MAGIC, "overlayfs", "Overlays cannot lie on it: give [paths] state_dir= a disk of its own, as ext4 or XFS."},
    {TMPFS_MAGIC, "tmpfs", "All that Davit knows goes with a reboot: give [paths] state_dir= a disk, as ext4 or XFS."},
    {RAMFS_MAGIC, "ramfs", "All that Davit knows goes with a reboot: give [paths] state_dir= a disk, as ext4 or XFS."},
    {NFS_SUPER_MAGIC, "NFS", "Overlays and SQLite need a local disk: set [paths] state_dir=."},
    {MSDOS_SUPER_MAGIC, "FAT", "It has no owners and no links: give [paths] state_dir= a disk with ext4 or XFS."},
    {EXT4_SUPER_MAGIC, "ext4", NULL},
    {XFS_SUPER_MAGIC, "XFS", NULL},
    {BTRFS_SUPER_MAGIC, "Btrfs", NULL},
    {F2FS_SUPER_MAGIC, "F2FS", NULL},
};

static void judge_room(struct finding *finding, const char *folder, const char *type, const struct statvfs *room)
{
    uint64_t free_mib = (uint64_t)room->f_bavail * room->f_frsize / MIB, all_mib = (uint64_t)room->f_blocks * room->f_frsize / MIB;
    bool few_inodes = room->f_files > 0 && room->f_favail < INODES_WARN;
    if ((room->f_flag & ST_RDONLY) != 0)
        finding_set(finding, VERDICT_FAIL, "Nothing can be kept: remount it rw; the kernel's log may say why it is not.",
                    "%.200s (%s) is read-only", folder, type);
    else if (free_mib < DISK_FAIL_MIB || (room->f_files > 0 && room->f_favail == 0))
        finding_set(finding, VERDICT_FAIL, "Remove images (davit image prune), claims or logs, or give it a larger disk.",
                    "%.200s (%s) has no room: %" PRIu64 " of %" PRIu64 " MiB free", folder, type, free_mib, all_mib);
    else if (free_mib < DISK_WARN_MIB || few_inodes)
        finding_set(finding, VERDICT_WARN, "Remove images (davit image prune), claims or logs, or give it a larger disk.",
                    "%.200s (%s): %" PRIu64 " of %" PRIu64 " MiB free, %" PRIu64 " files", folder, type, free_mib, all_mib,
                    (uint64_t)room->f_favail);
    else
        finding_ok(finding, "%.200s (%s): %" PRIu64 " of %" PRIu64 " MiB free", folder, type, free_mib, all_mib);
}

/* The nearest part of it that is there. */
static char *standing(const char *path)
{
    char *copy = mem_strdup(path);
    struct statvfs room;
    while (strlen(copy) > 1 && statvfs(copy, &room) != 0) {
        char *slash = strrchr(copy, '/');
        slash[slash == copy ? 1 : 0] = '\0';
    }
    return copy;
}

void doctor_disk(const struct doctor *doctor, struct finding *finding)
{
    const char *folder = doctor_setting(doctor, "paths.state_dir", "/var/lib/davit");
    AUTO_FREE char *whole = mem_printf("%s%s", doctor->root, folder);
    AUTO_FREE char *there = standing(whole);
    struct statvfs room;
    struct statfs kind;
    if (statvfs(there, &room) != 0 || statfs(there, &kind) != 0) {
        finding_set(finding, VERDICT_FAIL, "Make it, or set [paths] state_dir=.", "%.200s cannot be looked at", folder);
        return;
    }
    const char *name = "another file system";
    for (size_t i = 0; i < sizeof(FILE_SYSTEMS) / sizeof(FILE_SYSTEMS[0]); i++) {
        if ((long)kind.f_type != FILE_SYSTEMS[i].magic)
            continue;
        name = FILE_SYSTEMS[i].name;
        bool volatile_only = FILE_SYSTEMS[i].magic == TMPFS_MAGIC || FILE_SYSTEMS[i].magic == RAMFS_MAGIC;
        judge_room(finding, folder, name, &room);
        if (FILE_SYSTEMS[i].remedy != NULL && finding->verdict != VERDICT_FAIL)
            finding_set(finding, volatile_only ? VERDICT_WARN : VERDICT_FAIL, FILE_SYSTEMS[i].remedy, "%.200s is on %s", folder, name);
        return;
    }
    judge_room(finding, folder, name, &room);
}

void doctor_run_dir(const struct doctor *doctor, struct finding *finding)
{
    const char *folder = doctor_setting(doctor, "paths.run_dir", "/run/davit");
    AUTO_FREE char *whole = mem_printf("%s%s", doctor->root, folder);
    AUTO_FREE char *there = standing(whole);
    struct statfs kind;
    if (statfs(there, &kind) == 0 && (kind.f_type == TMPFS_MAGIC || kind.f_type == RAMFS_MAGIC))
        finding_ok(finding, "%.200s is on a tmpfs", folder);
    else
        finding_set(finding, VERDICT_FAIL, "davitd does not start, for what lies there must end with a reboot: set [paths] run_dir= to a folder below /run.",
                    "%.200s is on no tmpfs", folder);
}

void doctor_memory(const struct doctor *doctor, struct finding *finding)
{
    AUTO_FREE char *text = doctor_read(doctor, "/proc/meminfo");
    const char *at = text != NULL ? strstr(text, "MemAvailable:") : NULL;
    const char *all = text != NULL ? strstr(text, "MemTotal:") : NULL;
    unsigned long free_kib = 0, all_kib = 0;
    if (at == NULL || all == NULL || sscanf(at, "MemAvailable: %lu", &free_kib) != 1 || sscanf(all, "MemTotal: %lu", &all_kib) != 1)
        finding_set(finding, VERDICT_FAIL, "Mount /proc.", "/proc/meminfo says nothing");
    else if (free_kib / 1024 < MEMORY_WARN_MIB)
        finding_set(finding, free_kib / 1024 < MEMORY_FAIL_MIB ? VERDICT_FAIL : VERDICT_WARN,
                    "The kernel will end processes soon: `davit top` says which pods have it.", "%lu of %lu MiB available",
                    free_kib / 1024, all_kib / 1024);
    else
        finding_ok(finding, "%lu of %lu MiB available", free_kib / 1024, all_kib / 1024);
}

void doctor_zones(const struct doctor *doctor, struct finding *finding)
{
    if (doctor_exists(doctor, "/usr/share/zoneinfo/Europe/Berlin"))
        finding_ok(finding, "time zones are installed");
    else
        finding_set(finding, VERDICT_WARN, "Only CronJobs with a timeZone need it: install the package tzdata.",
                    "no time zones are installed");
}

void doctor_files(const struct doctor *doctor, struct finding *finding)
{
    AUTO_FREE char *text = doctor_read(doctor, "/proc/sys/fs/file-nr");
    unsigned long used = 0, spare = 0, most = 0;
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (text == NULL || sscanf(text, "%lu %lu %lu", &used, &spare, &most) != 3)
        finding_set(finding, VERDICT_FAIL, "Mount /proc.", "/proc/sys/fs/file-nr says nothing");
    else if (most - used < FILES_LEAST)
        finding_set(finding, VERDICT_FAIL, "Raise it: sysctl fs.file-max.", "%lu of %lu files are open", used, most);
    else if (limit.rlim_max < FILES_LEAST)
        finding_set(finding, VERDICT_WARN, "Davit has two a container: raise LimitNOFILE= of davitd.service.",
                    "a process may open %lu", (unsigned long)limit.rlim_max);
    else
        finding_ok(finding, "%lu are open, and a process may open %lu", used, (unsigned long)limit.rlim_max);
}
