/* The fields of a service: which there are, and those that are said in one line. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "cli/compose_service.h"
#include "cli/compose_values.h"

static bool add_literal(struct json *list, const struct json *word)
{
    AUTO_FREE char *text = compose_text(word);
    AUTO_FREE char *literal = text != NULL ? compose_literal(text) : NULL;
    json_add_text(list, literal != NULL ? literal : "");
    return text != NULL;
}

/* A list of words, or a line of them. */
static bool set_words(struct compose_service *service, const char *key, const char *field, const struct json *value, struct error *err)
{
    AUTO_JSON struct json *words = json_text(value) != NULL ? compose_words(json_text(value)) : json_copy(value);
    struct json *list = json_set_array(service->container, field);
    if (words == NULL || json_type(words) != JSON_ARRAY)
        return compose_error(service, key, err, "a list of words is expected, or a line whose quotes are closed");
    JSON_EACH(word, words)
        if (!add_literal(list, word))
            return compose_error(service, key, err, "a list of texts is expected");
    return true;
}

static bool read_command(struct compose_service *service, const struct json *value, struct error *err)
{
    return json_type(value) == JSON_NULL || set_words(service, "command", "args", value, err);
}

static bool read_entrypoint(struct compose_service *service, const struct json *value, struct error *err)
{
    return json_type(value) == JSON_NULL || set_words(service, "entrypoint", "command", value, err);
}

static bool read_image(struct compose_service *service, const struct json *value, struct error *err)
{
    json_set_text(service->container, "image", json_text(value));
    return json_text(value) != NULL || compose_error(service, "image", err, "a text is expected");
}

/* A map, or a list of NAME=value: each to `add`. */
static bool each_pair(struct compose_service *service, const char *key, const struct json *value,
                      bool (*add)(struct compose_service *service, const char *name, const char *text), struct error *err)
{
    bool is_map = json_type(value) == JSON_OBJECT;
    if (!is_map && json_type(value) != JSON_ARRAY)
        return compose_error(service, key, err, "a map is expected, or a list of NAME=value");
    JSON_EACH(one, value) {
        AUTO_FREE char *text = compose_text(one);
        const char *equals = !is_map && text != NULL ? strchr(text, '=') : NULL;
        AUTO_FREE char *name = is_map            ? mem_strdup(json_key(one))
                               : equals != NULL ? mem_strndup(text, (size_t)(equals - text))
                                                : mem_strdup(text != NULL ? text : "");
        const char *its = is_map ? text : equals != NULL ? equals + 1 : NULL;
        if (!add(service, name, its))
            return compose_error(service, key, err, "%s has no value: Compose would take it from its own environment. "
                                                    "Write %s=${%s}", name, name, name);
    }
    return true;
}

static bool add_variable(struct compose_service *service, const char *name, const char *text)
{
    AUTO_FREE char *literal = compose_literal(text != NULL ? text : "");
    json_add(compose_array(service->container, "env"), json_new_texts("name", name, "value", literal, NULL));
    return text != NULL;
}

static bool read_environment(struct compose_service *service, const struct json *value, struct error *err)
{
    return json_type(value) == JSON_NULL || each_pair(service, "environment", value, add_variable, err);
}

/* Labels of containers are texts of any kind: annotations. */
static bool add_annotation(struct compose_service *service, const char *name, const char *text)
{
    json_set_text(compose_object(service->metadata, "annotations"), name, text != NULL ? text : "");
    return true;
}

static bool read_labels(struct compose_service *service, const struct json *value, struct error *err)
{
    return each_pair(service, "labels", value, add_annotation, err);
}

static bool add_sysctl(struct compose_service *service, const char *name, const char *text)
{
    struct json *list = compose_array(compose_object(service->pod, "securityContext"), "sysctls");
    json_add(list, json_new_texts("name", name, "value", text != NULL ? text : "", NULL));
    return text != NULL;
}

static bool read_sysctls(struct compose_service *service, const struct json *value, struct error *err)
{
    return each_pair(service, "sysctls", value, add_sysctl, err);
}

