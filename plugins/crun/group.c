#include "config.h"

#include "group.h"

#include <errno.h>
#include <fts.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_WRITE 0660
#define SEARCH 0110

static bool take_one(const FTSENT *entry, gid_t group)
{
    mode_t mode = (entry->fts_statp->st_mode & 07777) | READ_WRITE;

    if (S_ISDIR(entry->fts_statp->st_mode))
        mode |= S_ISGID | SEARCH;
    if (lchown(entry->fts_accpath, (uid_t)-1, group) != 0)
        return false;
    return S_ISLNK(entry->fts_statp->st_mode) || chmod(entry->fts_accpath, mode) == 0;
}

bool group_take(const char *path, gid_t group, struct error *err)
{
    char *const roots[] = {(char *)path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    bool good = tree != NULL;
    int failed = errno;

    for (FTSENT *entry; good && (entry = fts_read(tree)) != NULL;) {
        if (entry->fts_info == FTS_DP || entry->fts_info == FTS_NS || entry->fts_info == FTS_ERR)
            continue;
        good = take_one(entry, group);
        failed = errno;
    }
    if (tree != NULL)
        fts_close(tree);
    return good || error_set_errno(err, failed, "cannot give %s to the group %u", path, (unsigned)group);
}
