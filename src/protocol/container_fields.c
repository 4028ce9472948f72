#include "protocol/container_fields.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "model/quantity.h"
#include "model/vm.h"
#include "protocol/names.h"

#define LIMIT_IMAGE_NAME_BYTES 1160 /* a disk by its URL and checksum */
#define LIMIT_SECONDS (86400 * 366)

static bool is_env_name(const char *text)
{
    return text[0] != '\0' && strchr(text, '=') == NULL;
}

bool image_name_is_valid(const char *text)
{
    size_t most = strstr(text, "://") != NULL ? LIMIT_IMAGE_URL_BYTES : LIMIT_IMAGE_NAME_BYTES;
    return text[0] != '\0' && strlen(text) <= most && strpbrk(text, " \t\r\n") == NULL;
}

static bool is_working_dir(const char *text)
{
    return text[0] == '\0' || file_path_is_safe(text);
}

bool path_is_relative(const char *text)
{
    AUTO_FREE char *rooted = mem_printf("/%s", text);
    return text[0] != '/' && (text[0] == '\0' || file_path_is_safe(rooted));
}

/* Kubernetes checks an expression when it is expanded. */
static bool is_path_expression(const char *text)
{
    return text[0] != '/';
}

static bool is_port_name(const char *text)
{
    size_t letters = strcspn(text, "0123456789-");
    return name_is_label(text) && strlen(text) <= 15 && letters > 0 && strstr(text, "--") == NULL;
}

/* "" is what is not said (enum pull_policy). */
const char *const pull_words[] = { "", "Always", "IfNotPresent", "Never", NULL };
const char *const protocol_words[] = { "TCP", "UDP", "SCTP", NULL };
static const char *const scheme_words[] = { "HTTP", "HTTPS", NULL };
static const char *const propagation_words[] = { "None", "HostToContainer", "Bidirectional", NULL };
static const char *const recursive_words[] = { "Disabled", "IfPossible", "Enabled", NULL };
static const char *const message_words[] = { "File", "FallbackToLogsOnError", NULL };
static const char *const profile_words[] = { "RuntimeDefault", "Unconfined", "Localhost", NULL };
static const char *const proc_words[] = { "Default", "Unmasked", NULL };
static const char *const own_words[] = { "", "Always", "OnFailure", "Never", NULL };
static const char *const action_words[] = { "Restart", NULL };
static const char *const operator_words[] = { "In", "NotIn", NULL };

static const struct field_table config_key_table = { sizeof(struct key_ref), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct key_ref, name), .required = true, .check = name_is_subdomain,
      .expected = "name of an object" },
    { FIELD("key", FIELD_TEXT, struct key_ref, key), .required = true },
    { FIELD("optional", FIELD_BOOL, struct key_ref, optional) },
    { 0 } } };

const struct field_table field_ref_table = { sizeof(struct field_ref), (const struct field[]){
    { FIELD("apiVersion", FIELD_TEXT, struct field_ref, api_version) },
    { FIELD("fieldPath", FIELD_TEXT, struct field_ref, path), .required = true },
    { 0 } } };

const struct field_table resource_ref_table = { sizeof(struct resource_ref), (const struct field[]){
    { FIELD("containerName", FIELD_TEXT, struct resource_ref, container) },
    { FIELD("resource", FIELD_TEXT, struct resource_ref, resource), .required = true },
    { FIELD("divisor", FIELD_PORT, struct resource_ref, divisor) },
    { 0 } } };

static const struct field_table env_source_table = { sizeof(struct env_source), (const struct field[]){
    { FIELD("configMapKeyRef", FIELD_OBJECT, struct env_source, config_map), .nested = &config_key_table },
    { FIELD("secretKeyRef", FIELD_OBJECT, struct env_source, secret), .nested = &config_key_table },
    { FIELD("fieldRef", FIELD_OBJECT, struct env_source, field), .nested = &field_ref_table },
    { FIELD("resourceFieldRef", FIELD_OBJECT, struct env_source, resource), .nested = &resource_ref_table },
    { 0 } } };

