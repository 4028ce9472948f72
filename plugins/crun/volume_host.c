#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "volume.h"

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
    {"Socket", NULL, S_IFSOCK, "a socket file"},
    {"CharDevice", NULL, S_IFCHR, "a character device"},
    {"BlockDevice", NULL, S_IFBLK, "a block device"},
};

static bool prepare_as(size_t type, const char *path, struct error *err)
{
    struct stat stat_now = {0};

    if (host_types[type].make != NULL && !host_types[type].make(path, err))
        return false;
    if (host_types[type].must_be == 0)
        return true;
    if (stat(path, &stat_now) != 0 && errno != ENOENT)
        return error_set_errno(err, errno, "hostPath type check failed: %s is not %s", path, host_types[type].word);
    return (stat_now.st_mode & S_IFMT) == host_types[type].must_be ||
           error_set(err, ERROR_CONFLICT, "hostPath type check failed: %s is not %s", path, host_types[type].word);
}

bool volume_host_path(const struct json *host_path, char **source, struct error *err)
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
