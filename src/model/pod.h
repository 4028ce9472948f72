/* A pod as Davit honours it: the decoded fields, nothing else. Filled, hashed and freed by protocol/pod_fields. */
#ifndef MODEL_POD_H
#define MODEL_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct json;

#define POD_UID_BYTES 37  /* a UUID and its NUL */
#define POD_HASH_BYTES 67 /* "1:", 64 hex digits and a NUL */
#define POD_UNSET (-1)    /* a number or a flag that the document does not say */

struct text_list {
    char **items;
    size_t count;
};

/* A list of structs; each kind has its own typed accessor below. */
struct item_list {
    void *items;
    size_t count;
};

/* ---- environment */

struct key_ref { /* configMapKeyRef, secretKeyRef */
    char *name;
    char *key;
    bool optional;
};

struct field_ref {
    char *api_version; /* v1, whatever is said */
    char *path;
};

struct resource_ref {
    char *container; /* NULL: its own */
    char *resource;
    char *divisor;
};

struct env_source {
    struct key_ref *config_map;
    struct key_ref *secret;
    struct field_ref *field;
    struct resource_ref *resource;
};

struct env_var {
    char *name;
    char *value;
    struct env_source *from;
};

struct source_ref { /* configMapRef, secretRef */
    char *name;
    bool optional;
};

struct env_from {
    char *prefix;
    struct source_ref *config_map;
    struct source_ref *secret;
};

/* ---- probes and hooks */

struct exec_action {
    struct text_list command;
};

struct http_header {
    char *name;
    char *value;
};

enum http_scheme { SCHEME_HTTP, SCHEME_HTTPS };

struct http_action {
    char *path;
    char *port; /* a number, or the name of a port of the container */
    char *host; /* NULL: the pod's address */
    int64_t scheme; /* enum http_scheme */
    struct item_list headers; /* struct http_header */
};

struct tcp_action {
    char *port;
    char *host;
};

struct grpc_action {
    int64_t port;
    char *service;
};

struct sleep_action {
    int64_t seconds;
};

/* What a probe or a hook does: exactly one of them. */
struct handler {
    struct exec_action *exec;
    struct http_action *http;
    struct tcp_action *tcp;
    struct grpc_action *grpc;   /* probes only */
    struct vm_nothing *ping;    /* guestAgentPing: probes of a virtual machine only */
    struct sleep_action *sleep; /* hooks only */
};

struct probe {
    struct handler handler;
    int64_t initial_delay_s, timeout_s, period_s, success_threshold, failure_threshold;
    int64_t grace_s; /* POD_UNSET: the pod's */
};

struct lifecycle {
    struct handler *post_start;
    struct handler *pre_stop;
    char *stop_signal;
};

/* ---- containers */

enum mount_propagation { PROPAGATION_NONE, PROPAGATION_HOST_TO_CONTAINER, PROPAGATION_BIDIRECTIONAL };

struct volume_mount {
    char *name;
    char *mount_path;
    bool read_only;
    char *sub_path;
    char *sub_path_expr;
    int64_t propagation; /* enum mount_propagation */
    int64_t recursive_read_only;
};

struct volume_device {
    char *name;
    char *path;
};

enum port_protocol { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP };

struct container_port {
    char *name;
    int64_t port;
    int64_t host_port; /* 0: none */
    char *host_ip;
    int64_t protocol; /* enum port_protocol */
};

struct capabilities {
    struct text_list add;
    struct text_list drop;
};

enum profile_type { PROFILE_RUNTIME_DEFAULT, PROFILE_UNCONFINED, PROFILE_LOCALHOST };

struct security_profile { /* seccomp, AppArmor */
    int64_t type;
    char *localhost;
};

struct security {
    int64_t run_as_user, run_as_group, run_as_non_root;
    int64_t privileged, read_only_root, escalation;
    struct capabilities *capabilities;
    struct security_profile *seccomp;
    struct security_profile *app_armor;
    int64_t unmasked_proc;
};

