#include "config.h"

#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <dirent.h>
#include <linux/magic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "cgroup.h"
#include "instance.h"
#include "pod.h"
#include "usage.h"

#define NET_BYTES 65536
#define NS_PER_US 1000

/* ---- one file */

/* "key 123" on a line of its own; -1: it is not there. */
static int64_t line_value(const char *text, const char *key)
{
    size_t len = strlen(key);

    for (const char *at = text; at != NULL && *at != '\0'; at = strchr(at, '\n'), at = at != NULL ? at + 1 : NULL)
        if (strncmp(at, key, len) == 0 && at[len] == ' ')
            return strtoll(at + len, NULL, 10);
    return -1;
}

/* The sum of all numbers right behind a word: over all devices. */
static int64_t sum_behind(const char *text, const char *word)
{
    int64_t sum = 0;

    for (const char *at = text; (at = strstr(at, word)) != NULL;) {
        at += strlen(word);
        sum += strtoll(at, NULL, 10);
    }
    return sum;
}

static void set_known(struct json *out, const char *key, int64_t value)
{
    if (value >= 0)
        json_set_integer(out, key, value);
}

static int64_t file_value(const struct crun *crun, const char *path, const char *controller, const char *file)
{
    AUTO_FREE char *text = cgroup_read(crun, path, controller, file);

    return text != NULL ? strtoll(text, NULL, 10) : -1;
}

/* ---- one container */

static void read_cpu(const struct crun *crun, const char *path, struct json *out)
{
    AUTO_FREE char *stat = cgroup_read(crun, path, "cpu", "cpu.stat");
    int64_t used = crun->cgroup_v2 ? line_value(stat, "usage_usec") : file_value(crun, path, "cpuacct", "cpuacct.usage");
    int64_t throttled = line_value(stat, crun->cgroup_v2 ? "throttled_usec" : "throttled_time");

    set_known(out, "cpuNs", crun->cgroup_v2 && used > 0 ? used * NS_PER_US : used);
    set_known(out, "throttledNs", crun->cgroup_v2 && throttled > 0 ? throttled * NS_PER_US : throttled);
    set_known(out, "throttledPeriods", line_value(stat, "nr_throttled"));
}

/* Kubernetes: the working set is what is used without the file pages that could go at once. */
static void read_memory(const struct crun *crun, const char *path, struct json *out)
{
    AUTO_FREE char *stat = cgroup_read(crun, path, "memory", "memory.stat");
    int64_t used = file_value(crun, path, "memory", crun->cgroup_v2 ? "memory.current" : "memory.usage_in_bytes");
    int64_t inactive = line_value(stat, crun->cgroup_v2 ? "inactive_file" : "total_inactive_file");

    set_known(out, "memoryBytes", used);
    if (used >= 0 && inactive >= 0)
        json_set_integer(out, "workingSetBytes", used > inactive ? used - inactive : 0);
    set_known(out, "rssBytes", line_value(stat, crun->cgroup_v2 ? "anon" : "total_rss"));
}

static void read_io(const struct crun *crun, const char *path, struct json *out)
{
    AUTO_FREE char *stat = cgroup_read(crun, path, "blkio",
                                       crun->cgroup_v2 ? "io.stat" : "blkio.throttle.io_service_bytes");

    if (stat == NULL)
        return;
    json_set_integer(out, "ioReadBytes", sum_behind(stat, crun->cgroup_v2 ? "rbytes=" : " Read "));
    json_set_integer(out, "ioWriteBytes", sum_behind(stat, crun->cgroup_v2 ? "wbytes=" : " Write "));
}

static void read_cgroup(const struct crun *crun, const char *id, struct json *out)
{
    AUTO_FREE char *path = cgroup_of(crun, id);

    if (path == NULL)
        return;
    json_set_integer(out, "takenBootMs", (int64_t)clock_boot_ms());
    read_cpu(crun, path, out);
    read_memory(crun, path, out);
    read_io(crun, path, out);
    set_known(out, "pids", file_value(crun, path, "pids", "pids.current"));
}