static const struct field_table env_table = { sizeof(struct env_var), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct env_var, name), .required = true, .check = is_env_name,
      .expected = "name of an environment variable" },
    { FIELD("value", FIELD_TEXT, struct env_var, value) },
    { FIELD("valueFrom", FIELD_OBJECT, struct env_var, from), .nested = &env_source_table },
    { 0 } } };

static const struct field_table source_ref_table = { sizeof(struct source_ref), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct source_ref, name), .required = true, .check = name_is_subdomain,
      .expected = "name of an object" },
    { FIELD("optional", FIELD_BOOL, struct source_ref, optional) },
    { 0 } } };

static const struct field_table env_from_table = { sizeof(struct env_from), (const struct field[]){
    { FIELD("prefix", FIELD_TEXT, struct env_from, prefix) },
    { FIELD("configMapRef", FIELD_OBJECT, struct env_from, config_map), .nested = &source_ref_table },
    { FIELD("secretRef", FIELD_OBJECT, struct env_from, secret), .nested = &source_ref_table },
    { 0 } } };

static const struct field_table mount_table = { sizeof(struct volume_mount), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct volume_mount, name), .required = true },
    { FIELD("mountPath", FIELD_TEXT, struct volume_mount, mount_path), .required = true, .check = file_path_is_safe,
      .expected = "absolute path without \"..\"" },
    { FIELD("readOnly", FIELD_BOOL, struct volume_mount, read_only) },
    { FIELD("subPath", FIELD_TEXT, struct volume_mount, sub_path), .check = path_is_relative,
      .expected = "relative path without \"..\"" },
    { FIELD("subPathExpr", FIELD_TEXT, struct volume_mount, sub_path_expr), .check = is_path_expression,
      .expected = "relative path" },
    { FIELD("mountPropagation", FIELD_WORD, struct volume_mount, propagation), .words = propagation_words },
    { FIELD("recursiveReadOnly", FIELD_WORD, struct volume_mount, recursive_read_only), .words = recursive_words },
    { 0 } } };

static const struct field_table device_table = { sizeof(struct volume_device), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct volume_device, name), .required = true },
    { FIELD("devicePath", FIELD_TEXT, struct volume_device, path), .required = true, .check = file_path_is_safe,
      .expected = "absolute path without \"..\"" },
    { 0 } } };

static const struct field_table port_table = { sizeof(struct container_port), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct container_port, name), .check = is_port_name, .expected = "port name" },
    { FIELD("containerPort", FIELD_INTEGER, struct container_port, port), .required = true, .min = 1, .max = 65535 },
    { FIELD("hostPort", FIELD_INTEGER, struct container_port, host_port), .min = 0, .max = 65535 },
    { FIELD("hostIP", FIELD_TEXT, struct container_port, host_ip) },
    { FIELD("protocol", FIELD_WORD, struct container_port, protocol), .words = protocol_words },
    { 0 } } };

static const struct field_table exec_table = { sizeof(struct exec_action), (const struct field[]){
    { FIELD("command", FIELD_TEXTS, struct exec_action, command), .required = true, .max = LIMIT_ARGS },
    { 0 } } };

static const struct field_table header_table = { sizeof(struct http_header), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct http_header, name), .required = true },
    { FIELD("value", FIELD_TEXT, struct http_header, value) },
    { 0 } } };

static const struct field_table http_table = { sizeof(struct http_action), (const struct field[]){
    { FIELD("path", FIELD_TEXT, struct http_action, path) },
    { FIELD("port", FIELD_PORT, struct http_action, port), .required = true },
    { FIELD("host", FIELD_TEXT, struct http_action, host) },
    { FIELD("scheme", FIELD_WORD, struct http_action, scheme), .words = scheme_words },
    { FIELD("httpHeaders", FIELD_OBJECTS, struct http_action, headers), .max = LIMIT_PROBE_HEADERS,
      .nested = &header_table },
    { 0 } } };

