#include "protocol/pod_fields.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "protocol/names.h"

#define LIMIT_IMAGE_NAME_BYTES 512

static bool is_env_name(const char *text)
{
    return text[0] != '\0' && strchr(text, '=') == NULL;
}

static bool is_image_name(const char *text)
{
    return text[0] != '\0' && strlen(text) <= LIMIT_IMAGE_NAME_BYTES && strpbrk(text, " \t\r\n") == NULL;
}

static bool is_host_path_type(const char *text)
{
    static const char *const types[] = { "",       "DirectoryOrCreate", "Directory", "FileOrCreate", "File",
                                         "Socket", "CharDevice",        "BlockDevice" };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(text, types[i]) == 0)
            return true;
    return false;
}

static bool is_working_dir(const char *text)
{
    return text[0] == '\0' || file_path_is_safe(text);
}

/* "" is what is not said (enum pull_policy). */
static const char *const pull_words[] = { "", "Always", "IfNotPresent", "Never", NULL };
static const char *const restart_words[] = { "Always", "OnFailure", "Never", NULL };

static const struct field_table env_table = { sizeof(struct env_var), (const struct field[]){
    { .name = "name", .type = FIELD_TEXT, .offset = offsetof(struct env_var, name), .required = true,
      .check = is_env_name, .expected = "name of an environment variable" },
    { .name = "value", .type = FIELD_TEXT, .offset = offsetof(struct env_var, value) },
    { 0 } } };

static const struct field_table mount_table = { sizeof(struct volume_mount), (const struct field[]){
    { .name = "name", .type = FIELD_TEXT, .offset = offsetof(struct volume_mount, name), .required = true },
    { .name = "mountPath", .type = FIELD_TEXT, .offset = offsetof(struct volume_mount, mount_path), .required = true,
      .check = file_path_is_safe, .expected = "absolute path without \"..\"" },
    { .name = "readOnly", .type = FIELD_BOOL, .offset = offsetof(struct volume_mount, read_only) },
    { 0 } } };

static const struct field_table container_table = { sizeof(struct container), (const struct field[]){
    { .name = "name", .type = FIELD_TEXT, .offset = offsetof(struct container, name), .required = true,
      .check = name_is_label, .expected = "DNS label" },
    { .name = "image", .type = FIELD_TEXT, .offset = offsetof(struct container, image), .required = true,
      .check = is_image_name, .expected = "image reference" },
    { .name = "imagePullPolicy", .type = FIELD_WORD, .offset = offsetof(struct container, image_pull_policy),
      .words = pull_words, .fallback = PULL_BY_TAG, .unhashed = true },
    { .name = "command", .type = FIELD_TEXTS, .offset = offsetof(struct container, command), .max = LIMIT_ARGS },
    { .name = "args", .type = FIELD_TEXTS, .offset = offsetof(struct container, args), .max = LIMIT_ARGS },
    { .name = "workingDir", .type = FIELD_TEXT, .offset = offsetof(struct container, working_dir),
      .check = is_working_dir, .expected = "absolute path without \"..\"" },
    { .name = "env", .type = FIELD_OBJECTS, .offset = offsetof(struct container, env), .max = LIMIT_ENV,
      .nested = &env_table },
    { .name = "volumeMounts", .type = FIELD_OBJECTS, .offset = offsetof(struct container, mounts),
      .max = LIMIT_VOLUMES, .nested = &mount_table },
    { 0 } } };

static const struct field_table host_path_table = { sizeof(struct host_path), (const struct field[]){
    { .name = "path", .type = FIELD_TEXT, .offset = offsetof(struct host_path, path), .required = true,
      .check = file_path_is_safe, .expected = "absolute path without \"..\"" },
    { .name = "type", .type = FIELD_TEXT, .offset = offsetof(struct host_path, type), .check = is_host_path_type,
      .expected = "hostPath type" },
    { 0 } } };

static const struct field_table empty_dir_table = { sizeof(struct empty_dir), (const struct field[]){ { 0 } } };

static const struct field_table volume_table = { sizeof(struct volume), (const struct field[]){
    { .name = "name", .type = FIELD_TEXT, .offset = offsetof(struct volume, name), .required = true,
      .check = name_is_label, .expected = "DNS label" },
    { .name = "hostPath", .type = FIELD_OBJECT, .offset = offsetof(struct volume, host_path),
      .nested = &host_path_table },
    { .name = "emptyDir", .type = FIELD_OBJECT, .offset = offsetof(struct volume, empty_dir),
      .nested = &empty_dir_table },
    { 0 } } };