struct resources {
    struct json *limits;   /* name -> quantity */
    struct json *requests;
};

/* The container's own restartPolicy; else the pod's. */
enum own_policy { OWN_NONE, OWN_ALWAYS, OWN_ON_FAILURE, OWN_NEVER };

struct exit_codes {
    int64_t not_in; /* operator: 0 is In, 1 NotIn */
    struct json *values;
};

struct restart_rule {
    int64_t action; /* 0 is Restart, and there is no other */
    struct exit_codes *codes;
};

/* PULL_BY_TAG is what a document says that does not say it: Always for :latest, else IfNotPresent. */
enum pull_policy { PULL_BY_TAG, PULL_ALWAYS, PULL_IF_NOT_PRESENT, PULL_NEVER };
enum message_policy { MESSAGE_FILE, MESSAGE_FALLBACK_TO_LOGS };

struct container {
    char *name;
    char *image;
    int64_t image_pull_policy; /* enum pull_policy */
    struct text_list command;
    struct text_list args;
    char *working_dir;
    struct item_list env;      /* struct env_var */
    struct item_list env_from; /* struct env_from */
    struct item_list mounts;   /* struct volume_mount */
    struct item_list devices;  /* struct volume_device */
    struct item_list ports;    /* struct container_port */
    struct resources *resources;
    struct security *security;
    struct probe *startup, *liveness, *readiness;
    struct lifecycle *lifecycle;
    char *message_path;
    int64_t message_policy;
    bool stdin_open, stdin_once, tty;
    int64_t restart_policy; /* enum own_policy; an init container with OWN_ALWAYS is a sidecar */
    struct item_list restart_rules; /* struct restart_rule: before the policy */
};

/* ---- volumes */

struct host_path {
    char *path;
    char *type;
};

struct empty_dir {
    int64_t memory; /* medium: 1 is Memory */
    char *size_limit;
};

struct key_path {
    char *key;
    char *path;
    int64_t mode;
};

/* A ConfigMap or a Secret as files. The name is under `name` or `secretName`. */
struct map_source {
    char *name;
    struct item_list items; /* struct key_path; none: all keys */
    int64_t default_mode;
    bool optional;
};

struct downward_file {
    char *path;
    struct field_ref *field;
    struct resource_ref *resource;
    int64_t mode;
};

struct downward_source {
    struct item_list items; /* struct downward_file */
    int64_t default_mode;
};

struct projection {
    struct map_source *config_map;
    struct map_source *secret;
    struct downward_source *downward;
};

struct projected_source {
    struct item_list sources; /* struct projection */
    int64_t default_mode;
};

struct claim_source {
    char *claim;
    bool read_only;
};

struct image_source {
    char *reference;
    int64_t pull_policy; /* enum pull_policy */
};

struct volume {
    char *name;
    struct host_path *host_path;
    struct empty_dir *empty_dir;
    struct map_source *config_map;
    struct map_source *secret;
    struct downward_source *downward;
    struct projected_source *projected;
    struct claim_source *claim;
    struct image_source *image;
};

/* ---- the pod */

struct pull_secret {
    char *name; /* of a Secret of the pod's namespace */
};

struct host_alias {
    char *ip;
    struct text_list names;
};

struct dns_option {
    char *name;
    char *value;
};

struct dns_config {
    struct text_list servers;
    struct text_list searches;
    struct item_list options; /* struct dns_option */
};

struct sysctl {
    char *name;
    char *value;
};

struct pod_security {
    int64_t run_as_user, run_as_group, run_as_non_root, fs_group;
    int64_t fs_group_on_mismatch;
    int64_t strict_groups; /* supplementalGroupsPolicy: 1 is Strict, none of the image's /etc/group */
    struct json *groups; /* numbers */
    struct security_profile *seccomp;
    struct security_profile *app_armor;
    struct item_list sysctls; /* struct sysctl */
};

