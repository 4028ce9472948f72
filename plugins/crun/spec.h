/* A container's config.json, from what has been resolved before. Pure: the same in gives the same out. */
#ifndef CRUN_SPEC_H
#define CRUN_SPEC_H

#include "base/json.h"
#include "user.h"

struct spec_mount {
    char *source;
    char *target;
    bool read_only;
};

struct spec {
    const struct json *args, *env; /* arrays of texts */
    const char *cwd;
    const struct user *user;
    const char *hostname;          /* NULL: the host's */
    const char *netns;             /* path of the pod's; NULL: the host's */
    const char *cgroups_path;
    bool cgroup_namespace;         /* cgroup v2 */
    const char *bundle;            /* holds hosts, hostname and resolv.conf */
    const struct spec_mount *mounts;
    size_t mount_count;
};

struct json *spec_build(const struct spec *spec); /* the caller frees */

#endif