static const struct field_table tcp_table = { sizeof(struct tcp_action), (const struct field[]){
    { FIELD("port", FIELD_PORT, struct tcp_action, port), .required = true },
    { FIELD("host", FIELD_TEXT, struct tcp_action, host) },
    { 0 } } };

const struct field_table nothing_table = { sizeof(struct vm_nothing), (const struct field[]){ { 0 } } };

static const struct field_table grpc_table = { sizeof(struct grpc_action), (const struct field[]){
    { FIELD("port", FIELD_INTEGER, struct grpc_action, port), .required = true, .min = 1, .max = 65535 },
    { FIELD("service", FIELD_TEXT, struct grpc_action, service) },
    { 0 } } };

static const struct field_table sleep_table = { sizeof(struct sleep_action), (const struct field[]){
    { FIELD("seconds", FIELD_INTEGER, struct sleep_action, seconds), .required = true, .min = 0, .max = LIMIT_SECONDS },
    { 0 } } };

/* Kubernetes: 0 stands for the default where a probe's number has one. */
#define PROBE_FIELDS                                                                                                   \
    { FIELD("exec", FIELD_OBJECT, struct probe, handler.exec), .nested = &exec_table },                                \
    { FIELD("httpGet", FIELD_OBJECT, struct probe, handler.http), .nested = &http_table },                             \
    { FIELD("tcpSocket", FIELD_OBJECT, struct probe, handler.tcp), .nested = &tcp_table },                             \
    { FIELD("initialDelaySeconds", FIELD_INTEGER, struct probe, initial_delay_s), .max = LIMIT_SECONDS },              \
    { FIELD("timeoutSeconds", FIELD_INTEGER, struct probe, timeout_s), .fallback = 1, .max = LIMIT_SECONDS },          \
    { FIELD("periodSeconds", FIELD_INTEGER, struct probe, period_s), .fallback = 10, .max = LIMIT_SECONDS },           \
    { FIELD("successThreshold", FIELD_INTEGER, struct probe, success_threshold), .fallback = 1, .max = 1000 },         \
    { FIELD("failureThreshold", FIELD_INTEGER, struct probe, failure_threshold), .fallback = 3, .max = 1000000 }

static const struct field_table probe_table = { sizeof(struct probe), (const struct field[]){
    PROBE_FIELDS,
    { FIELD("grpc", FIELD_OBJECT, struct probe, handler.grpc), .nested = &grpc_table },
    { FIELD("terminationGracePeriodSeconds", FIELD_INTEGER, struct probe, grace_s), .fallback = POD_UNSET, .min = 1,
      .max = LIMIT_SECONDS },
    { 0 } } };

/* KubeVirt's has no terminationGracePeriodSeconds, and no gRPC. */
const struct field_table vm_probe_table = { sizeof(struct probe), (const struct field[]){
    PROBE_FIELDS,
    { FIELD("guestAgentPing", FIELD_OBJECT, struct probe, handler.ping), .nested = &nothing_table },
    { 0 } } };

static const struct field_table hook_table = { sizeof(struct handler), (const struct field[]){
    { FIELD("exec", FIELD_OBJECT, struct handler, exec), .nested = &exec_table },
    { FIELD("httpGet", FIELD_OBJECT, struct handler, http), .nested = &http_table },
    { FIELD("tcpSocket", FIELD_OBJECT, struct handler, tcp), .nested = &tcp_table },
    { FIELD("sleep", FIELD_OBJECT, struct handler, sleep), .nested = &sleep_table },
    { 0 } } };

static const struct field_table lifecycle_table = { sizeof(struct lifecycle), (const struct field[]){
    { FIELD("postStart", FIELD_OBJECT, struct lifecycle, post_start), .nested = &hook_table },
    { FIELD("preStop", FIELD_OBJECT, struct lifecycle, pre_stop), .nested = &hook_table },
    { FIELD("stopSignal", FIELD_TEXT, struct lifecycle, stop_signal) },
    { 0 } } };