static bool read_working_dir(struct compose_service *service, const struct json *value, struct error *err)
{
    json_set_text(service->container, "workingDir", json_text(value));
    return json_text(value) != NULL || compose_error(service, "working_dir", err, "a path is expected");
}

static bool read_hostname(struct compose_service *service, const struct json *value, struct error *err)
{
    json_set_text(service->pod, "hostname", json_text(value));
    return json_text(value) != NULL || compose_error(service, "hostname", err, "a name is expected");
}

static bool read_user(struct compose_service *service, const struct json *value, struct error *err)
{
    AUTO_FREE char *text = compose_text(value);
    char *end = NULL;
    long long user = text != NULL ? strtoll(text, &end, 10) : -1, group = -1;
    bool good = end != NULL && end != text && user >= 0;
    if (good && *end == ':') {
        const char *second = end + 1;
        group = strtoll(second, &end, 10);
        good = end != second && group >= 0;
    }
    if (!good || *end != '\0')
        return compose_error(service, "user", err, "numbers are expected, as 1000 or 1000:1000: which number a name has only the image knows");
    struct json *context = compose_object(service->container, "securityContext");
    json_set_integer(context, "runAsUser", user);
    if (group >= 0)
        json_set_integer(context, "runAsGroup", group);
    return true;
}

static bool set_flag(struct compose_service *service, const char *key, struct json *object, const char *field, const struct json *value,
                     struct error *err)
{
    bool flag = false;
    if (!json_boolean(value, &flag))
        return compose_error(service, key, err, "true or false is expected");
    if (flag)
        json_set_boolean(object, field, true);
    return true;
}

static bool read_privileged(struct compose_service *service, const struct json *value, struct error *err)
{
    return set_flag(service, "privileged", compose_object(service->container, "securityContext"), "privileged", value, err);
}

static bool read_read_only(struct compose_service *service, const struct json *value, struct error *err)
{
    return set_flag(service, "read_only", compose_object(service->container, "securityContext"), "readOnlyRootFilesystem", value, err);
}

static bool read_tty(struct compose_service *service, const struct json *value, struct error *err)
{
    return set_flag(service, "tty", service->container, "tty", value, err);
}

static bool read_stdin_open(struct compose_service *service, const struct json *value, struct error *err)
{
    return set_flag(service, "stdin_open", service->container, "stdin", value, err);
}

static bool add_capabilities(struct compose_service *service, const char *key, const char *field, const struct json *value, struct error *err)
{
    struct json *list = compose_array(compose_object(compose_object(service->container, "securityContext"), "capabilities"), field);
    JSON_EACH(one, value) {
        const char *name = json_text(one);
        if (name == NULL)
            return compose_error(service, key, err, "a list of names is expected");
        json_add_text(list, strncmp(name, "CAP_", 4) == 0 ? name + 4 : name);
    }
    return true;
}

static bool read_cap_add(struct compose_service *service, const struct json *value, struct error *err)
{
    return add_capabilities(service, "cap_add", "add", value, err);
}

static bool read_cap_drop(struct compose_service *service, const struct json *value, struct error *err)
{
    return add_capabilities(service, "cap_drop", "drop", value, err);
}

/* One of a few words: the pod's field becomes true by the second, nothing by the first. */
static bool read_mode(struct compose_service *service, const char *key, const char *usual, const char *field, const struct json *value,
                      struct error *err)
{
    const char *word = json_text(value);
    if (word != NULL && strcmp(word, "host") == 0) {
        json_set_boolean(service->pod, field, true);
        return true;
    }
    return (word != NULL && strcmp(word, usual) == 0) || compose_error(service, key, err, "%s and host are what Davit has", usual);
}

static bool read_network_mode(struct compose_service *service, const struct json *value, struct error *err)
{
    return read_mode(service, "network_mode", "bridge", "hostNetwork", value, err);
}

static bool read_pid(struct compose_service *service, const struct json *value, struct error *err)
{
    return read_mode(service, "pid", "private", "hostPID", value, err);
}