static const struct field_table pull_secret_table = { sizeof(struct pull_secret), (const struct field[]){
    { .name = "name", .type = FIELD_TEXT, .offset = offsetof(struct pull_secret, name), .required = true,
      .check = name_is_subdomain, .expected = "name of a Secret" },
    { 0 } } };

static const struct field_table pod_table = { sizeof(struct pod), (const struct field[]){
    { .name = "containers", .type = FIELD_OBJECTS, .offset = offsetof(struct pod, containers), .required = true,
      .max = LIMIT_CONTAINERS, .nested = &container_table },
    { .name = "volumes", .type = FIELD_OBJECTS, .offset = offsetof(struct pod, volumes), .max = LIMIT_VOLUMES,
      .nested = &volume_table },
    { .name = "imagePullSecrets", .type = FIELD_OBJECTS, .offset = offsetof(struct pod, pull_secrets),
      .max = LIMIT_PULL_SECRETS, .nested = &pull_secret_table, .unhashed = true },
    { .name = "hostNetwork", .type = FIELD_BOOL, .offset = offsetof(struct pod, host_network) },
    { .name = "restartPolicy", .type = FIELD_WORD, .offset = offsetof(struct pod, restart_policy),
      .words = restart_words, .fallback = RESTART_ALWAYS },
    { .name = "terminationGracePeriodSeconds", .type = FIELD_INTEGER, .offset = offsetof(struct pod, grace_seconds),
      .fallback = 30, .min = 0, .max = 86400 * 366 },
    { 0 } } };

/* Kubernetes: a volume without a source is an emptyDir; two sources are one too many. */
static bool check_volumes(const struct pod *pod, struct error *err)
{
    for (size_t i = 0; i < pod->volumes.count; i++) {
        const struct volume *volume = pod_volume(pod, i);
        if (volume->host_path != NULL && volume->empty_dir != NULL)
            return error_set(err, ERROR_INVALID, "spec.volumes[%zu] has more than one source", i);
        for (size_t j = 0; j < i; j++)
            if (strcmp(pod_volume(pod, j)->name, volume->name) == 0)
                return error_set(err, ERROR_INVALID, "spec.volumes has \"%s\" twice", volume->name);
    }
    return true;
}

static bool check_mounts(const struct pod *pod, size_t index, struct error *err)
{
    const struct container *container = pod_container(pod, index);
    const struct volume_mount *mounts = container->mounts.items;
    for (size_t i = 0; i < container->mounts.count; i++) {
        bool found = false;
        for (size_t j = 0; j < pod->volumes.count && !found; j++)
            found = strcmp(pod_volume(pod, j)->name, mounts[i].name) == 0;
        if (!found)
            return error_set(err, ERROR_INVALID, "spec.containers[%zu].volumeMounts[%zu].name \"%s\" is no volume of this pod",
                             index, i, mounts[i].name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(mounts[j].mount_path, mounts[i].mount_path) == 0)
                return error_set(err, ERROR_INVALID, "spec.containers[%zu].volumeMounts has \"%s\" twice", index,
                                 mounts[i].mount_path);
    }
    return true;
}

static bool check_pod(const struct pod *pod, struct error *err)
{
    for (size_t i = 0; i < pod->containers.count; i++) {
        for (size_t j = 0; j < i; j++)
            if (strcmp(pod_container(pod, j)->name, pod_container(pod, i)->name) == 0)
                return error_set(err, ERROR_INVALID, "spec.containers has \"%s\" twice", pod_container(pod, i)->name);
        if (!check_mounts(pod, i, err))
            return false;
    }
    return check_volumes(pod, err);
}

struct pod *pod_read(const struct json *spec, struct ignored_fields *ignored, struct error *err)
{
    struct pod *pod = mem_alloc(sizeof(*pod));
    if (!fields_read(&pod_table, spec, "spec", pod, ignored, err)) {
        free(pod);
        return NULL;
    }
    if (!check_pod(pod, err)) {
        pod_free(pod);
        return NULL;
    }
    return pod;
}

void pod_free(struct pod *pod)
{
    if (pod == NULL)
        return;
    fields_free(&pod_table, pod);
    free(pod);
}

_Static_assert(POD_HASH_BYTES == 2 + DIGEST_HEX_BYTES, "a version and a digest");

void pod_hash(const struct pod *pod, char out[POD_HASH_BYTES])
{
    struct digest digest;
    digest_init(&digest);
    fields_hash(&pod_table, pod, &digest);
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
    return fields_write(&pod_table, pod);
}

struct pod *pod_copy(const struct pod *pod)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    AUTO_JSON struct json *spec = pod_write(pod);
    struct pod *copy = pod_read(spec, &ignored, &err);
    ignored_free(&ignored);
    return copy;
}
