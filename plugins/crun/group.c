#include "config.h"

#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

#define READ_WRITE 0660
#define SEARCH 0110
#define SELF_BYTES 40

/* Opened below the root, and never through a link: who has the volume mounted may move things meanwhile. */
static bool take_one(int root, const char *below, gid_t group)
{
    struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    AUTO_CLOSE int fd = (int)syscall(SYS_openat2, root, *below != '\0' ? below : ".", &how, sizeof(how));
    char self[SELF_BYTES];
    struct stat info;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV; /* moved meanwhile */
    if (fstat(fd, &info) != 0)
        return false;
    mode_t mode = (info.st_mode & 07777) | READ_WRITE;
    if (S_ISDIR(info.st_mode))
        mode |= S_ISGID | SEARCH;
    if (fchownat(fd, "", (uid_t)-1, group, AT_EMPTY_PATH) != 0)
        return false;
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    return S_ISLNK(info.st_mode) || chmod(self, mode) == 0;
}

bool group_take(const char *path, gid_t group, struct error *err)
{
    char *const roots[] = {(char *)path, NULL};
    AUTO_CLOSE int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    FTS *tree = root >= 0 ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL) : NULL;
    bool good = tree != NULL;
    int failed = errno;

    for (FTSENT *entry; good && (entry = fts_read(tree)) != NULL;) {
        const char *below = entry->fts_path + strlen(path);

        if (entry->fts_info == FTS_DP || entry->fts_info == FTS_NS || entry->fts_info == FTS_ERR)
            continue;
        good = take_one(root, below + strspn(below, "/"), group);
        failed = errno;
    }
    if (tree != NULL)
        fts_close(tree);
    return good || error_set_errno(err, failed, "cannot give %s to the group %u", path, (unsigned)group);
}