static void set_usage(struct json *out, const char *key, const char *path, int cancel_fd)
{
    struct usage usage;

    usage_of(path, cancel_fd, &usage);
    json_set_integer(out, key, usage.bytes);
    if (usage.partial)
        json_set_boolean(out, "partial", true);
}

static void read_disk(const struct crun *crun, const char *id, const char *log_path, int cancel_fd, struct json *out)
{
    AUTO_FREE char *upper = crun_upper_path(crun, id);
    AUTO_FREE char *logs = mem_strdup(log_path);
    char *slash = logs != NULL ? strrchr(logs, '/') : NULL;

    set_usage(out, "writableBytes", upper, cancel_fd);
    if (slash == NULL)
        return;
    *slash = '\0'; /* this attempt's and the one's before */
    set_usage(out, "logBytes", logs, cancel_fd);
}

/* ---- one pod */

static bool has_own_network(pid_t pid)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/ns/net", pid);
    struct stat its, ours;

    return stat(path, &its) == 0 && stat("/proc/self/ns/net", &ours) == 0 && its.st_ino != ours.st_ino;
}

/* Its first interface, as a process of it sees it. */
static void read_network(pid_t pid, struct json *out)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/net/dev", pid);
    AUTO_FREE char *text = NULL;
    struct error ignored; /* it has ended meanwhile */
    int64_t rx = 0, rx_errors = 0, tx = 0, tx_errors = 0;
    size_t len;
    const char *line;

    if (!has_own_network(pid) || !file_read(path, NET_BYTES, &text, &len, &ignored))
        return;
    line = strstr(text, "eth0:");
    /* bytes packets errs drop fifo frame compressed multicast, then the same of what was sent */
    if (line == NULL || sscanf(line, "eth0: %" SCNd64 " %*s %" SCNd64 " %*s %*s %*s %*s %*s %" SCNd64 " %*s %" SCNd64, &rx,
                               &rx_errors, &tx, &tx_errors) != 4)
        return;
    json_set_integer(out, "rxBytes", rx);
    json_set_integer(out, "txBytes", tx);
    json_set_integer(out, "rxErrors", rx_errors);
    json_set_integer(out, "txErrors", tx_errors);
}

