#include "config.h"

#include "rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"

#define OPTION_BYTES 4095 /* mount(2) takes one page */
#define FOLDER_MODE 0700
#define ROOT_MODE 0755 /* what the container sees as / */

/* user.* attributes: the unpacker writes opaque marks without CAP_SYS_ADMIN. No index: an upper is never used twice. */
#define OVERLAY_OPTIONS "userxattr,index=off"

static void add_options(struct strbuf *options, const struct json *layers, bool by_links, const char *upper)
{
    size_t count = json_size(layers);
    const char *paths[LIMIT_IMAGE_LAYERS], *separator = "";

    for (const struct json *layer = json_first(layers); layer != NULL; layer = json_next(layer))
        paths[--count] = json_text(layer); /* the highest comes first */
    strbuf_add(options, OVERLAY_OPTIONS ",lowerdir=");
    for (size_t i = 0; i < json_size(layers); i++) {
        if (by_links)
            strbuf_printf(options, "%s%zu", separator, i);
        else
            strbuf_printf(options, "%s%s", separator, paths[i]);
        separator = ":";
    }
    strbuf_printf(options, ",upperdir=%s/upper,workdir=%s/work", upper, upper);
}

static bool make_links(const char *folder, const struct json *layers, struct error *err)
{
    size_t index = json_size(layers);

    if (!file_make_dirs(folder, FOLDER_MODE, err))
        return false;
    JSON_EACH(layer, layers) {
        AUTO_FREE char *link = mem_printf("%s/%zu", folder, --index);

        if (symlink(json_text(layer), link) != 0)
            return error_set_errno(err, errno, "cannot link %s to a layer", link);
    }
    return true;
}

struct linked_mount {
    const char *folder, *target, *options;
    int failed; /* errno */
};

/* Relative names need a working folder, which threads share unless told otherwise: so a thread of its own. */
static void *mount_in_folder(void *arg)
{
    struct linked_mount *job = arg;

    if (unshare(CLONE_FS) != 0 || chdir(job->folder) != 0 ||
        mount("overlay", job->target, "overlay", 0, job->options) != 0)
        job->failed = errno;
    return NULL;
}

static int mount_by_links(const char *folder, const char *target, const char *options)
{
    struct linked_mount job = {.folder = folder, .target = target, .options = options};
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, mount_in_folder, &job);

    if (failed == 0)
        pthread_join(thread, NULL);
    return failed != 0 ? failed : job.failed;
}

static bool mount_overlay(const char *bundle, const char *upper, const struct json *layers, struct error *err)
{
    AUTO_FREE char *target = mem_printf("%s/rootfs", bundle);
    AUTO_FREE char *folder = mem_printf("%s/layers", bundle);
    AUTO_STRBUF struct strbuf options;
    int failed = 0;

    strbuf_init(&options, OPTION_BYTES + 1);
    add_options(&options, layers, false, upper);
    if (!options.overflow && options.len <= OPTION_BYTES) {
        failed = mount("overlay", target, "overlay", 0, options.data) == 0 ? 0 : errno;
    } else {
        strbuf_free(&options);
        strbuf_init(&options, OPTION_BYTES + 1);
        add_options(&options, layers, true, upper);
        if (options.overflow)
            return error_set(err, ERROR_INVALID, "the paths of %s are too long for an overlay mount", upper);
        if (!make_links(folder, layers, err))
            return false;
        failed = mount_by_links(folder, target, options.data);
    }
    return failed == 0 || error_set_errno(err, failed, "cannot mount the image's %zu layers (%s)", json_size(layers),
                                          options.data);
}

static bool make_folder(const char *parent, const char *name, mode_t mode, struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/%s", parent, name);

    /* chmod, for the umask takes from mkdir's */
    if (mkdir(path, mode) != 0 || chmod(path, mode) != 0)
        return error_set_errno(err, errno, "cannot make %s", path);
    return true;
}

bool rootfs_mount(const struct crun *crun, const char *id, const struct json *layers, struct error *err)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    AUTO_FREE char *upper = crun_upper_path(crun, id);

    /* What an earlier boot left under this name is no part of this container. */
    return file_remove_tree(upper, err) && file_make_dirs(upper, FOLDER_MODE, err) &&
           make_folder(upper, "upper", ROOT_MODE, err) && make_folder(upper, "work", FOLDER_MODE, err) &&
           make_folder(bundle, "rootfs", ROOT_MODE, err) && mount_overlay(bundle, upper, layers, err);
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
