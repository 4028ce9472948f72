/* A pod as Davit honours it: the decoded fields, nothing else. Filled, hashed and freed by protocol/pod_fields. */
#ifndef MODEL_POD_H
#define MODEL_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POD_UID_BYTES 37  /* a UUID and its NUL */
#define POD_HASH_BYTES 67 /* "1:", 64 hex digits and a NUL */

struct text_list {
    char **items;
    size_t count;
};

/* A list of structs; each kind has its own typed accessor below. */
struct item_list {
    void *items;
    size_t count;
};

struct env_var {
    char *name;
    char *value;
};

struct volume_mount {
    char *name;
    char *mount_path;
    bool read_only;
};

/* PULL_BY_TAG is what a document says that does not say it: Always for :latest, else IfNotPresent. */
enum pull_policy { PULL_BY_TAG, PULL_ALWAYS, PULL_IF_NOT_PRESENT, PULL_NEVER };

struct container {
    char *name;
    char *image;
    int64_t image_pull_policy; /* enum pull_policy */
    struct text_list command;
    struct text_list args;
    char *working_dir;
    struct item_list env;    /* struct env_var */
    struct item_list mounts; /* struct volume_mount */
};

struct host_path {
    char *path;
    char *type;
};

struct empty_dir {
    bool present; /* it has no honoured field of its own yet */
};

struct volume {
    char *name;
    struct host_path *host_path;
    struct empty_dir *empty_dir;
};

struct pull_secret {
    char *name; /* of a Secret of the pod's namespace */
};

enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };

struct pod {
    struct item_list containers; /* struct container */
    struct item_list volumes;    /* struct volume */
    struct item_list pull_secrets; /* struct pull_secret */
    bool host_network;
    int64_t restart_policy; /* enum restart_policy */
    int64_t grace_seconds;
};

static inline const struct container *pod_container(const struct pod *pod, size_t index)
{
    return &((const struct container *)pod->containers.items)[index];
}

static inline const struct volume *pod_volume(const struct pod *pod, size_t index)
{
    return &((const struct volume *)pod->volumes.items)[index];
}

static inline const struct pull_secret *pod_pull_secret(const struct pod *pod, size_t index)
{
    return &((const struct pull_secret *)pod->pull_secrets.items)[index];
}

#endif