static bool read_ipc(struct compose_service *service, const struct json *value, struct error *err)
{
    return read_mode(service, "ipc", "private", "hostIPC", value, err);
}

static bool read_restart(struct compose_service *service, const struct json *value, struct error *err)
{
    static const char *const WORDS[] = {"no", "always", "unless-stopped", "on-failure"};
    const char *word = json_text(value);
    for (size_t i = 0; word != NULL && i < 4; i++)
        if (strncmp(WORDS[i], word, strlen(WORDS[i])) == 0)
            return true;
    return compose_error(service, "restart", err, "\"no\", always, unless-stopped or on-failure is expected");
}

static bool read_pull_policy(struct compose_service *service, const struct json *value, struct error *err)
{
    static const struct {
        const char *word, *policy;
    } WORDS[] = {{"always", "Always"}, {"missing", "IfNotPresent"}, {"if_not_present", "IfNotPresent"}, {"never", "Never"}};
    for (size_t i = 0; json_text(value) != NULL && i < 4; i++)
        if (strcmp(WORDS[i].word, json_text(value)) == 0) {
            json_set_text(service->container, "imagePullPolicy", WORDS[i].policy);
            return true;
        }
    return compose_error(service, "pull_policy", err, "always, missing or never is expected");
}

static bool read_stop_grace_period(struct compose_service *service, const struct json *value, struct error *err)
{
    int64_t seconds = 0;
    if (!compose_seconds(value, &seconds))
        return compose_error(service, "stop_grace_period", err, "a time is expected, as 1m30s");
    json_set_integer(service->pod, "terminationGracePeriodSeconds", seconds);
    return true;
}

static bool read_stop_signal(struct compose_service *service, const struct json *value, struct error *err)
{
    if (json_text(value) == NULL)
        return compose_error(service, "stop_signal", err, "a name is expected, as SIGINT");
    json_set_text(compose_object(service->container, "lifecycle"), "stopSignal", json_text(value));
    return true;
}

static bool add_host(struct compose_service *service, const char *name, const char *text)
{
    struct json *alias = json_add_object(compose_array(service->pod, "hostAliases"));
    json_set_text(alias, "ip", text != NULL ? text : "");
    json_add_text(json_set_array(alias, "hostnames"), name);
    return text != NULL;
}

/* "NAME=IP"; "NAME:IP" as it was written before. */
static bool read_extra_hosts(struct compose_service *service, const struct json *value, struct error *err)
{
    if (json_type(value) == JSON_OBJECT)
        return each_pair(service, "extra_hosts", value, add_host, err);
    JSON_EACH(one, value) {
        const char *text = json_text(one), *cut = text != NULL ? strpbrk(text, "=:") : NULL;
        if (cut == NULL)
            return compose_error(service, "extra_hosts", err, "NAME=IP is expected");
        AUTO_FREE char *name = mem_strndup(text, (size_t)(cut - text));
        (void)add_host(service, name, cut + 1);
    }
    return true;
}

static bool read_group_add(struct compose_service *service, const struct json *value, struct error *err)
{
    struct json *list = compose_array(compose_object(service->pod, "securityContext"), "supplementalGroups");
    JSON_EACH(one, value) {
        AUTO_FREE char *text = compose_text(one);
        char *end = NULL;
        long long number = text != NULL ? strtoll(text, &end, 10) : -1;
        if (end == NULL || *end != '\0' || number < 0)
            return compose_error(service, "group_add", err, "numbers are expected: which number a name has only the image knows");
        json_add(list, json_new_integer(number));
    }
    return true;
}

/* Read elsewhere. */
static bool read_nothing(struct compose_service *service, const struct json *value, struct error *err)
{
    (void)service, (void)value, (void)err;
    return true;
}

