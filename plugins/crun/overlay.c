#include "config.h"

#include "overlay.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "davit/limits.h"
#include "idmap.h"

#define OPTION_BYTES 4095 /* mount(2) takes one page */
#define FOLDER_MODE 0700
#define EMPTY_MODE 0755

/* user.* attributes: the unpacker writes opaque marks without CAP_SYS_ADMIN. No index: an upper is never used twice. */
#define OVERLAY_OPTIONS "userxattr,index=off"

/* `named`: by the names that name_parts gave them, below the working folder. */
static void add_options(struct strbuf *options, const struct overlay *overlay, bool named)
{
    size_t count = json_size(overlay->layers);
    const char *paths[LIMIT_IMAGE_LAYERS], *separator = "";

    JSON_EACH(layer, overlay->layers)
        paths[--count] = json_text(layer); /* the highest comes first */
    strbuf_add(options, OVERLAY_OPTIONS ",lowerdir=");
    for (size_t i = 0; i < json_size(overlay->layers); i++) {
        if (named)
            strbuf_printf(options, "%s%zu", separator, i);
        else
            strbuf_printf(options, "%s%s", separator, paths[i]);
        separator = ":";
    }
    if (overlay->upper == NULL) /* one layer alone is no overlay */
        strbuf_printf(options, ":%s/empty", overlay->folder);
    else /* with ids of the host: who mounts must be somebody there, and what is written goes with the container */
        strbuf_printf(options, ",upperdir=%s/upper,workdir=%s/work", overlay->upper, overlay->upper);
}

/* Each part under a short name: a link, or a mount with other ids. */
static bool name_part(const struct overlay *overlay, const char *source, const char *name, struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/%s", overlay->folder, name);

    if (overlay->userns < 0)
        return symlink(source, path) == 0 || errno == EEXIST || error_set_errno(err, errno, "cannot link %s to a layer", path);
    return file_make_dirs(path, FOLDER_MODE, err) && idmap_bind(source, path, overlay->userns, err);
}

static bool name_parts(const struct overlay *overlay, struct error *err)
{
    size_t index = json_size(overlay->layers);

    if (!file_make_dirs(overlay->folder, FOLDER_MODE, err))
        return false;
    JSON_EACH(layer, overlay->layers) {
        AUTO_FREE char *name = mem_printf("%zu", --index);

        if (!name_part(overlay, json_text(layer), name, err))
            return false;
    }
    return true;
}

/* overlayfs has taken what it needs of them. */
static void drop_names(const struct overlay *overlay)
{
    for (size_t i = 0; overlay->userns >= 0 && i < json_size(overlay->layers); i++) {
        AUTO_FREE char *path = mem_printf("%s/%zu", overlay->folder, i);
        umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    }
}

struct named_mount {
    const struct overlay *overlay;
    const char *options;
    int failed; /* errno */
};

/* Relative names need a working folder, which threads share unless told otherwise: so a thread of its own. */
static void *mount_in_folder(void *arg)
{
    struct named_mount *job = arg;

    if (unshare(CLONE_FS) != 0 || chdir(job->overlay->folder) != 0 ||
        mount("overlay", job->overlay->target, "overlay", job->overlay->flags, job->options) != 0)
        job->failed = errno;
    return NULL;
}

static int mount_named(const struct overlay *overlay, const char *options)
{
    struct named_mount job = {.overlay = overlay, .options = options};
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, mount_in_folder, &job);

    if (failed == 0)
        pthread_join(thread, NULL);
    return failed != 0 ? failed : job.failed;
}

bool overlay_mount(const struct overlay *overlay, struct error *err)
{
    AUTO_FREE char *empty = mem_printf("%s/empty", overlay->folder);
    AUTO_STRBUF struct strbuf options;
    int failed = 0;

    if (overlay->upper == NULL && (!file_make_dirs(empty, EMPTY_MODE, err)))
        return false;
    strbuf_init(&options, OPTION_BYTES + 1);
    add_options(&options, overlay, false);
    if (overlay->userns < 0 && !options.overflow && options.len <= OPTION_BYTES) {
        failed = mount("overlay", overlay->target, "overlay", overlay->flags, options.data) == 0 ? 0 : errno;
    } else {
        strbuf_free(&options);
        strbuf_init(&options, OPTION_BYTES + 1);
        add_options(&options, overlay, true);
        if (options.overflow)
            return error_set(err, ERROR_INVALID, "the paths of %s are too long for an overlay mount", overlay->target);
        bool named = name_parts(overlay, err);
        failed = named ? mount_named(overlay, options.data) : 0;
        drop_names(overlay);
        if (!named)
            return false;
    }
    return failed == 0 || error_set_errno(err, failed, "cannot mount the image's %zu layers (%s)",
                                          json_size(overlay->layers), options.data);
}
