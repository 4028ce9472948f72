#include "protocol/pod_fields.h"

#include <string.h>

#include "base/memory.h"
#include "model/taint.h"
#include "protocol/container_fields.h"
#include "protocol/names.h"
#include "protocol/pod_check.h"
#include "protocol/vm_fields.h"
#include "protocol/vm_pod.h"
#include "protocol/volume_fields.h"

#define SYSCTL_NAME_MAX 253
#define LIMIT_SECONDS (86400 * 366)

static const char *const restart_words[] = { "Always", "OnFailure", "Never", NULL };
static const char *const dns_words[] = { "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None", NULL };
static const char *const groups_words[] = { "Merge", "Strict", NULL };
static const char *const os_words[] = { "linux", NULL };
static const char *const change_words[] = { "Always", "OnRootMismatch", NULL };

static bool check_numbers(const struct json *json, const char *path, struct error *err)
{
    bool good = json_type(json) == JSON_ARRAY && json_size(json) <= LIMIT_GROUPS;
    JSON_EACH(value, json) {
        int64_t number = -1;
        good = good && json_integer(value, &number) && number >= 0 && number <= INT32_MAX;
    }
    return good || error_set(err, ERROR_INVALID, "%s must be at most %d numbers from 0 to 2147483647", path, LIMIT_GROUPS);
}

static bool check_labels(const struct json *json, const char *path, struct error *err)
{
    bool good = json_type(json) == JSON_OBJECT;
    JSON_EACH(value, json)
        good = good && json_text(value) != NULL;
    return good || error_set(err, ERROR_INVALID, "%s must map labels to strings", path);
}

/* Of the two ways to part it, with dots or with slashes, the first one that stands there. */
static bool is_sysctl_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    bool ends_well = text[0] != '\0' && strchr(letters, text[0]) != NULL && strchr(letters, text[strlen(text) - 1]) != NULL;
    return ends_well && strlen(text) <= SYSCTL_NAME_MAX && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_./")] == '\0' &&
           strstr(text, "..") == NULL && strstr(text, "//") == NULL;
}

static const struct field_table alias_table = { sizeof(struct host_alias), (const struct field[]){
    { FIELD("ip", FIELD_TEXT, struct host_alias, ip), .required = true },
    { FIELD("hostnames", FIELD_TEXTS, struct host_alias, names), .max = LIMIT_HOST_NAMES },
    { 0 } } };

static const struct field_table dns_option_table = { sizeof(struct dns_option), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct dns_option, name), .required = true },
    { FIELD("value", FIELD_TEXT, struct dns_option, value) },
    { 0 } } };

static const struct field_table dns_table = { sizeof(struct dns_config), (const struct field[]){
    { FIELD("nameservers", FIELD_TEXTS, struct dns_config, servers), .max = LIMIT_HOST_NAMES },
    { FIELD("searches", FIELD_TEXTS, struct dns_config, searches), .max = LIMIT_HOST_NAMES },
    { FIELD("options", FIELD_OBJECTS, struct dns_config, options), .max = LIMIT_HOST_NAMES,
      .nested = &dns_option_table },
    { 0 } } };

static const struct field_table sysctl_table = { sizeof(struct sysctl), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct sysctl, name), .required = true, .check = is_sysctl_name,
      .expected = "name of a sysctl, as kernel.shmmax" },
    { FIELD("value", FIELD_TEXT, struct sysctl, value) },
    { 0 } } };

