/* davitd.conf: one INI file, then conf.d/ beside it, then the command line. An unknown key is an error with file and line. */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "model/pod.h"
#include "protocol/security.h"

struct runtime_config {
    bool enabled;
    struct json *options; /* the other keys of [runtime.NAME] */
};

/* [images]: docs: davitd.conf(5). */
struct image_config {
    int64_t quota_bytes; /* 0: half of the file system that holds the state folder */
    int64_t parallel;    /* layers at a time, of one pull */
    int64_t rate_limit;  /* bytes a second, of one pull; 0: none */
    int64_t min_rate;    /* bytes a second over 20 s; a transfer below it is broken off */
    int64_t deadline_s;  /* of one pull */
    bool strict_pull;    /* Always with no registry in reach is an error, as in Kubernetes */
    struct text_list insecure; /* HOST[:PORT] */
    struct json *mirrors;      /* HOST[:PORT] -> array of URLs, in their order */
    char *auth_file;     /* Docker's auth.json; NULL: none */
    char *certs_dir;     /* HOST[:PORT]/ca.crt below it, as Docker has it */
};

/* [network]: docs: davitd.conf(5). */
struct network_config {
    bool enabled;
    char *bridge, *subnet, *cni_dir;
    char *cni_path; /* folders of plugins, with : between */
    char *subnet6; /* "": pods have IPv4 alone */
};

/* [logs]: docs: davitd.conf(5). */
struct log_config {
    int64_t max_bytes; /* of one file; then it is put aside */
    int64_t max_files; /* of one attempt of a container */
};

struct config {
    struct log_config logs;
    struct network_config network;
    enum security_level profile;
    char *node;
    char *site; /* whose broker stands between; NULL: none */
    struct json *labels; /* an object of strings */
    struct text_list groups;
    int64_t reserved_memory_bytes; /* promised to no pod; POD_UNSET: 64 MiB, or a twentieth where that is more */
    char *url;
    char *root;
    int64_t max_document_bytes;
    char *username, *password_file, *ca_file, *cert_file, *key_file; /* NULL: none */
    int64_t keepalive_s;
    char *state_dir, *run_dir, *manifests_dir, *libexec_dir, *plugin_dir;
    struct runtime_config crun, libvirt, fake;
    bool empty_deletes;
    int64_t stream_timeout_s; /* a stream ends when its requester acknowledges nothing for so long */
    struct text_list host_paths; /* empty: any but Davit's own */
    bool host_paths_set;
    int64_t user_first, user_count; /* ids of the host that pods with hostUsers: false get */
    struct image_config images;
};

/* Reads `path`, and what ends in .conf in the folder conf.d beside it, in the order of names. NULL on error, with
 * "FILE:LINE: what, remedy". `required`: the file must exist. The caller frees.
 */
MUST_CHECK struct config *config_read(const char *path, bool required, struct error *err);
/* One "section.key=value" of the command line. */
MUST_CHECK bool config_set(struct config *config, const char *assignment, struct error *err);
/* After the last source: defaults, and what must fit together. */
MUST_CHECK bool config_finish(struct config *config, struct error *err);
void config_free(struct config *config);

#endif
