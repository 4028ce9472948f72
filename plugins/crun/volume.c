#include "config.h"

#include "volume.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "files.h"
#include "group.h"
#include "rootfs.h"
#include "subpath.h"

#define EMPTY_DIR_MODE 0777
#define POD_FOLDER_MODE 0700
#define HELD "/proc/self/fd/" /* a source that is open here, and nobody else can name */

static bool name_is_a_label(const char *name)
{
    return name != NULL && name[0] != '\0' && strlen(name) <= LIMIT_LABEL_BYTES &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

static int64_t group_of(const struct document *document)
{
    return json_get_integer(json_get(document->pod_json, "securityContext"), "fsGroup", -1);
}

/* Kubernetes: fsGroup owns what is in the volume, and whatever is made there later. */
static bool own_by_group(const struct document *document, const char *path, struct error *err)
{
    const char *policy = json_get_text(json_get(document->pod_json, "securityContext"), "fsGroupChangePolicy");
    int64_t group = group_of(document);
    struct stat info;

    if (group < 0 || stat(path, &info) != 0)
        return true;
    if (policy != NULL && strcmp(policy, "OnRootMismatch") == 0 && info.st_gid == (gid_t)group &&
        (info.st_mode & S_ISGID) != 0)
        return true;
    return group_take(path, (gid_t)group, err);
}

/* What lies in the run directory: a tmpfs, and goes with the boot. The caller frees. */
static char *run_folder(const struct crun *crun, const char *uid, const char *name)
{
    return mem_printf("%s/pods/%s/volumes/%s", crun->run_dir, uid, name);
}

static bool prepare_memory(const struct crun *crun, const struct document *document, const char *name,
                           const struct json *empty, char **source, struct error *err)
{
    int64_t limit = json_get_integer(empty, "sizeLimitBytes", 0);
    AUTO_FREE char *options = limit > 0 ? mem_printf("mode=1777,size=%lld", (long long)limit) : mem_strdup("mode=1777");
    struct statfs fs;
    struct stat here, above;

    *source = run_folder(crun, document->uid, name);
    AUTO_FREE char *parent = mem_printf("%s/..", *source);
    if (!file_make_dirs(*source, EMPTY_DIR_MODE, err))
        return false;
    /* Mounted already: another container of the pod was first. */
    if (stat(*source, &here) == 0 && stat(parent, &above) == 0 && statfs(*source, &fs) == 0 && here.st_dev != above.st_dev)
        return true;
    return mount("tmpfs", *source, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0 ||
           error_set_errno(err, errno, "cannot mount a tmpfs (%s)", options);
}

/* Lives as long as the pod, over restarts of containers and of the host. */
static bool prepare_empty_dir(const struct crun *crun, const struct document *document, const struct json *volume,
                              const char *name, char **source, struct error *err)
{
    const struct json *empty = json_get(volume, "emptyDir");
    const char *medium = json_get_text(empty, "medium");
    AUTO_FREE char *folder = mem_printf("%s/pods/%s/volumes", crun->state_dir, document->uid);

    if (medium != NULL && strcmp(medium, "Memory") == 0)
        return prepare_memory(crun, document, name, empty, source, err) && own_by_group(document, *source, err);
    *source = mem_printf("%s/%s", folder, name);
    if (!file_make_dirs(folder, POD_FOLDER_MODE, err))
        return false;
    if (mkdir(*source, EMPTY_DIR_MODE) != 0)
        return errno == EEXIST || error_set_errno(err, errno, "cannot make %s", *source);
    if (chmod(*source, EMPTY_DIR_MODE) != 0)
        return error_set_errno(err, errno, "cannot set the mode of %s", *source);
    return own_by_group(document, *source, err);
}

static bool prepare_files(const struct crun *crun, const struct document *document, const struct json *volume,
                          const char *name, char **source, struct error *err)
{
    *source = run_folder(crun, document->uid, name);
    return files_write(*source, json_get(volume, "files"), group_of(document), err);
}

/* Used for the first time: what it asks for must be there, as Kubernetes would look for a volume of that size. */
static bool make_claim(const struct crun *crun, const char *path, int64_t size_bytes, struct error *err)
{
    struct statvfs disk;

    if (statvfs(crun->state_dir, &disk) == 0 && size_bytes > (int64_t)(disk.f_bavail * disk.f_frsize))
        return error_set(err, ERROR_NO_SPACE, "it asks for %lld bytes, and %lld are free: free some, or let it ask for less",
                         (long long)size_bytes, (long long)(disk.f_bavail * disk.f_frsize));
    if (!file_make_dirs(path, POD_FOLDER_MODE, err) || chmod(path, EMPTY_DIR_MODE) != 0)
        return error_wrap(err, "the claim's folder %s", path);
    return true;
}

static bool prepare_claim(const struct crun *crun, const struct document *document, const struct json *volume,
                          const char *name, char **source, struct error *err)
{
    const char *path = json_get_text(json_get(volume, "claim"), "path");

    (void)name;
    if (path == NULL || !file_path_is_safe(path))
        return error_set(err, ERROR_INVALID, "claim.path must be an absolute path without ..");
    *source = mem_strdup(path);
    if (access(path, F_OK) != 0 && !make_claim(crun, path, json_get_integer(json_get(volume, "claim"), "sizeBytes", 0), err))
        return false;
    return own_by_group(document, path, err);
}

static bool prepare_host(const struct crun *crun, const struct document *document, const struct json *volume,
                         const char *name, char **source, struct error *err)
{
    int fd;

    (void)crun;
    (void)document;
    (void)name;
    if (!volume_host_open(json_get(volume, "hostPath"), &fd, err))
        return false;
    *source = mem_printf(HELD "%d", fd);
    return true;
}

/* Each image once a pod, whatever names lead to it, and until the pod is released. */
static bool prepare_image(const struct crun *crun, const struct document *document, const struct json *volume,
                          const char *name, char **source, struct error *err)
{
    const struct json *image = json_get(volume, "image");
    const char *id = json_get_text(image, "id");

    (void)name;
    if (id == NULL || strncmp(id, "sha256:", 7) != 0 || strspn(id + 7, "0123456789abcdef") != strlen(id) - 7)
        return error_set(err, ERROR_NOT_FOUND, "the image %s is not on this device", json_get_text(image, "reference"));
    AUTO_FREE char *folder = mem_printf("%s/pods/%s/images/%.12s", crun->run_dir, document->uid, id + 7);
    *source = mem_printf("%s/root", folder);
    return document_check_layers(json_get(image, "layers"), err) && rootfs_mount_image(folder, json_get(image, "layers"), document->userns, err);
}

static const struct {
    const char *key;
    bool (*prepare)(const struct crun *crun, const struct document *document, const struct json *volume,
                    const char *name, char **source, struct error *err);
} kinds[] = {
    {"hostPath", prepare_host}, {"emptyDir", prepare_empty_dir}, {"files", prepare_files},
    {"claim", prepare_claim}, {"image", prepare_image},
};

static bool prepare_source(const struct crun *crun, const struct document *document, const char *name, char **source,
                           struct error *err)
{
    JSON_EACH(volume, document->volumes) {
        const char *here = json_get_text(volume, "name");

        if (here == NULL || strcmp(here, name) != 0)
            continue;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
            if (json_get(volume, kinds[i].key) != NULL)
                return kinds[i].prepare(crun, document, volume, name, source, err);
        return error_set(err, ERROR_INVALID, "it is of a kind that this runtime does not have");
    }
    return error_set(err, ERROR_INVALID, "the pod has no such volume");
}

/* In place of the volume what is below it, or the same held open: bound where crun finds it by a name that only we have. */
static bool take_bound(const struct crun *crun, const struct document *document, const char *sub_path, size_t index,
                       struct spec_mount *mount, struct error *err)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, document->id);
    AUTO_FREE char *folder = mem_printf("%s/subpaths", bundle);
    AUTO_FREE char *volume = mem_steal(&mount->source);
    int userns = mount->inert ? -1 : document->userns; /* an image's layers have the ids already */

    mount->source = mem_printf("%s/%zu", folder, index);
    bool good = file_make_dirs(folder, POD_FOLDER_MODE, err) &&
                (sub_path != NULL ? subpath_bind(volume, sub_path, mount->source, userns, err)
                                  : subpath_bind_whole(volume, mount->source, userns, err));
    if (strncmp(volume, HELD, strlen(HELD)) == 0)
        close((int)strtol(volume + strlen(HELD), NULL, 10));
    return good;
}