static const struct field_table pod_security_table = { sizeof(struct pod_security), (const struct field[]){
    { FIELD("runAsUser", FIELD_INTEGER, struct pod_security, run_as_user), .fallback = POD_UNSET, .max = INT32_MAX },
    { FIELD("runAsGroup", FIELD_INTEGER, struct pod_security, run_as_group), .fallback = POD_UNSET, .max = INT32_MAX },
    { FIELD("runAsNonRoot", FIELD_FLAG, struct pod_security, run_as_non_root), .fallback = POD_UNSET },
    { FIELD("fsGroup", FIELD_INTEGER, struct pod_security, fs_group), .fallback = POD_UNSET, .max = INT32_MAX },
    { FIELD("fsGroupChangePolicy", FIELD_WORD, struct pod_security, fs_group_on_mismatch), .words = change_words },
    { FIELD("supplementalGroupsPolicy", FIELD_WORD, struct pod_security, strict_groups), .words = groups_words },
    { FIELD("supplementalGroups", FIELD_JSON, struct pod_security, groups), .check_json = check_numbers },
    { FIELD("seccompProfile", FIELD_OBJECT, struct pod_security, seccomp), .nested = &seccomp_table },
    { FIELD("appArmorProfile", FIELD_OBJECT, struct pod_security, app_armor), .nested = &seccomp_table },
    { FIELD("sysctls", FIELD_OBJECTS, struct pod_security, sysctls), .max = LIMIT_SYSCTLS, .nested = &sysctl_table },
    { 0 } } };

static const struct field_table os_table = { sizeof(struct pod_os), (const struct field[]){
    { FIELD("name", FIELD_WORD, struct pod_os, name), .required = true, .words = os_words },
    { 0 } } };

static const struct field_table pull_secret_table = { sizeof(struct pull_secret), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct pull_secret, name), .required = true, .check = name_is_subdomain,
      .expected = "name of a Secret" },
    { 0 } } };

const struct field_table pod_table = { sizeof(struct pod), (const struct field[]){
    { FIELD("containers", FIELD_OBJECTS, struct pod, containers), .required = true, .max = LIMIT_CONTAINERS,
      .nested = &container_table },
    { FIELD("volumes", FIELD_OBJECTS, struct pod, volumes), .max = LIMIT_VOLUMES, .nested = &volume_table },
    { FIELD("imagePullSecrets", FIELD_OBJECTS, struct pod, pull_secrets), .max = LIMIT_PULL_SECRETS,
      .nested = &pull_secret_table, .unhashed = true },
    { FIELD("hostNetwork", FIELD_BOOL, struct pod, host_network) },
    { FIELD("restartPolicy", FIELD_WORD, struct pod, restart_policy), .words = restart_words },
    { FIELD("terminationGracePeriodSeconds", FIELD_INTEGER, struct pod, grace_seconds), .fallback = 30,
      .max = LIMIT_SECONDS },
    { FIELD("initContainers", FIELD_OBJECTS, struct pod, init_containers), .max = LIMIT_CONTAINERS,
      .nested = &container_table },
    { FIELD("hostPID", FIELD_BOOL, struct pod, host_pid) },
    { FIELD("hostIPC", FIELD_BOOL, struct pod, host_ipc) },
    { FIELD("hostUsers", FIELD_BOOL, struct pod, host_users), .fallback = true },
    { FIELD("shareProcessNamespace", FIELD_BOOL, struct pod, share_processes) },
    { FIELD("activeDeadlineSeconds", FIELD_INTEGER, struct pod, deadline_seconds), .fallback = POD_UNSET, .min = 1,
      .max = INT32_MAX, .unhashed = true },
    { FIELD("hostname", FIELD_TEXT, struct pod, hostname), .check = name_is_label, .expected = "DNS label" },
    { FIELD("subdomain", FIELD_TEXT, struct pod, subdomain), .check = name_is_label, .expected = "DNS label" },
    { FIELD("setHostnameAsFQDN", FIELD_BOOL, struct pod, fqdn_hostname) },
    { FIELD("hostAliases", FIELD_OBJECTS, struct pod, host_aliases), .max = LIMIT_HOST_NAMES, .nested = &alias_table },
    { FIELD("dnsPolicy", FIELD_WORD, struct pod, dns_policy), .words = dns_words },
    { FIELD("dnsConfig", FIELD_OBJECT, struct pod, dns), .nested = &dns_table },
    { FIELD("securityContext", FIELD_OBJECT, struct pod, security), .nested = &pod_security_table },
    { FIELD("os", FIELD_OBJECT, struct pod, os), .nested = &os_table, .unhashed = true },
    { FIELD("nodeSelector", FIELD_JSON, struct pod, node_selector), .check_json = check_labels, .unhashed = true },
    { FIELD("tolerations", FIELD_JSON, struct pod, tolerations), .check_json = tolerations_check, .unhashed = true },
    { 0 } } };

