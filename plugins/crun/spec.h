/* A container's config.json, from what has been resolved before. Pure: the same in gives the same out. */
#ifndef CRUN_SPEC_H
#define CRUN_SPEC_H

#include "base/json.h"
#include "user.h"

struct spec_mount {
    char *source;
    char *target;
    bool read_only, inert; /* inert: no devices, no programs */
    const char *propagation; /* "rprivate", "rslave", "rshared" */
};

#define SPEC_DEVICES 512 /* of one container */

struct spec_device {
    char *path;
    const char *type; /* "c", "b" */
    int64_t major, minor, mode, uid, gid;
};

struct spec {
    const struct json *args, *env; /* arrays of texts */
    const char *cwd;
    const struct user *user;
    const char *hostname;          /* NULL: the host's */
    const char *netns;             /* path of the pod's; NULL: the host's */
    const char *ipc, *pid;         /* paths of the pod's; NULL: the host's, or one of its own */
    const char *shm;               /* the pod's /dev/shm */
    const char *userns;            /* path of the pod's; NULL: the host's */
    int64_t first_id;              /* the host's id that is 0 in it */
    const char *cgroups_path;
    bool cgroup_namespace, cgroup_v2;
    const struct json *pod, *container, *context; /* the document's; context: the effective securityContext */
    const struct json *seccomp;    /* OCI's; NULL: none */
    const char *filter;            /* what it was compiled to, base64; NULL: not known */
    const char *apparmor;          /* a profile; NULL: none */
    int64_t oom_score_adj;
    const char *message;           /* the file of the termination message; NULL: none */
    bool bidirectional;            /* a mount goes out of it */
    const struct spec_device *devices;
    size_t device_count;
    const struct json *more_mounts; /* CDI's; NULL: none */
    const char *bundle;            /* holds hosts, hostname and resolv.conf */
    const struct spec_mount *mounts;
    size_t mount_count;
};

struct json *spec_build(const struct spec *spec); /* the caller frees */

#endif