void volume_unmount(const char *folder)
{
    DIR *open = opendir(folder);
    struct dirent *entry;

    while (open != NULL && (entry = readdir(open)) != NULL) {
        AUTO_FREE char *path = mem_printf("%s/%s", folder, entry->d_name);

        if (entry->d_name[0] == '.')
            continue;
        /* Else what the host has mounted below would go with it, where mounts are shared. */
        mount(NULL, path, NULL, MS_REC | MS_PRIVATE, NULL);
        while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
            ;
    }
    if (open != NULL)
        closedir(open);
}

bool volume_release(const struct crun *crun, const char *uid, struct error *err)
{
    AUTO_FREE char *pod = mem_printf("%s/pods/%s", crun->run_dir, uid);
    AUTO_FREE char *volumes = mem_printf("%s/volumes", pod);
    AUTO_FREE char *images = mem_printf("%s/images", pod);

    volume_unmount(volumes);
    rootfs_unmount_images(images);
    return file_remove_tree(volumes, err) && file_remove_tree(images, err);
}

bool volume_update(const struct crun *crun, const char *uid, const struct json *volumes, int64_t group, struct error *err)
{
    JSON_EACH(volume, volumes) {
        const char *name = json_get_text(volume, "name");
        AUTO_FREE char *folder = NULL;

        if (!name_is_a_label(name) || json_get(volume, "files") == NULL)
            continue;
        folder = run_folder(crun, uid, name);
        if (access(folder, F_OK) == 0 && !files_write(folder, json_get(volume, "files"), group, err))
            return error_wrap(err, "volume %s", name);
    }
    return true;
}

