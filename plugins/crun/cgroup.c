#include "config.h"

#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_FOLDER_MODE 0755
#define EVENTS_BYTES 4096
#define STAT_BYTES 65536

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

char *cgroup_container_path(const char *uid, const char *container, int64_t attempt)
{
    return mem_printf("/davit/%s/%s-%lld", uid, container, (long long)attempt);
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

void cgroup_remove_pod(const char *uid)
{
    AUTO_FREE char *path = mem_printf("/davit/%s", uid);

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

bool cgroup_was_oom(const struct crun *crun, const char *id)
{
    AUTO_FREE char *path = cgroup_of(crun, id);
    AUTO_FREE char *file = crun->cgroup_v2 ? mem_printf(CGROUP_ROOT "%s/memory.events", path != NULL ? path : "")
                                           : mem_printf(CGROUP_ROOT "/memory%s/memory.oom_control", path != NULL ? path : "");
    AUTO_FREE char *text = NULL;
    struct error ignored; /* no cgroup, no word of it */
    size_t len;
    const char *found;

    if (path == NULL || !file_read(file, EVENTS_BYTES, &text, &len, &ignored))
        return false;
    found = strstr(text, "oom_kill ");
    return found != NULL && strtol(found + strlen("oom_kill "), NULL, 10) > 0;
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