static const struct field_table capabilities_table = { sizeof(struct capabilities), (const struct field[]){
    { FIELD("add", FIELD_TEXTS, struct capabilities, add), .max = LIMIT_CAPABILITIES },
    { FIELD("drop", FIELD_TEXTS, struct capabilities, drop), .max = LIMIT_CAPABILITIES },
    { 0 } } };

const struct field_table seccomp_table = { sizeof(struct security_profile), (const struct field[]){
    { FIELD("type", FIELD_WORD, struct security_profile, type), .required = true, .words = profile_words },
    { FIELD("localhostProfile", FIELD_TEXT, struct security_profile, localhost), .check = path_is_relative,
      .expected = "relative path without \"..\"" },
    { 0 } } };

static const struct field_table security_table = { sizeof(struct security), (const struct field[]){
    { FIELD("runAsUser", FIELD_INTEGER, struct security, run_as_user), .fallback = POD_UNSET, .max = INT32_MAX },
    { FIELD("runAsGroup", FIELD_INTEGER, struct security, run_as_group), .fallback = POD_UNSET, .max = INT32_MAX },
    { FIELD("runAsNonRoot", FIELD_FLAG, struct security, run_as_non_root), .fallback = POD_UNSET },
    { FIELD("privileged", FIELD_FLAG, struct security, privileged), .fallback = POD_UNSET },
    { FIELD("readOnlyRootFilesystem", FIELD_FLAG, struct security, read_only_root), .fallback = POD_UNSET },
    { FIELD("allowPrivilegeEscalation", FIELD_FLAG, struct security, escalation), .fallback = POD_UNSET },
    { FIELD("capabilities", FIELD_OBJECT, struct security, capabilities), .nested = &capabilities_table },
    { FIELD("seccompProfile", FIELD_OBJECT, struct security, seccomp), .nested = &seccomp_table },
    { FIELD("appArmorProfile", FIELD_OBJECT, struct security, app_armor), .nested = &seccomp_table },
    { FIELD("procMount", FIELD_WORD, struct security, unmasked_proc), .words = proc_words },
    { 0 } } };

bool quantities_check(const struct json *json, const char *path, struct error *err)
{
    if (json_type(json) != JSON_OBJECT || json_size(json) > LIMIT_RESOURCES)
        return error_set(err, ERROR_INVALID, "%s must map at most %d resources to quantities", path, LIMIT_RESOURCES);
    JSON_EACH(value, json) {
        int64_t number = 0;
        AUTO_FREE char *printed = json_print(value);
        const char *text = json_text(value) != NULL ? json_text(value) : printed;
        if (!quantity_read(text, 1, &number))
            return error_set(err, ERROR_INVALID, "%s[%.80s]: Invalid value: \"%.40s\": must be a quantity, as 500m or 128Mi, "
                             "not below 0", path, json_key(value), text);
    }
    return true;
}

/* Limits of CPU and memory change in place: the hash has what else is asked for (see pod_hash). */
static const struct field_table resources_table = { sizeof(struct resources), (const struct field[]){
    { FIELD("limits", FIELD_JSON, struct resources, limits), .check_json = quantities_check, .unhashed = true },
    { FIELD("requests", FIELD_JSON, struct resources, requests), .check_json = quantities_check, .unhashed = true },
    { 0 } } };

static bool check_codes(const struct json *json, const char *path, struct error *err)
{
    bool good = json_type(json) == JSON_ARRAY && json_size(json) > 0 && json_size(json) <= LIMIT_EXIT_CODES;
    JSON_EACH(value, json) {
        int64_t code = -1;
        good = good && json_integer(value, &code) && code >= 0 && code <= 255;
    }
    return good || error_set(err, ERROR_INVALID, "%s: Invalid value: must be 1 to %d exit codes from 0 to 255", path,
                             LIMIT_EXIT_CODES);
}