struct pod_os {
    int64_t name; /* 0 is linux, and there is no other */
};

enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };
enum dns_policy { DNS_CLUSTER_FIRST, DNS_CLUSTER_FIRST_WITH_HOST_NET, DNS_DEFAULT, DNS_NONE };

struct pod {
    struct item_list init_containers; /* struct container */
    struct item_list containers;      /* struct container */
    struct item_list volumes;         /* struct volume */
    struct item_list pull_secrets;    /* struct pull_secret */
    bool host_network, host_pid, host_ipc;
    bool share_processes; /* shareProcessNamespace */
    bool host_users;      /* false: a user namespace of its own */
    int64_t restart_policy; /* enum restart_policy */
    int64_t grace_seconds;
    int64_t deadline_seconds; /* POD_UNSET: none */
    char *hostname;
    char *subdomain;
    bool fqdn_hostname;
    struct item_list host_aliases; /* struct host_alias */
    int64_t dns_policy;
    struct dns_config *dns;
    struct pod_security *security;
    struct json *node_selector; /* label -> value */
    struct json *tolerations;   /* as Kubernetes has them (model/taint) */
    struct pod_os *os;
    /* Of the document's metadata: for the downward API. Not part of the hash. */
    struct json *labels;
    struct json *annotations;
    struct vm *vm; /* a virtual machine, of which the rest follows (protocol/vm_pod); NULL: a pod */
};

static inline size_t pod_init_count(const struct pod *pod)
{
    return pod->init_containers.count;
}

/* Of init containers and the others together; an index below means: the init containers first. */
static inline size_t pod_count(const struct pod *pod)
{
    return pod->init_containers.count + pod->containers.count;
}

static inline const struct container *pod_container(const struct pod *pod, size_t index)
{
    size_t inits = pod->init_containers.count;
    return index < inits ? &((const struct container *)pod->init_containers.items)[index]
                         : &((const struct container *)pod->containers.items)[index - inits];
}

static inline const struct volume *pod_volume(const struct pod *pod, size_t index)
{
    return &((const struct volume *)pod->volumes.items)[index];
}

/* An image that the pod needs: of its containers, then of its volumes. NULL: that volume is none. */
static inline size_t pod_image_count(const struct pod *pod)
{
    return pod_count(pod) + pod->volumes.count;
}

static inline const char *pod_image(const struct pod *pod, size_t index)
{
    size_t containers = pod_count(pod);
    if (index < containers)
        return pod_container(pod, index)->image;
    const struct image_source *image = pod_volume(pod, index - containers)->image;
    return image != NULL ? image->reference : NULL;
}

/* The image volume that a mount is of; NULL: it is of another kind. */
static inline const struct image_source *pod_mount_image(const struct pod *pod, const struct volume_mount *mount)
{
    for (size_t i = 0; i < pod->volumes.count; i++)
        if (strcmp(pod_volume(pod, i)->name, mount->name) == 0)
            return pod_volume(pod, i)->image;
    return NULL;
}

static inline const struct pull_secret *pod_pull_secret(const struct pod *pod, size_t index)
{
    return &((const struct pull_secret *)pod->pull_secrets.items)[index];
}

/* What a container is for. */
enum container_role { ROLE_MAIN, ROLE_INIT, ROLE_SIDECAR };

static inline enum container_role pod_role(const struct pod *pod, size_t index)
{
    if (index >= pod->init_containers.count)
        return ROLE_MAIN;
    return pod_container(pod, index)->restart_policy == OWN_ALWAYS ? ROLE_SIDECAR : ROLE_INIT;
}

/* Whether it is started again when it has ended: its own word, else the pod's. Of a sidecar: always. */
static inline enum restart_policy pod_policy(const struct pod *pod, size_t index)
{
    int64_t own = pod_container(pod, index)->restart_policy;
    return (enum restart_policy)(own != OWN_NONE ? own - OWN_ALWAYS : pod->restart_policy);
}

#endif