static const struct {
    const char *name; /* first: nearest_word */
    compose_reader *read; /* NULL: left out, with `left_out` */
    const char *left_out;
} FIELDS[] = {
    {"image", read_image, NULL},
    {"command", read_command, NULL},
    {"entrypoint", read_entrypoint, NULL},
    {"environment", read_environment, NULL},
    {"ports", compose_read_ports, NULL},
    {"expose", compose_read_expose, NULL},
    {"volumes", compose_read_volumes, NULL},
    {"tmpfs", compose_read_tmpfs, NULL},
    {"devices", compose_read_devices, NULL},
    {"shm_size", compose_read_shm_size, NULL},
    {"configs", compose_read_configs, NULL},
    {"secrets", compose_read_secrets, NULL},
    {"healthcheck", compose_read_healthcheck, NULL},
    {"depends_on", compose_read_depends_on, NULL},
    {"deploy", compose_read_deploy, NULL},
    {"mem_limit", compose_read_mem_limit, NULL},
    {"mem_reservation", compose_read_mem_reservation, NULL},
    {"cpus", compose_read_cpus, NULL},
    {"labels", read_labels, NULL},
    {"annotations", read_labels, NULL},
    {"working_dir", read_working_dir, NULL},
    {"hostname", read_hostname, NULL},
    {"user", read_user, NULL},
    {"group_add", read_group_add, NULL},
    {"privileged", read_privileged, NULL},
    {"read_only", read_read_only, NULL},
    {"tty", read_tty, NULL},
    {"stdin_open", read_stdin_open, NULL},
    {"cap_add", read_cap_add, NULL},
    {"cap_drop", read_cap_drop, NULL},
    {"sysctls", read_sysctls, NULL},
    {"extra_hosts", read_extra_hosts, NULL},
    {"network_mode", read_network_mode, NULL},
    {"pid", read_pid, NULL},
    {"ipc", read_ipc, NULL},
    {"restart", read_restart, NULL},
    {"pull_policy", read_pull_policy, NULL},
    {"stop_grace_period", read_stop_grace_period, NULL},
    {"stop_signal", read_stop_signal, NULL},
    {"scale", read_nothing, NULL},
    {"networks", NULL, "left out, all services of a device reach each other by name"},
    {"links", NULL, "left out, all services of a device reach each other by name"},
    {"container_name", NULL, "left out, a pod is called after its service"},
    {"logging", NULL, "left out, davitd keeps the logs"},
    {"build", NULL, "left out, Davit builds no images: its image is pulled"},
    {"platform", NULL, "left out, the device's own is taken"},
    {"init", NULL, "left out, the command is the first process"},
    {"ulimits", NULL, "left out, Kubernetes has none"},
    {"cpu_shares", NULL, "left out, cpus is what is honoured"},
    {"oom_score_adj", NULL, "left out"},
    {"memswap_limit", NULL, "left out, containers have no swap of their own"},
    {"security_opt", NULL, "left out"},
    {"attach", NULL, "left out"},
    {"develop", NULL, "left out"},
};

#define FIELD_COUNT (sizeof(FIELDS) / sizeof(FIELDS[0]))

static bool read_field(struct compose_service *service, const struct json *field, struct error *err)
{
    const char *key = json_key(field);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(FIELDS[i].name, key) != 0)
            continue;
        return FIELDS[i].read != NULL ? FIELDS[i].read(service, field, err) : compose_remark(service, key, FIELDS[i].left_out, err);
    }
    if (strncmp(key, "x-", 2) == 0)
        return true;
    if (strcmp(key, "env_file") == 0)
        return compose_error(service, key, err, "Davit reads no such files: put what is in it under environment, or into a Secret");
    const char *near = nearest_word(key, FIELDS, FIELD_COUNT, sizeof(FIELDS[0]));
    return near != NULL ? compose_error(service, key, err, "no field that Davit has something for. Did you mean %s?", near)
                        : compose_error(service, key, err, "no field that Davit has something for");
}

bool compose_read_fields(struct compose_service *service, struct error *err)
{
    JSON_EACH(field, service->said)
        if (!read_field(service, field, err))
            return false;
    return json_get(service->container, "image") != NULL ||
           compose_error(service, "image", err, "is needed: Davit builds none");
}
