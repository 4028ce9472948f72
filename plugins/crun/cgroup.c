#include "config.h"

#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "limits.h"
#include "unit.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_FOLDER_MODE 0755
#define POD_FOLDER_MODE 0700
#define EVENTS_BYTES 4096
#define STAT_BYTES 65536
#define KILL_TRIES 500
#define KILL_AGAIN_NS 2000000

bool cgroup_is_v2(void)
{
    struct statfs fs;

    return statfs(CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

int cgroup_open_conmon(void)
{
    if (!cgroup_is_v2())
        return -1;
    mkdir(CGROUP_ROOT "/davit", CGROUP_FOLDER_MODE);
    mkdir(CGROUP_ROOT "/davit/conmon", CGROUP_FOLDER_MODE);
    return open(CGROUP_ROOT "/davit/conmon", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
}

char *cgroup_pod_path(const struct crun *crun, const char *uid)
{
    AUTO_FREE char *slice = unit_slice(uid);

    return crun->systemd ? mem_printf("/davit.slice/%s", slice) : mem_printf("/davit/%s", uid);
}

char *cgroup_container_path(const struct crun *crun, const struct document *document)
{
    AUTO_FREE char *pod = cgroup_pod_path(crun, document->uid);
    AUTO_FREE char *scope = unit_scope(document->id);

    return crun->systemd ? mem_printf("%s/%s", pod, scope)
                         : mem_printf("%s/%s-%lld", pod, document->container_name, (long long)document->attempt);
}

char *cgroup_spec_path(const struct crun *crun, const struct document *document)
{
    AUTO_FREE char *slice = unit_slice(document->uid);

    return crun->systemd ? mem_printf("%s:davit:%s", slice, document->id) : cgroup_container_path(crun, document);
}

char *cgroup_pause_path(const struct crun *crun, const char *uid)
{
    AUTO_FREE char *pod = cgroup_pod_path(crun, uid);

    return mem_printf("%s/pause", pod); /* no container's: those end in their attempt */
}

bool cgroup_limit(const struct crun *crun, const char *path, const struct json *limits, struct error *err)
{
    const char *unit = strrchr(path, '/') + 1, *ending = strrchr(unit, '.');
    AUTO_FREE char *inner = mem_printf("%s/container", path); /* crun's own folder in a scope, which systemd leaves alone */

    if (crun->systemd && ending != NULL && strcmp(ending, ".scope") == 0)
        return limits_apply(limits, inner, crun->cgroup_v2, err);
    return crun->systemd ? unit_limit(unit, limits, limits_weight(json_get_integer(limits, "cpuShares", 0)), err)
                         : limits_apply(limits, path, crun->cgroup_v2, err);
}

typedef bool (*folder_visitor)(const char *folder, pid_t pid);

/* `path` in every hierarchy: one on cgroup v2. True: one of the visits was. */
static bool each_hierarchy(const char *path, pid_t pid, folder_visitor visit)
{
    AUTO_FREE char *whole = mem_printf(CGROUP_ROOT "%s", path);
    DIR *root = NULL;
    struct dirent *entry;
    bool any = false;

    if (cgroup_is_v2())
        return visit(whole, pid);
    root = opendir(CGROUP_ROOT);
    while (root != NULL && (entry = readdir(root)) != NULL) {
        AUTO_FREE char *part = mem_printf(CGROUP_ROOT "/%s", entry->d_name);
        AUTO_FREE char *folder = mem_printf("%s%s", part, path);
        struct statfs fs;

        if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && statfs(part, &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC)
            any = visit(folder, pid) || any;
    }
    if (root != NULL)
        closedir(root);
    return any;
}

static bool put_into(const char *folder, pid_t pid)
{
    AUTO_FREE char *file = mem_printf("%s/cgroup.procs", folder);
    char text[16];
    int len = snprintf(text, sizeof(text), "%d", pid);
    struct error ignored; /* the write tells */

    AUTO_FREE char *pod = mem_printf("%s/..", folder);
    AUTO_FREE char *top = mem_printf("%s/../..", folder);
    /* As crun makes them: containers look at theirs, also those whose root is somebody else. */
    if (!file_make_dirs(folder, CGROUP_FOLDER_MODE, &ignored) || chmod(folder, CGROUP_FOLDER_MODE) != 0 ||
        chmod(pod, CGROUP_FOLDER_MODE) != 0 || chmod(top, CGROUP_FOLDER_MODE) != 0)
        return false;
    AUTO_CLOSE int fd = open(file, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, (size_t)len) == len;
}

bool cgroup_put(const char *path, pid_t pid, struct error *err)
{
    return each_hierarchy(path, pid, put_into) ||
           error_set_errno(err, errno, "cannot put process %d into the cgroup %s", pid, path);
}

/* A look may miss what forks meanwhile, so until a whole look finds none. */
static bool kill_in(const char *folder, pid_t ignored)
{
    AUTO_FREE char *file = mem_printf("%s/cgroup.procs", folder);

    AUTO_FREE char *kill_file = mem_printf("%s/cgroup.kill", folder); /* v2 since Linux 5.14 */
    AUTO_CLOSE int fd = open(kill_file, O_WRONLY | O_CLOEXEC);

    (void)ignored;
    if (fd >= 0 && write(fd, "1", 1) == 1)
        return true;
    for (int tries = 0; tries < KILL_TRIES; tries++) {
        FILE *list = fopen(file, "re");
        bool found = false;
        int pid;

        while (list != NULL && fscanf(list, "%d", &pid) == 1)
            found = (pid > 1 && kill(pid, SIGKILL) == 0) || found;
        if (list != NULL)
            fclose(list);
        if (!found)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = KILL_AGAIN_NS}, NULL);
    }
    return false;
}

void cgroup_kill(const char *path)
{
    (void)each_hierarchy(path, 0, kill_in);
}

/* Where a hierarchy is not mounted, crun fills a plain folder in its place: rmdir alone would leave that for ever. */
static void remove_part(const char *path)
{
    struct statfs fs;
    struct error err;

    if (rmdir(path) != 0 && errno == ENOTEMPTY && statfs(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
        (void)!file_remove_tree(path, &err);
}

void cgroup_remove(const char *path)
{
    AUTO_FREE char *whole = mem_printf(CGROUP_ROOT "%s", path);
    DIR *root = NULL;
    struct dirent *entry;

    if (rmdir(whole) == 0 || cgroup_is_v2())
        return;
    root = opendir(CGROUP_ROOT);
    while (root != NULL && (entry = readdir(root)) != NULL) {
        AUTO_FREE char *part = mem_printf(CGROUP_ROOT "/%s%s", entry->d_name, path);

        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            remove_part(part);
    }
    if (root != NULL)
        closedir(root);
}

void cgroup_remove_pod(const struct crun *crun, const char *uid)
{
    AUTO_FREE char *path = cgroup_pod_path(crun, uid);
    struct error err;

    if (crun->systemd && !unit_stop(strrchr(path, '/') + 1, &err))
        crun_log(crun, 4, "%s", err.message);
    cgroup_remove(path);
}

char *cgroup_of(const struct crun *crun, const char *id)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    AUTO_FREE char *link = mem_printf("%s/cgroup", bundle);
    char path[PATH_MAX];
    ssize_t len = readlink(link, path, sizeof(path) - 1);

    return len > 0 ? mem_printf("%.*s", (int)len, path) : NULL;
}

/* What memory.events, or v1's memory.oom_control, has counted. 0: no cgroup, no word of it. */
static uint64_t oom_kills(const char *file)
{
    AUTO_FREE char *text = NULL;
    struct error ignored;
    size_t len;
    const char *found = file_read(file, EVENTS_BYTES, &text, &len, &ignored) ? strstr(text, "oom_kill ") : NULL;

    return found != NULL ? strtoull(found + strlen("oom_kill "), NULL, 10) : 0;
}

static bool container_was_oom(const struct crun *crun, const char *id)
{
    AUTO_FREE char *path = cgroup_of(crun, id);
    AUTO_FREE char *file = crun->cgroup_v2 ? mem_printf(CGROUP_ROOT "%s/memory.events", path != NULL ? path : "")
                                           : mem_printf(CGROUP_ROOT "/memory%s/memory.oom_control", path != NULL ? path : "");
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    AUTO_FREE char *said = mem_printf("%s/oom", bundle); /* conmon's */

    return access(said, F_OK) == 0 || (path != NULL && oom_kills(file) > 0);
}

/* systemd removes a scope as soon as it is empty, with what it has counted, at times before conmon has read it. The pod's
 * slice counts what is below it and stays; how much of that an end has explained already is kept beside the pod. */
static bool slice_counts_more(const struct crun *crun, const char *uid)
{
    AUTO_FREE char *slice = cgroup_pod_path(crun, uid);
    AUTO_FREE char *events = mem_printf(CGROUP_ROOT "%s/memory.events", slice);
    AUTO_FREE char *folder = mem_printf("%s/pods/%s", crun->run_dir, uid);
    AUTO_FREE char *file = mem_printf("%s/oom", folder);
    AUTO_FREE char *text = NULL;
    uint64_t counted = oom_kills(events), explained = 0;
    struct error err;
    size_t len;

    if (file_read(file, EVENTS_BYTES, &text, &len, &err))
        explained = strtoull(text, NULL, 10);
    if (counted <= explained)
        return false;
    AUTO_FREE char *now = mem_printf("%llu", (unsigned long long)counted);
    if (!file_make_dirs(folder, POD_FOLDER_MODE, &err) || !file_write_atomic(file, now, strlen(now), 0600, false, &err))
        crun_log(crun, 4, "%s", err.message);
    return true;
}

bool cgroup_was_oom(const struct crun *crun, const char *uid, const char *id, bool killed)
{
    bool own = container_was_oom(crun, id);
    bool counted = crun->systemd && (own || killed) && slice_counts_more(crun, uid);

    return own || counted;
}

char *cgroup_read(const struct crun *crun, const char *path, const char *controller, const char *file)
{
    AUTO_FREE char *name = crun->cgroup_v2 ? mem_printf(CGROUP_ROOT "%s/%s", path, file)
                                           : mem_printf(CGROUP_ROOT "/%s%s/%s", controller, path, file);
    char *text = NULL;
    struct error ignored; /* the cgroup has gone, or the kernel has no such file */
    size_t len;

    return file_read(name, STAT_BYTES, &text, &len, &ignored) ? text : NULL;
}