/* A tmpfs knows what it holds. */
static bool memory_usage(const char *path, int64_t *bytes)
{
    struct statfs fs;

    if (statfs(path, &fs) != 0 || fs.f_type != TMPFS_MAGIC)
        return false;
    *bytes = (int64_t)((fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize);
    return true;
}

static void add_volume(struct json *volumes, const char *folder, const char *name, bool memory, int cancel_fd)
{
    AUTO_FREE char *path = mem_printf("%s/%s", folder, name);
    struct stat here, above;
    int64_t bytes;
    struct json *out;

    /* In the run directory, what is no mount of its own are files that the core wrote. */
    if (memory && (stat(path, &here) != 0 || stat(folder, &above) != 0 || here.st_dev == above.st_dev ||
                   !memory_usage(path, &bytes)))
        return;
    out = json_add_object(volumes);
    json_set_text(out, "name", name);
    if (memory)
        json_set_integer(out, "bytes", bytes);
    else
        set_usage(out, "bytes", path, cancel_fd);
    json_set_boolean(out, "memory", memory);
}

static void read_volumes(const char *root, const char *uid, bool memory, int cancel_fd, struct json *volumes)
{
    AUTO_FREE char *folder = mem_printf("%s/pods/%s/volumes", root, uid);
    DIR *open = opendir(folder);
    struct dirent *entry;

    while (open != NULL && (entry = readdir(open)) != NULL)
        if (entry->d_name[0] != '.')
            add_volume(volumes, folder, entry->d_name, memory, cancel_fd);
    if (open != NULL)
        closedir(open);
}

/* ---- all of them */

/* What is read of an instance without the lock. */
struct sample {
    char *id, *log_path;
    pid_t pid;
    struct json *out; /* in the answer */
    struct sample *next;
};

static bool is_asked(const struct json *uids, const char *uid)
{
    if (uids == NULL)
        return true;
    JSON_EACH(one, uids)
        if (json_text(one) != NULL && strcmp(json_text(one), uid) == 0)
            return true;
    return false;
}

static struct sample *take_names(struct crun *crun, const struct json *uids, struct json *instances)
{
    struct sample *first = NULL;

    pthread_mutex_lock(&crun->lock);
    for (const struct instance *one = crun->instances; one != NULL; one = one->next) {
        struct sample *sample;

        if (one->removing || one->state == INSTANCE_CREATED || !is_asked(uids, one->uid))
            continue;
        sample = mem_alloc(sizeof(*sample));
        sample->id = mem_strdup(one->id);
        sample->log_path = mem_strdup(one->log_path);
        sample->pid = one->state == INSTANCE_RUNNING ? one->init.pid : 0;
        sample->out = json_add_object(instances);
        json_set_text(sample->out, "uid", one->uid);
        json_set_text(sample->out, "namespace", one->namespace_);
        json_set_text(sample->out, "pod", one->pod);
        json_set_text(sample->out, "container", one->container);
        json_set_integer(sample->out, "attempt", one->attempt);
        sample->next = first;
        first = sample;
    }
    pthread_mutex_unlock(&crun->lock);
    return first;
}

static struct json *pod_of(struct json *pods, const char *uid)
{
    struct json *pod = json_get_mutable(pods, uid);

    return pod != NULL ? pod : json_set_object(pods, uid);
}

static void read_sample(const struct crun *crun, const struct sample *sample, bool disk, int cancel_fd, struct json *pods)
{
    const char *uid = json_get_text(sample->out, "uid");
    struct json *pod = pod_of(pods, uid);

    if (sample->pid > 0)
        read_cgroup(crun, sample->id, sample->out);
    if (sample->pid > 0 && json_get(pod, "rxBytes") == NULL)
        read_network(sample->pid, pod);
    if (disk)
        read_disk(crun, sample->id, sample->log_path, cancel_fd, sample->out);
    if (json_get(pod, "volumes") != NULL)
        return;
    struct json *volumes = json_set_array(pod, "volumes");
    read_volumes(crun->run_dir, uid, true, cancel_fd, volumes);
    if (disk)
        read_volumes(crun->state_dir, uid, false, cancel_fd, volumes);
}

/* Folders that the core names: claims. */
static void read_folders(const struct json *asked, int cancel_fd, struct json *folders)
{
    JSON_EACH(path, asked) {
        struct json *out;

        if (json_text(path) == NULL || !file_path_is_safe(json_text(path)))
            continue;
        out = json_add_object(folders);
        json_set_text(out, "path", json_text(path));
        set_usage(out, "bytes", json_text(path), cancel_fd);
    }
}

struct json *stats_read(struct crun *crun, const struct json *asked, int cancel_fd)
{
    struct json *answer = json_new_object();
    bool disk = json_get_boolean(asked, "disk", false);
    struct sample *samples = take_names(crun, json_get(asked, "uids"), json_set_array(answer, "instances"));
    struct json *pods = json_set_object(answer, "pods");

    if (disk || json_get(asked, "folders") != NULL)
        usage_be_nice();
    while (samples != NULL) {
        struct sample *sample = samples;

        samples = sample->next;
        read_sample(crun, sample, disk, cancel_fd, pods);
        free(sample->id);
        free(sample->log_path);
        free(sample);
    }
    read_folders(json_get(asked, "folders"), cancel_fd, json_set_array(answer, "folders"));
    return answer;
}
