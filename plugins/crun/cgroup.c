#include "config.h"

#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_FOLDER_MODE 0755

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
