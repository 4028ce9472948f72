#include "config.h"

#include "device.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/memory.h"
#include "security.h"
#include "volume.h"

#define DEV "/dev"
#define DEV_DEPTH 4

static bool add_node(struct devices *devices, const char *path, const struct stat *info, struct error *err)
{
    struct spec_device *device;

    if (devices->count >= SPEC_DEVICES)
        return error_set(err, ERROR_LIMIT, "a container has at most %d devices", SPEC_DEVICES);
    device = &devices->list[devices->count++];
    *device = (struct spec_device){
        .path = mem_strdup(path), .type = S_ISBLK(info->st_mode) ? "b" : "c", .major = major(info->st_rdev),
        .minor = minor(info->st_rdev), .mode = info->st_mode & 0777, .uid = info->st_uid, .gid = info->st_gid};
    return true;
}

static bool add_checked(struct devices *devices, const char *host_path, const char *path, const struct stat *info,
                        struct error *err)
{
    if (!file_path_is_safe(path))
        return error_set(err, ERROR_INVALID, "the path of a device must be absolute, without ..");
    if (!S_ISCHR(info->st_mode) && !S_ISBLK(info->st_mode))
        return error_set(err, ERROR_INVALID, "%s is no device", host_path);
    return add_node(devices, path, info, err);
}

bool device_add(struct devices *devices, const char *host_path, const char *path, struct error *err)
{
    struct stat info;

    if (!file_path_is_safe(host_path))
        return error_set(err, ERROR_INVALID, "the path of a device must be absolute, without ..");
    if (stat(host_path, &info) != 0)
        return error_set_errno(err, errno, "the device %s is not there", host_path);
    return add_checked(devices, host_path, path, &info, err);
}

static bool add_volume_device(struct devices *devices, const struct json *host, const char *path, struct error *err)
{
    AUTO_CLOSE int fd = -1;
    struct stat info;

    if (!volume_host_open(host, &fd, err))
        return error_wrap(err, "the device %s is not there", json_get_text(host, "path"));
    if (fstat(fd, &info) != 0)
        return error_set_errno(err, errno, "cannot look at the device");
    return add_checked(devices, json_get_text(host, "path"), path, &info, err);
}

/* crun makes these itself, in every container. */
static bool is_made_anyway(const char *path)
{
    static const char *const made[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
                                       "/dev/ptmx", "/dev/console", "/dev/pts", "/dev/shm", "/dev/mqueue"};

    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
        if (strcmp(path, made[i]) == 0)
            return true;
    return false;
}

/* Everything the host has: a privileged container asked for it. */
static bool add_all(struct devices *devices, const char *folder, int depth, struct error *err)
{
    DIR *open = depth > 0 ? opendir(folder) : NULL;
    struct dirent *entry;
    bool good = true;

    while (good && open != NULL && (entry = readdir(open)) != NULL) {
        AUTO_FREE char *path = mem_printf("%s/%s", folder, entry->d_name);
        struct stat info;

        if (entry->d_name[0] == '.' || is_made_anyway(path) || lstat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode))
            good = add_all(devices, path, depth - 1, err);
        else if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode))
            good = add_node(devices, path, &info, err);
    }
    if (open != NULL)
        closedir(open);
    return good;
}

static const struct json *host_volume(const struct document *document, const char *name)
{
    JSON_EACH(volume, document->volumes) {
        const char *here = json_get_text(volume, "name");

        if (here != NULL && name != NULL && strcmp(here, name) == 0)
            return json_get(volume, "hostPath");
    }
    return NULL;
}

static bool add_volume_devices(const struct document *document, struct devices *devices, struct error *err)
{
    JSON_EACH(asked, json_get(document->container, "volumeDevices")) {
        const char *name = json_get_text(asked, "name"), *path = json_get_text(asked, "devicePath");
        const struct json *host = host_volume(document, name);

        if (host == NULL || path == NULL)
            return error_set(err, ERROR_INVALID, "volumeDevices: volume %s is no device of the host (a hostPath)",
                             name != NULL ? name : "?");
        if (!add_volume_device(devices, host, path, err))
            return false;
    }
    return true;
}

bool device_prepare(const struct document *document, struct devices *devices, const char **reason, struct error *err)
{
    *reason = "DeviceNotFound";
    devices->mounts = json_new_array();
    devices->env = json_new_array();
    JSON_EACH(name, json_get(document->container, "cdi"))
        if (!cdi_add(json_text(name), devices, err))
            return false;
    if (!add_volume_devices(document, devices, err))
        return false;
    *reason = "CreateContainerError";
    return !security_is_privileged(json_get(document->container, "securityContext")) ||
           add_all(devices, DEV, DEV_DEPTH, err);
}

void device_free(struct devices *devices)
{
    for (size_t i = 0; i < devices->count; i++)
        free(devices->list[i].path);
    json_free(devices->mounts);
    json_free(devices->env);
}