static const struct field_table codes_table = { sizeof(struct exit_codes), (const struct field[]){
    { FIELD("operator", FIELD_WORD, struct exit_codes, not_in), .required = true, .words = operator_words },
    { FIELD("values", FIELD_JSON, struct exit_codes, values), .required = true, .check_json = check_codes },
    { 0 } } };

static const struct field_table rule_table = { sizeof(struct restart_rule), (const struct field[]){
    { FIELD("action", FIELD_WORD, struct restart_rule, action), .required = true, .words = action_words },
    { FIELD("exitCodes", FIELD_OBJECT, struct restart_rule, codes), .required = true, .nested = &codes_table },
    { 0 } } };

#define CONTAINER_FIELDS                                                                                               \
    { FIELD("name", FIELD_TEXT, struct container, name), .required = true, .check = name_is_label,                     \
      .expected = "DNS label" },                                                                                       \
    { FIELD("image", FIELD_TEXT, struct container, image), .check = image_name_is_valid,                               \
      .expected = "image reference" },                                                                                 \
    { FIELD("imagePullPolicy", FIELD_WORD, struct container, image_pull_policy), .words = pull_words,                  \
      .fallback = PULL_BY_TAG, .unhashed = true },                                                                     \
    { FIELD("command", FIELD_TEXTS, struct container, command), .max = LIMIT_ARGS },                                   \
    { FIELD("args", FIELD_TEXTS, struct container, args), .max = LIMIT_ARGS },                                         \
    { FIELD("workingDir", FIELD_TEXT, struct container, working_dir), .check = is_working_dir,                         \
      .expected = "absolute path without \"..\"" },                                                                    \
    { FIELD("env", FIELD_OBJECTS, struct container, env), .max = LIMIT_ENV, .nested = &env_table },                    \
    { FIELD("volumeMounts", FIELD_OBJECTS, struct container, mounts), .max = LIMIT_VOLUMES, .nested = &mount_table },  \
    { FIELD("envFrom", FIELD_OBJECTS, struct container, env_from), .max = LIMIT_ENV, .nested = &env_from_table },      \
    { FIELD("volumeDevices", FIELD_OBJECTS, struct container, devices), .max = LIMIT_VOLUMES,                          \
      .nested = &device_table },                                                                                       \
    { FIELD("ports", FIELD_OBJECTS, struct container, ports), .max = LIMIT_PORTS, .nested = &port_table },             \
    { FIELD("resources", FIELD_OBJECT, struct container, resources), .nested = &resources_table, .unhashed = true },   \
    { FIELD("securityContext", FIELD_OBJECT, struct container, security), .nested = &security_table },                 \
    { FIELD("startupProbe", FIELD_OBJECT, struct container, startup), .nested = &probe_table },                        \
    { FIELD("livenessProbe", FIELD_OBJECT, struct container, liveness), .nested = &probe_table },                      \
    { FIELD("readinessProbe", FIELD_OBJECT, struct container, readiness), .nested = &probe_table },                    \
    { FIELD("lifecycle", FIELD_OBJECT, struct container, lifecycle), .nested = &lifecycle_table },                     \
    { FIELD("terminationMessagePath", FIELD_TEXT, struct container, message_path), .check = file_path_is_safe,         \
      .expected = "absolute path without \"..\"" },                                                                    \
    { FIELD("terminationMessagePolicy", FIELD_WORD, struct container, message_policy), .words = message_words },       \
    { FIELD("stdin", FIELD_BOOL, struct container, stdin_open) },                                                      \
    { FIELD("stdinOnce", FIELD_BOOL, struct container, stdin_once) },                                                  \
    { FIELD("tty", FIELD_BOOL, struct container, tty) },                                                               \
    { FIELD("restartPolicy", FIELD_WORD, struct container, restart_policy), .words = own_words },                      \
    { FIELD("restartPolicyRules", FIELD_OBJECTS, struct container, restart_rules), .max = LIMIT_RESTART_RULES,         \
      .nested = &rule_table }

const struct field_table container_table = { sizeof(struct container), (const struct field[]){
    CONTAINER_FIELDS,
    { 0 } } };
