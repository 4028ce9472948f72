/* Files of an image: found in its layers as they lie in the image store, where nothing is followed. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "disk_part.h"

#define DISK_FOLDER "/disk" /* KubeVirt: of a containerDisk */
#define OPAQUE "user.overlay.opaque"

/* One layer at a time, from the top. */
struct search {
    const char *folder; /* within the image */
    const char *name;   /* NULL: the only one */
};

enum found { FOUND_FILE, FOUND_NOTHING, FOUND_END, FOUND_WRONG };

static int open_inside(int folder, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

static enum found wrong(struct disk_job *job, struct error *err, const struct search *search, const char *name,
                        const char *why)
{
    job->reason = "InvalidImage";
    error_set(err, ERROR_INVALID, "the image's %s%s%s %s", search->folder, name[0] != '\0' ? "/" : "", name, why);
    return FOUND_WRONG;
}

/* The name of the only entry; "" for none. Anything but one regular file is no disk. */
static enum found pick_only(struct disk_job *job, const struct search *search, int folder, char name[NAME_MAX + 1],
                            struct error *err)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    enum found found = FOUND_FILE;
    struct dirent *entry;
    struct stat info;

    name[0] = '\0';
    while (found == FOUND_FILE && list != NULL && (entry = readdir(list)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
            found = wrong(job, err, search, entry->d_name, "is no regular file");
        else if (name[0] != '\0')
            found = wrong(job, err, search, "", "has more than one file: say which by path");
        else
            memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
    }
    if (list != NULL)
        closedir(list);
    return list != NULL ? found : wrong(job, err, search, "", "cannot be read");
}

static enum found open_file(struct disk_job *job, const struct search *search, int folder, const char *name, int *fd,
                            struct error *err)
{
    struct stat info;

    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? FOUND_NOTHING : wrong(job, err, search, name, "cannot be read");
    if (S_ISCHR(info.st_mode) && info.st_rdev == 0)
        return FOUND_END; /* a whiteout: it was removed */
    if (!S_ISREG(info.st_mode))
        return wrong(job, err, search, name, "is no regular file");
    *fd = open_inside(folder, name, O_RDONLY);
    return *fd >= 0 ? FOUND_FILE : wrong(job, err, search, name, "cannot be opened");
}

static enum found look_in_layer(struct disk_job *job, const struct search *search, const char *layer,
                                struct disk_file *out, struct error *err)
{
    AUTO_CLOSE int root = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
    AUTO_CLOSE int folder = root < 0 ? -1 : open_inside(root, search->folder, O_RDONLY | O_DIRECTORY);
    char picked[NAME_MAX + 1];
    const char *name = search->name != NULL ? search->name : picked;
    enum found found = FOUND_FILE;

    if (root < 0) {
        error_set_errno(err, errno, "cannot open the layer %s", layer);
        return FOUND_WRONG;
    }
    if (folder < 0)
        return errno == ENOENT ? FOUND_NOTHING : wrong(job, err, search, "", "is no folder of the image itself");
    if (search->name == NULL)
        found = pick_only(job, search, folder, picked, err);
    if (found == FOUND_FILE)
        found = name[0] == '\0' ? FOUND_NOTHING : open_file(job, search, folder, name, &out->fd, err);
    if (found == FOUND_FILE)
        out->path = mem_printf("%s%s/%s", layer, strcmp(search->folder, "/") == 0 ? "" : search->folder, name);
    return found == FOUND_NOTHING && fgetxattr(folder, OPAQUE, NULL, 0) > 0 ? FOUND_END : found;
}

static bool check_layers(const struct json *layers, struct error *err)
{
    if (json_size(layers) == 0 || json_size(layers) > LIMIT_IMAGE_LAYERS)
        return error_set(err, ERROR_INVALID, "the image has %zu layers, 1 to %d can be used", json_size(layers),
                         LIMIT_IMAGE_LAYERS);
    JSON_EACH(layer, layers) {
        const char *path = json_text(layer);

        if (path == NULL || !file_path_is_safe(path))
            return error_set(err, ERROR_INVALID, "the path of a layer is not usable: %s", path == NULL ? "none" : path);
    }
    return true;
}

static bool search_layers(struct disk_job *job, const struct json *layers, const struct search *search,
                          struct disk_file *out, struct error *err)
{
    const char *paths[LIMIT_IMAGE_LAYERS];
    enum found found = FOUND_NOTHING;
    size_t count = 0;

    JSON_EACH(layer, layers)
        paths[count++] = json_text(layer);
    while (count > 0 && found == FOUND_NOTHING)
        found = look_in_layer(job, search, paths[--count], out, err);
    if (found == FOUND_NOTHING || found == FOUND_END)
        found = wrong(job, err, search, search->name == NULL ? "" : search->name,
                      search->name == NULL ? "has no disk" : "is not there");
    if (found == FOUND_FILE && !file_path_is_safe(out->path))
        found = wrong(job, err, search, "", "holds a file whose name cannot be used");
    return found == FOUND_FILE;
}

bool disk_file_find(struct disk_job *job, const struct json *layers, const char *path, struct disk_file *out,
                    struct error *err)
{
    struct search search = {.folder = DISK_FOLDER};
    AUTO_FREE char *folder = NULL;

    *out = (struct disk_file){.fd = -1};
    if (!check_layers(layers, err))
        return false;
    if (path != NULL && path[0] != '\0') {
        const char *slash = strrchr(path, '/');

        if (!file_path_is_safe(path) || slash[1] == '\0' || strcmp(slash, "/.") == 0)
            return error_set(err, ERROR_INVALID, "the path of a file in an image must be absolute and without ..");
        folder = slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
        search.folder = folder;
        search.name = slash + 1;
    }
    return search_layers(job, layers, &search, out, err);
}

void disk_file_close(struct disk_file *file)
{
    fd_close_at(&file->fd);
    file->fd = -1;
    free(file->path);
    file->path = NULL;
}
