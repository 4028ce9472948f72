#include "config.h"

#include "volume.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"

#define EMPTY_DIR_MODE 0777
#define POD_FOLDER_MODE 0700
#define HOST_FOLDER_MODE 0755 /* as the kubelet makes them */
#define HOST_FILE_MODE 0644

/* mkdir -p as the kubelet does it: every folder it makes has that mode, whatever the umask. */
static bool make_host_folder(const char *path, struct error *err)
{
    AUTO_FREE char *part = mem_strdup(path);

    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(part, HOST_FOLDER_MODE) == 0) {
            if (chmod(part, HOST_FOLDER_MODE) != 0)
                return error_set_errno(err, errno, "cannot set the mode of %s", part);
        } else if (errno != EEXIST) {
            return error_set_errno(err, errno, "cannot make the directory %s", part);
        }
        if (slash == NULL)
            return true;
        *slash = '/';
    }
}

static bool make_host_file(const char *path, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, HOST_FILE_MODE);

    if (fd < 0)
        return errno == EEXIST || error_set_errno(err, errno, "cannot make the file %s", path);
    return fchmod(fd, HOST_FILE_MODE) == 0 || error_set_errno(err, errno, "cannot set the mode of %s", path);
}

/* Kubernetes' types of hostPath. Docs: Volumes, hostPath volume types. */
static const struct {
    const char *type;
    bool (*make)(const char *path, struct error *err);
    mode_t must_be; /* 0: not looked at */
    const char *word;
} host_types[] = {
    {"", make_host_folder, 0, ""},
    {"DirectoryOrCreate", make_host_folder, S_IFDIR, "a directory"},
    {"Directory", NULL, S_IFDIR, "a directory"},
    {"FileOrCreate", make_host_file, S_IFREG, "a file"},
    {"File", NULL, S_IFREG, "a file"},
    {"Socket", NULL, S_IFSOCK, "a socket"},
    {"CharDevice", NULL, S_IFCHR, "a character device"},
    {"BlockDevice", NULL, S_IFBLK, "a block device"},
};

static bool prepare_as(size_t type, const char *path, struct error *err)
{
    struct stat stat_now;

    if (host_types[type].make != NULL && !host_types[type].make(path, err))
        return false;
    if (host_types[type].must_be == 0)
        return true;
    if (stat(path, &stat_now) != 0)
        return error_set_errno(err, errno, "hostPath type check failed: %s is not %s", path, host_types[type].word);
    return (stat_now.st_mode & S_IFMT) == host_types[type].must_be ||
           error_set(err, ERROR_CONFLICT, "hostPath type check failed: %s is not %s", path, host_types[type].word);
}

static bool prepare_host_path(const struct json *host_path, char **source, struct error *err)
{
    const char *path = json_get_text(host_path, "path"), *type = json_get_text(host_path, "type");

    if (path == NULL || !file_path_is_safe(path))
        return error_set(err, ERROR_INVALID, "hostPath.path must be an absolute path without ..");
    for (size_t i = 0; i < sizeof(host_types) / sizeof(host_types[0]); i++) {
        if (strcmp(host_types[i].type, type == NULL ? "" : type) == 0) {
            *source = mem_strdup(path);
            return prepare_as(i, path, err);
        }
    }
    return error_set(err, ERROR_INVALID, "hostPath.type %s is none of Kubernetes' types", type);
}

static bool name_is_a_label(const char *name)
{
    return name != NULL && name[0] != '\0' && strlen(name) <= LIMIT_LABEL_BYTES &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

/* Lives as long as the pod, over restarts of containers and of the host. */
static bool prepare_empty_dir(const struct crun *crun, const char *uid, const char *name, char **source,
                              struct error *err)
{
    AUTO_FREE char *folder = mem_printf("%s/pods/%s/volumes", crun->state_dir, uid);

    *source = mem_printf("%s/%s", folder, name);
    if (!file_make_dirs(folder, POD_FOLDER_MODE, err))
        return false;
    if (mkdir(*source, EMPTY_DIR_MODE) != 0)
        return errno == EEXIST || error_set_errno(err, errno, "cannot make %s", *source);
    return chmod(*source, EMPTY_DIR_MODE) == 0 || error_set_errno(err, errno, "cannot set the mode of %s", *source);
}

static bool prepare_source(const struct crun *crun, const struct document *document, const char *name, char **source,
                           struct error *err)
{
    JSON_EACH(volume, document->volumes) {
        const char *here = json_get_text(volume, "name");

        if (here == NULL || strcmp(here, name) != 0)
            continue;
        if (json_get(volume, "hostPath") != NULL)
            return prepare_host_path(json_get(volume, "hostPath"), source, err);
        if (json_get(volume, "emptyDir") != NULL)
            return prepare_empty_dir(crun, document->uid, name, source, err);
        return error_set(err, ERROR_INVALID, "it is of a kind that this runtime does not have");
    }
    return error_set(err, ERROR_INVALID, "the pod has no such volume");
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

static bool prepare_mount(const struct crun *crun, const struct document *document, const struct json *asked,
                          struct spec_mount *mount, struct error *err)
{
    const char *name = json_get_text(asked, "name"), *target = json_get_text(asked, "mountPath");

    if (!name_is_a_label(name))
        return error_set(err, ERROR_INVALID, "a volumeMount has no usable name");
    mount->target = clean_target(target);
    if (mount->target == NULL)
        return error_set(err, ERROR_INVALID, "volume %s cannot be mounted at %s: mountPath must be absolute, without .., "
                         "and neither / nor below /proc", name, target == NULL ? "(nothing)" : target);
    mount->read_only = json_get_boolean(asked, "readOnly", false);
    return prepare_source(crun, document, name, &mount->source, err) || error_wrap(err, "volume %s", name);
}

bool volume_prepare(const struct crun *crun, const struct document *document, struct volume_mounts *out,
                    struct error *err)
{
    *out = (struct volume_mounts){0};
    JSON_EACH(asked, json_get(document->container, "volumeMounts")) {
        if (out->count == LIMIT_VOLUMES)
            return error_set(err, ERROR_INVALID, "a container can have %d volumeMounts", LIMIT_VOLUMES);
        out->count++; /* first, so that what is half made is freed too */
        if (!prepare_mount(crun, document, asked, &out->mounts[out->count - 1], err))
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
