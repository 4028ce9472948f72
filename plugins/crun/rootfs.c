#include "config.h"

#include "rootfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "overlay.h"

#define FOLDER_MODE 0700
#define ROOT_MODE 0755 /* what the container sees as / */

static bool make_folder(const char *parent, const char *name, mode_t mode, uid_t owner, struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/%s", parent, name);

    /* chmod, for the umask takes from mkdir's */
    if (mkdir(path, mode) != 0 || chmod(path, mode) != 0 || (owner != 0 && chown(path, owner, owner) != 0))
        return error_set_errno(err, errno, "cannot make %s", path);
    return true;
}

bool rootfs_mount(const struct crun *crun, const char *id, const struct json *layers, int userns, uid_t owner,
                  struct error *err)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    AUTO_FREE char *upper = crun_upper_path(crun, id);
    AUTO_FREE char *target = mem_printf("%s/rootfs", bundle);
    AUTO_FREE char *folder = mem_printf("%s/layers", bundle);
    struct overlay overlay = {.target = target, .folder = folder, .layers = layers, .upper = upper, .userns = userns};

    /* What an earlier boot left under this name is no part of this container. */
    return file_remove_tree(upper, err) && file_make_dirs(upper, FOLDER_MODE, err) &&
           make_folder(upper, "upper", ROOT_MODE, owner, err) && make_folder(upper, "work", FOLDER_MODE, owner, err) &&
           make_folder(bundle, "rootfs", ROOT_MODE, 0, err) && overlay_mount(&overlay, err);
}

bool rootfs_mount_image(const char *folder, const struct json *layers, int userns, struct error *err)
{
    AUTO_FREE char *target = mem_printf("%s/root", folder);
    AUTO_FREE char *names = mem_printf("%s/layers", folder);
    AUTO_FREE char *outside = mem_printf("%s/..", target);
    struct overlay overlay = {.target = target, .folder = names, .layers = layers, .userns = userns,
                              .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC};
    struct stat here, above;

    if (!file_make_dirs(target, FOLDER_MODE, err))
        return false;
    if (stat(target, &here) == 0 && stat(outside, &above) == 0 && here.st_dev != above.st_dev)
        return true;
    return overlay_mount(&overlay, err);
}

void rootfs_unmount_images(const char *images)
{
    DIR *open = opendir(images);
    struct dirent *entry;

    while (open != NULL && (entry = readdir(open)) != NULL) {
        AUTO_FREE char *path = mem_printf("%s/%s/root", images, entry->d_name);

        if (entry->d_name[0] != '.')
            umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    }
    if (open != NULL)
        closedir(open);
}

bool rootfs_check(int rootfs_fd, struct error *err)
{
    static const char *const folders[] = {"dev", "proc", "sys", "etc", "run"};
    struct stat stat;

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (fstatat(rootfs_fd, folders[i], &stat, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno != ENOENT)
                return error_set_errno(err, errno, "cannot look at /%s of the image", folders[i]);
            continue;
        }
        if (!S_ISDIR(stat.st_mode))
            return error_set(err, ERROR_INVALID, "the image's /%s is %s, and must be a folder: such an image is refused "
                             "because mounts could lead out of the container", folders[i],
                             S_ISLNK(stat.st_mode) ? "a symbolic link" : "no folder");
    }
    return true;
}

void rootfs_unmount(const struct crun *crun, const char *id)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    AUTO_FREE char *target = mem_printf("%s/rootfs", bundle);

    while (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        ; /* crun 1.8 can leave one mounted over it when it is killed */
}

bool rootfs_remove_upper(const struct crun *crun, const char *id, struct error *err)
{
    AUTO_FREE char *upper = crun_upper_path(crun, id);

    return file_remove_tree(upper, err);
}
