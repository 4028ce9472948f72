/* Kubernetes' hostPath. */
#include "config.h"

#include <string.h>

#include "base/host_path.h"
#include "volume.h"

/* Docs: Volumes, hostPath volume types. */
static const struct {
    const char *type;
    int (*make)(const struct host_path *host, const char *path, struct error *err);
    mode_t must_be; /* 0: not looked at */
    const char *word;
} host_types[] = {
    {"", host_path_make_folder, 0, ""},
    {"DirectoryOrCreate", host_path_make_folder, S_IFDIR, "a directory"},
    {"Directory", NULL, S_IFDIR, "a directory"},
    {"FileOrCreate", host_path_make_file, S_IFREG, "a file"},
    {"File", NULL, S_IFREG, "a file"},
    {"Socket", NULL, S_IFSOCK, "a socket file"},
    {"CharDevice", NULL, S_IFCHR, "a character device"},
    {"BlockDevice", NULL, S_IFBLK, "a block device"},
};

bool volume_host_open(const struct json *host_path, int *fd, struct error *err)
{
    const char *type = json_get_text(host_path, "type");
    struct host_path host = {.what = "hostPath", .path = json_get_text(host_path, "path"),
                             .within = json_get(host_path, "within"), .without = json_get(host_path, "without")};

    *fd = -1;
    for (size_t i = 0; i < sizeof(host_types) / sizeof(host_types[0]); i++) {
        if (strcmp(host_types[i].type, type == NULL ? "" : type) != 0)
            continue;
        host.make = host_types[i].make;
        host.must_be = host_types[i].must_be;
        host.word = host_types[i].word;
        return host_path_open(&host, fd, err);
    }
    return error_set(err, ERROR_INVALID, "hostPath.type %s is none of Kubernetes' types", type);
}