/* Without doubled slashes, "." and a slash at the end, so that equal targets compare equal. NULL: not usable. */
static char *clean_target(const char *path)
{
    char *clean, *end;

    if (path == NULL || !file_path_is_safe(path))
        return NULL;
    clean = end = mem_alloc(strlen(path) + 1);
    for (const char *part = path; *part != '\0';) {
        size_t len = strcspn(part, "/");

        if (len > 0 && !(len == 1 && part[0] == '.')) {
            *end++ = '/';
            memcpy(end, part, len);
            end += len;
        }
        part += len;
        part += *part == '/';
    }
    *end = '\0';
    /* crun and runc mount their own there; one over it would hide the masks */
    if (clean[0] == '\0' || strcmp(clean, "/proc") == 0 || strncmp(clean, "/proc/", 6) == 0) {
        free(clean);
        return NULL;
    }
    return clean;
}

static const char *propagation_of(const struct json *asked)
{
    const char *word = json_get_text(asked, "mountPropagation");

    if (word != NULL && strcmp(word, "HostToContainer") == 0)
        return "rslave";
    return word != NULL && strcmp(word, "Bidirectional") == 0 ? "rshared" : "rprivate";
}

/* Kubernetes: what comes from a ConfigMap, a Secret or the pod itself is read-only, whatever the mount says. */
static bool is_read_only(const struct document *document, const char *name, bool *image)
{
    JSON_EACH(volume, document->volumes) {
        const char *here = json_get_text(volume, "name");

        if (here == NULL || strcmp(here, name) != 0)
            continue;
        *image = json_get(volume, "image") != NULL;
        return *image || json_get(volume, "files") != NULL ||
               json_get_boolean(json_get(volume, "claim"), "readOnly", false);
    }
    return false;
}

static bool prepare_mount(const struct crun *crun, const struct document *document, const struct json *asked,
                          size_t index, struct spec_mount *mount, struct error *err)
{
    const char *name = json_get_text(asked, "name"), *target = json_get_text(asked, "mountPath");
    const char *sub_path = json_get_text(asked, "subPath");

    if (!name_is_a_label(name))
        return error_set(err, ERROR_INVALID, "a volumeMount has no usable name");
    mount->target = clean_target(target);
    if (mount->target == NULL)
        return error_set(err, ERROR_INVALID, "volume %s cannot be mounted at %s: mountPath must be absolute, without .., "
                         "and neither / nor below /proc", name, target == NULL ? "(nothing)" : target);
    mount->read_only = is_read_only(document, name, &mount->inert) || json_get_boolean(asked, "readOnly", false);
    mount->propagation = propagation_of(asked);
    if (!prepare_source(crun, document, name, &mount->source, err))
        return error_wrap(err, "MountVolume.SetUp failed for volume \"%s\" ", name);
    bool below = sub_path != NULL && sub_path[0] != '\0', held = strncmp(mount->source, HELD, strlen(HELD)) == 0;
    return (!below && !held && document->userns < 0) || take_bound(crun, document, below ? sub_path : NULL, index, mount, err) ||
           error_wrap(err, "MountVolume.SetUp failed for volume \"%s\" ", name);
}

bool volume_prepare(const struct crun *crun, const struct document *document, struct volume_mounts *out,
                    struct error *err)
{
    *out = (struct volume_mounts){0};
    JSON_EACH(asked, json_get(document->container, "volumeMounts")) {
        if (out->count == LIMIT_VOLUMES)
            return error_set(err, ERROR_INVALID, "a container can have %d volumeMounts", LIMIT_VOLUMES);
        out->count++; /* first, so that what is half made is freed too */
        if (!prepare_mount(crun, document, asked, out->count, &out->mounts[out->count - 1], err))
            return false;
    }
    return true;
}

void volume_mounts_free(struct volume_mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++) {
        free(mounts->mounts[i].source);
        free(mounts->mounts[i].target);
    }
    mounts->count = 0;
}