struct pod *pod_read(const struct json *spec, struct ignored_fields *ignored, struct error *err)
{
    if (json_get(spec, POD_WRITTEN_VM) != NULL)
        return vm_read(json_get(spec, POD_WRITTEN_VM), ignored, err);
    struct pod *pod = mem_alloc(sizeof(*pod));
    if (!volumes_are_known(json_get(spec, "volumes"), err) || !fields_read(&pod_table, spec, "spec", pod, ignored, err)) {
        free(pod);
        return NULL;
    }
    if (!pod_check(pod, err)) {
        pod_free(pod);
        return NULL;
    }
    return pod;
}

void pod_free(struct pod *pod)
{
    if (pod == NULL)
        return;
    json_free(pod->labels);
    json_free(pod->annotations);
    struct vm *vm = pod->vm;
    fields_free(&pod_table, pod);
    if (vm != NULL)
        fields_free(&vm_table, vm);
    free(vm);
    free(pod);
}

_Static_assert(POD_HASH_BYTES == 2 + DIGEST_HEX_BYTES, "a version and a digest");

bool resource_is_device(const char *name)
{
    static const char *const known[] = { "cpu", "memory", "ephemeral-storage" };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(name, known[i]) == 0)
            return false;
    return strchr(name, '/') != NULL;
}

/* Devices are given when a container is made, so others mean another container; CPU and memory change in place. */
static void hash_devices(const struct container *container, struct digest *digest)
{
    JSON_EACH(value, container->resources != NULL ? container->resources->limits : NULL) {
        AUTO_FREE char *text = json_print(value);
        if (!resource_is_device(json_key(value)))
            continue;
        digest_add_text(digest, container->name);
        digest_add_text(digest, json_key(value));
        digest_add_text(digest, text);
    }
}

void pod_hash(const struct pod *pod, char out[POD_HASH_BYTES])
{
    struct digest digest;
    digest_init(&digest);
    if (pod->vm != NULL) /* the rest follows from it */
        fields_hash(&vm_table, pod->vm, &digest);
    else
        fields_hash(&pod_table, pod, &digest);
    for (size_t i = 0; i < pod_count(pod); i++)
        hash_devices(pod_container(pod, i), &digest);
    memcpy(out, "1:", 2);
    digest_hex(&digest, out + 2);
}

struct json *container_write(const struct container *container)
{
    return fields_write(&container_table, container);
}

struct json *volumes_write(const struct pod *pod)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < pod->volumes.count; i++)
        json_add(array, fields_write(&volume_table, pod_volume(pod, i)));
    return array;
}

struct json *pod_write(const struct pod *pod)
{
    if (pod->vm == NULL)
        return fields_write(&pod_table, pod);
    struct json *out = json_new_object();
    json_set(out, POD_WRITTEN_VM, vm_write(pod->vm));
    return out;
}

struct pod *pod_copy(const struct pod *pod)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    AUTO_JSON struct json *spec = pod_write(pod);
    struct pod *copy = pod_read(spec, &ignored, &err);
    ignored_free(&ignored);
    if (copy != NULL && pod->labels != NULL)
        copy->labels = json_copy(pod->labels);
    if (copy != NULL && pod->annotations != NULL)
        copy->annotations = json_copy(pod->annotations);
    return copy;
}
