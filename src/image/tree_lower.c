#include "config.h"

#include "image/tree_lower.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/memory.h"
#include "image/tree_walk.h"

enum verdict { VERDICT_FOUND, VERDICT_NEXT, VERDICT_STOP, VERDICT_FAILED };

static bool is_opaque(int fd)
{
    char value = 0;
    return fgetxattr(fd, "user.overlay.opaque", &value, sizeof(value)) == 1 && value == 'y';
}

static bool read_target(int folder, const char *name, char *target)
{
    ssize_t len = readlinkat(folder, name, target, LIMIT_PATH_BYTES);
    if (len < 0 || len >= LIMIT_PATH_BYTES)
        return false;
    target[len] = '\0';
    return true;
}

/* The last name of the path, in the folder of one layer. */
static enum verdict look_at(int folder, const char *name, struct lower_look *look)
{
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? VERDICT_NEXT : VERDICT_FAILED;
    if (tree_is_whiteout(st.st_mode, st.st_rdev))
        return VERDICT_STOP;
    look->kind = S_ISDIR(st.st_mode) ? LOWER_FOLDER : S_ISLNK(st.st_mode) ? LOWER_LINK : LOWER_OTHER;
    if (look->kind == LOWER_LINK && !read_target(folder, name, look->target))
        return VERDICT_FAILED;
    if (look->kind == LOWER_FOLDER)
        look->fd = tree_open_below(folder, name, O_RDONLY | O_DIRECTORY);
    return look->kind == LOWER_FOLDER && look->fd < 0 ? VERDICT_FAILED : VERDICT_FOUND;
}

/* One step down. Anything but a folder hides what still deeper layers have there. */
static enum verdict step_down(int *folder, const char *name)
{
    struct stat st;
    if (fstatat(*folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? VERDICT_NEXT : VERDICT_FAILED;
    if (!S_ISDIR(st.st_mode))
        return VERDICT_STOP;
    int next = tree_open_below(*folder, name, O_RDONLY | O_DIRECTORY);
    if (next < 0)
        return VERDICT_FAILED;
    close(*folder);
    *folder = next;
    return VERDICT_FOUND;
}

static enum verdict look_in(int layer, const char *real, struct lower_look *look)
{
    AUTO_CLOSE int folder = tree_open_below(layer, "", O_RDONLY | O_DIRECTORY);
    enum verdict otherwise = VERDICT_NEXT;
    char name[PATH_NAME_BYTES];
    if (folder < 0)
        return VERDICT_FAILED;
    for (;;) {
        size_t len = strcspn(real, "/");
        memcpy(name, real, len);
        name[len] = '\0';
        bool last = real[len] == '\0';
        enum verdict verdict = last ? look_at(folder, name, look) : step_down(&folder, name);
        if (verdict == VERDICT_NEXT)
            return otherwise;
        if (verdict != VERDICT_FOUND || last)
            return verdict;
        if (is_opaque(folder))
            otherwise = VERDICT_STOP;
        real += len + 1;
    }
}

bool tree_open_lowers(const struct tree *tree, struct error *err)
{
    struct tree_lowers *lowers = tree->lowers;
    return lowers->count == 0 || lowers->fds != NULL || lowers->fetch(lowers, err);
}

bool tree_look_below(const struct tree *tree, const char *real, struct lower_look *look, struct error *err)
{
    look->kind = LOWER_ABSENT;
    look->fd = -1;
    if (!tree_open_lowers(tree, err))
        return false;
    for (size_t i = tree->lowers->count; i > 0; i--) {
        enum verdict verdict = look_in(tree->lowers->fds[i - 1], real, look);
        if (verdict == VERDICT_FAILED)
            return tree_fail(err, "looking into the layers below for", real);
        if (verdict != VERDICT_NEXT)
            return true;
    }
    return true;
}
