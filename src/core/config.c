#include "core/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "davit/limits.h"
#include "image/platform.h"
#include "protocol/names.h"

enum key_type {
    KEY_TEXT, KEY_PATH, KEY_BOOL, KEY_INTEGER, KEY_BYTES, KEY_LIST, KEY_LABELS, KEY_PATHS, KEY_HOSTS,
    KEY_PROFILE, KEY_RANGE
};

/* Above all that accounts have, and below 2^32 - 1. */
#define USER_FIRST INT64_C(2147483648)
#define USER_COUNT INT64_C(1073741824)

struct key {
    const char *section;
    const char *name;
    enum key_type type;
    size_t offset;
    int64_t min, max; /* KEY_INTEGER */
};

#define KEY(section_, name_, type_, field_) { section_, name_, type_, offsetof(struct config, field_), 0, 0 }

static const struct key keys[] = {
    KEY("node", "name", KEY_TEXT, node),
    KEY("node", "site", KEY_TEXT, site),
    KEY("node", "labels", KEY_LABELS, labels),
    KEY("node", "groups", KEY_LIST, groups),
    KEY("node", "reserved_memory", KEY_BYTES, reserved_memory_bytes),
    KEY("broker", "url", KEY_TEXT, url),
    KEY("broker", "root", KEY_TEXT, root),
    { "broker", "max_document", KEY_INTEGER, offsetof(struct config, max_document_bytes), 1024, LIMIT_DOCUMENT_BYTES },
    KEY("broker", "username", KEY_TEXT, username),
    KEY("broker", "password_file", KEY_PATH, password_file),
    KEY("broker", "ca_file", KEY_PATH, ca_file),
    KEY("broker", "cert_file", KEY_PATH, cert_file),
    KEY("broker", "key_file", KEY_PATH, key_file),
    KEY("broker", "proxy", KEY_TEXT, proxy),
    KEY("broker", "proxy_username", KEY_TEXT, proxy_username),
    KEY("broker", "proxy_password_file", KEY_PATH, proxy_password_file),
    KEY("broker", "no_proxy", KEY_HOSTS, no_proxy),
    { "broker", "max_packet", KEY_INTEGER, offsetof(struct config, max_packet_bytes), 1024, 268435460 },
    { "broker", "keepalive", KEY_INTEGER, offsetof(struct config, keepalive_s), 5, 3600 },
    { "broker", "reconnect_max_ms", KEY_INTEGER, offsetof(struct config, reconnect_max_ms), 10, 3600000 },
    KEY("paths", "state_dir", KEY_PATH, state_dir),
    KEY("paths", "run_dir", KEY_PATH, run_dir),
    KEY("paths", "manifests_dir", KEY_PATH, manifests_dir),
    KEY("paths", "libexec_dir", KEY_PATH, libexec_dir),
    KEY("paths", "plugin_dir", KEY_PATH, plugin_dir),
    KEY("runtime.crun", "enabled", KEY_BOOL, crun.enabled),
    KEY("runtime.libvirt", "enabled", KEY_BOOL, libvirt.enabled),
    KEY("runtime.fake", "enabled", KEY_BOOL, fake.enabled),
    KEY("protocol", "empty_deletes", KEY_BOOL, empty_deletes),
    KEY("security", "host_paths", KEY_PATHS, host_paths),
    KEY("security", "profile", KEY_PROFILE, profile),
    KEY("security", "user_range", KEY_RANGE, user_first),
    KEY("network", "enabled", KEY_BOOL, network.enabled),
    KEY("network", "bridge", KEY_TEXT, network.bridge),
    KEY("network", "subnet", KEY_TEXT, network.subnet),
    KEY("network", "subnet6", KEY_TEXT, network.subnet6),
    KEY("network", "cni_dir", KEY_PATH, network.cni_dir),
    KEY("network", "cni_path", KEY_TEXT, network.cni_path),
    KEY("images", "quota", KEY_BYTES, images.quota_bytes),
    { "protocol", "stream_timeout", KEY_INTEGER, offsetof(struct config, stream_timeout_s), 3, 3600 },
    KEY("logs", "max_size", KEY_BYTES, logs.max_bytes),
    { "logs", "max_files", KEY_INTEGER, offsetof(struct config, logs.max_files), 2, LIMIT_LOG_FILES },
    { "images", "parallel", KEY_INTEGER, offsetof(struct config, images.parallel), 1, LIMIT_PULL_PARALLEL },
    KEY("images", "rate_limit", KEY_BYTES, images.rate_limit),
    KEY("images", "min_rate", KEY_BYTES, images.min_rate),
    { "images", "deadline", KEY_INTEGER, offsetof(struct config, images.deadline_s), 10, 7 * 24 * 3600 },
    KEY("images", "strict_pull", KEY_BOOL, images.strict_pull),
    KEY("images", "insecure_registries", KEY_HOSTS, images.insecure),
    KEY("images", "auth_file", KEY_PATH, images.auth_file),
    KEY("images", "certs_dir", KEY_PATH, images.certs_dir),
    { "telemetry", "interval", KEY_INTEGER, offsetof(struct config, telemetry.interval_s), 0, 24 * 3600 },
    { "telemetry", "max_silence", KEY_INTEGER, offsetof(struct config, telemetry.max_silence_s), 1, 7 * 24 * 3600 },
    KEY("telemetry", "deadband", KEY_TEXT, telemetry.deadband_text),
    KEY("telemetry", "history_memory", KEY_BYTES, telemetry.history_memory),
    KEY("telemetry", "history_disk", KEY_BYTES, telemetry.history_disk),
    { "telemetry", "history_rate", KEY_INTEGER, offsetof(struct config, telemetry.history_rate), 1, 1000 },
    KEY("telemetry", "home_assistant", KEY_TEXT, telemetry.home_assistant),
};

/* Keys that go to a plugin as they are. */
static const char *const crun_options[] = { "cgroup_manager", NULL };
static const char *const libvirt_options[] = { "uri", "emulated", NULL };
static const char *const fake_options[] = { "delay_ms", NULL };

static bool set_text(const struct key *key, const char *value, void *to, struct error *err)
{
    if (key->type == KEY_PATH && !file_path_is_safe(value))
        return error_set(err, ERROR_INVALID, "%s must be an absolute path without \"..\"", key->name);
    free(*(char **)to);
    *(char **)to = mem_strdup(value);
    return true;
}

static bool set_bool(const struct key *key, const char *value, bool *to, struct error *err)
{
    *to = strcmp(value, "yes") == 0;
    if (*to || strcmp(value, "no") == 0)
        return true;
    return error_set(err, ERROR_INVALID, "%s must be yes or no, not \"%.60s\"", key->name, value);
}

static bool set_integer(const struct key *key, const char *value, int64_t *to, struct error *err)
{
    char *end = NULL;
    errno = 0;
    *to = strtoll(value, &end, 10);
    if (errno == 0 && end != value && *end == '\0' && *to >= key->min && *to <= key->max)
        return true;
    return error_set(err, ERROR_INVALID, "%s must be a whole number from %" PRId64 " to %" PRId64 ", not \"%.60s\"",
                     key->name, key->min, key->max, value);
}

/* "512M", "2G", "64Mi", "1500000": a number, and perhaps a binary unit; in Kubernetes' spelling, too. */
static bool set_bytes(const struct key *key, const char *value, int64_t *to, struct error *err)
{
    static const char units[] = "KMGT";
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    const char *unit = end != value && *end != '\0' ? strchr(units, toupper((unsigned char)*end)) : NULL;
    int64_t factor = unit != NULL ? INT64_C(1) << (10 * (unit - units + 1)) : 1;
    const char *rest = unit != NULL ? end + 1 + (end[1] == 'i') : end;
    bool is_number = errno == 0 && end != value && *rest == '\0' && number >= 0;
    if (is_number && number <= INT64_MAX / factor) {
        *to = number * factor;
        return true;
    }
    return error_set(err, ERROR_INVALID, "%s must be a number of bytes, with K, M, G or T behind it: not \"%.60s\"",
                     key->name, value);
}

static void list_clear(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    memset(list, 0, sizeof(*list));
}

static bool set_list(const struct key *key, const char *value, struct text_list *list, struct error *err)
{
    list_clear(list);
    AUTO_FREE char *copy = mem_strdup(value);
    char *rest = copy;
    for (char *word; (word = strsep(&rest, ", \t")) != NULL;) {
        if (word[0] == '\0')
            continue;
        if (key->type == KEY_LIST && (!name_is_node(word) || strcmp(word, "all") == 0))
            return error_set(err, ERROR_INVALID, "%s: \"%.60s\" is no name of a group (a DNS subdomain, not \"all\")",
                             key->name, word);
        if (key->type == KEY_PATHS && !file_path_is_safe(word))
            return error_set(err, ERROR_INVALID, "%s: \"%.60s\" is no absolute path", key->name, word);
        if (key->type == KEY_HOSTS && strchr(word, '/') != NULL)
            return error_set(err, ERROR_INVALID, "%s: \"%.60s\" must be HOST or HOST:PORT", key->name, word);
        list->items = mem_resize(list->items, list->count + 1, sizeof(char *));
        list->items[list->count++] = mem_strdup(word);
    }
    return true;
}

static bool set_labels(const struct key *key, const char *value, struct json **labels, struct error *err)
{
    json_free(*labels);
    *labels = json_new_object();
    AUTO_FREE char *copy = mem_strdup(value);
    char *rest = copy;
    for (char *word; (word = strsep(&rest, ", \t")) != NULL;) {
        char *equals = strchr(word, '=');
        if (word[0] == '\0')
            continue;
        if (equals == NULL || equals == word)
            return error_set(err, ERROR_INVALID, "%s: \"%.60s\" must be key=value", key->name, word);
        *equals = '\0';
        json_set_text(*labels, word, equals + 1);
    }
    return true;
}

static bool set_profile(const struct key *key, const char *value, enum security_level *to, struct error *err)
{
    for (int i = 0; security_level_words[i] != NULL; i++)
        if (strcmp(security_level_words[i], value) == 0) {
            *to = (enum security_level)i;
            return true;
        }
    return error_set(err, ERROR_INVALID, "%s must be restricted, baseline or privileged, not \"%.60s\"", key->name, value);
}

/* "2147483648:1073741824": the first id and how many, for ranges of 65536. */
static bool set_range(const struct key *key, const char *value, struct config *config, struct error *err)
{
    char *end = NULL;
    errno = 0;
    config->user_first = strtoll(value, &end, 10);
    config->user_count = errno == 0 && *end == ':' ? strtoll(end + 1, &end, 10) : 0;
    if (errno == 0 && *end == '\0' && config->user_first >= 65536 && config->user_count >= 65536 &&
        config->user_first + config->user_count <= UINT32_MAX)
        return true;
    return error_set(err, ERROR_INVALID, "%s must be FIRST:COUNT, from 65536 on and for at least as many ids, not \"%.60s\"", key->name,
                     value);
}

static bool set_key(struct config *config, const struct key *key, const char *value, struct error *err)
{
    void *to = (char *)config + key->offset;
    switch (key->type) {
    case KEY_TEXT:
    case KEY_PATH:
        return set_text(key, value, to, err);
    case KEY_BOOL:
        return set_bool(key, value, to, err);
    case KEY_INTEGER:
        return set_integer(key, value, to, err);
    case KEY_BYTES:
        return set_bytes(key, value, to, err);
    case KEY_LIST:
    case KEY_HOSTS:
        return set_list(key, value, to, err);
    case KEY_PATHS:
        config->host_paths_set = true;
        return set_list(key, value, to, err);
    case KEY_LABELS:
        return set_labels(key, value, to, err);
    case KEY_PROFILE:
        return set_profile(key, value, to, err);
    case KEY_RANGE:
        return set_range(key, value, config, err);
    }
    return error_set(err, ERROR_INTERNAL, "a key without a type");
}

static bool set_option(struct runtime_config *runtime, const char *const *known, const char *name, const char *value)
{
    for (; *known != NULL; known++)
        if (strcmp(*known, name) == 0) {
            json_set_text(runtime->options, name, value);
            return true;
        }
    return false;
}

/* inih takes the first of "=" and ":" for the end of a key, and mirror.HOST:PORT has one in it. */
#define PORT_COLON '\1'

static void hide_colons(char *line)
{
    bool is_mirror = strncmp(line, "mirror.", 7) == 0 && strchr(line, '=') != NULL;
    for (char *at = line; is_mirror && *at != '='; at++)
        *at = *at == ':' ? PORT_COLON : *at;
}

/* [images] mirror.HOST = URL, URL … */
static bool set_mirror(struct config *config, const char *name, const char *value, struct error *err)
{
    AUTO_FREE char *host = mem_strdup(name);
    for (char *at = host; *at != '\0'; at++)
        *at = *at == PORT_COLON ? ':' : *at;
    AUTO_FREE char *copy = mem_strdup(value);
    char *rest = copy;
    AUTO_JSON struct json *urls = json_new_array();
    for (char *word; (word = strsep(&rest, ", \t")) != NULL;) {
        if (word[0] == '\0')
            continue;
        if (strncmp(word, "http://", 7) != 0 && strncmp(word, "https://", 8) != 0)
            return error_set(err, ERROR_INVALID, "mirror.%.100s: \"%.60s\" must begin with https:// or http://", host, word);
        json_add_text(urls, word);
    }
    json_set(config->images.mirrors, host, mem_steal(&urls));
    return true;
}

static bool assign(struct config *config, const char *section, const char *name, const char *value, struct error *err)
{
    bool known_section = false;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].section, section) != 0)
            continue;
        known_section = true;
        if (strcmp(keys[i].name, name) == 0)
            return set_key(config, &keys[i], value, err);
    }
    if (strcmp(section, "runtime.crun") == 0 && set_option(&config->crun, crun_options, name, value))
        return true;
    if (strcmp(section, "runtime.libvirt") == 0 && set_option(&config->libvirt, libvirt_options, name, value))
        return true;
    if (strcmp(section, "runtime.fake") == 0 && set_option(&config->fake, fake_options, name, value))
        return true;
    if (strcmp(section, "images") == 0 && strncmp(name, "mirror.", 7) == 0 && name[7] != '\0')
        return set_mirror(config, name + 7, value, err);
    if (!known_section)
        return error_set(err, ERROR_INVALID, "section [%.60s] is unknown; see davitd.conf(5)", section);
    return error_set(err, ERROR_INVALID, "key \"%.60s\" is unknown in [%s]; see davitd.conf(5)", name, section);
}

bool config_set(struct config *config, const char *assignment, struct error *err)
{
    AUTO_FREE char *copy = mem_strdup(assignment);
    char *equals = strchr(copy, '=');
    if (equals == NULL)
        return error_set(err, ERROR_INVALID, "\"%.80s\" must be SECTION.KEY=VALUE", assignment);
    *equals = '\0';
    /* Sections have dots in them, and so have hosts. */
    char *dot = strncmp(copy, "images.", 7) == 0 ? strchr(copy, '.') : strrchr(copy, '.');
    if (dot == NULL)
        return error_set(err, ERROR_INVALID, "\"%.80s\" must be SECTION.KEY=VALUE", assignment);
    *dot = '\0';
    return assign(config, copy, dot + 1, equals + 1, err) || error_wrap(err, "--set %.80s", assignment);
}

/* The text on its way through inih, which reads it line by line: that is how we know the line. */
struct reading {
    struct config *config;
    const char *text;
    int line;
    int failed_line; /* 0: none */
    struct error *err;
};

static char *next_line(char *out, int size, void *stream)
{
    struct reading *reading = stream;
    /* inih would take an indented line for more of the value before it. */
    reading->text += strspn(reading->text, " \t\r");
    size_t len = strcspn(reading->text, "\n");
    if (reading->text[0] == '\0')
        return NULL;
    reading->line++;
    size_t kept = len < (size_t)size - 1 ? len : (size_t)size - 1;
    memcpy(out, reading->text, kept);
    out[kept] = '\0';
    hide_colons(out);
    if (kept < len && reading->failed_line == 0) {
        reading->failed_line = reading->line;
        error_set(reading->err, ERROR_LIMIT, "the line is longer than %d bytes", size - 1);
    }
    reading->text += len + (reading->text[len] == '\n');
    return out;
}

static int on_key(void *user, const char *section, const char *name, const char *value)
{
    struct reading *reading = user;
    if (reading->failed_line != 0)
        return 0;
    if (assign(reading->config, section, name, value != NULL ? value : "", reading->err))
        return 1;
    reading->failed_line = reading->line;
    return 0;
}

static bool read_one(struct config *config, const char *path, struct error *err)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    if (!file_read(path, LIMIT_CONFIG_BYTES, &text, &len, err))
        return false;
    struct reading reading = { .config = config, .text = text, .err = err };
    int line = ini_parse_stream(next_line, &reading, on_key, &reading);
    if (line > 0 && (reading.failed_line == 0 || line < reading.failed_line)) {
        reading.failed_line = line;
        error_set(err, ERROR_INVALID, "neither \"[section]\" nor \"key = value\" nor a comment");
    }
    return reading.failed_line == 0 || error_wrap(err, "%s:%d", path, reading.failed_line);
}

static int is_conf(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static bool read_folder(struct config *config, const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *folder = mem_printf("%.*s/conf.d", slash != NULL ? (int)(slash - path) : 1, slash != NULL ? path : ".");
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_conf, alphasort);
    if (count < 0)
        return errno == ENOENT || error_set_errno(err, errno, "%s", folder);
    bool good = true;
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *file = mem_printf("%s/%s", folder, entries[i]->d_name);
        good = good && read_one(config, file, err);
        free(entries[i]);
    }
    free(entries);
    return good;
}

struct config *config_read(const char *path, bool required, struct error *err)
{
    struct config *config = mem_alloc(sizeof(*config));
    config->labels = json_new_object();
    config->crun.options = json_new_object();
    config->libvirt.options = json_new_object();
    config->libvirt.enabled = true;
    config->fake.options = json_new_object();
    config->crun.enabled = true;
    config->reserved_memory_bytes = POD_UNSET;
    config->url = mem_strdup("mqtt://127.0.0.1:1883");
    config->root = mem_strdup("davit");
    config->max_document_bytes = LIMIT_DOCUMENT_BYTES;
    config->keepalive_s = 60;
    config->reconnect_max_ms = 120000;
    config->images.parallel = 3;
    config->images.min_rate = 1000;
    config->images.deadline_s = 24 * 3600;
    config->images.mirrors = json_new_object();
    config->images.certs_dir = mem_strdup(SYSCONFDIR "/davit/certs.d");
    config->stream_timeout_s = 60;
    config->telemetry = (struct telemetry_config){ .interval_s = 120, .max_silence_s = 900, .history_memory = 256 * 1024,
                                                   .history_rate = 20, .deadband_text = mem_strdup(""),
                                                   .home_assistant = mem_strdup("") };
    config->logs.max_bytes = 10 * 1024 * 1024; /* as the kubelet has it */
    config->logs.max_files = 5;
    config->user_first = USER_FIRST;
    config->user_count = USER_COUNT;
    config->network.enabled = true;
    config->network.bridge = mem_strdup("davit0");
    config->network.subnet = mem_strdup("10.213.0.0/16");
    config->network.subnet6 = mem_strdup("");
    config->network.cni_dir = mem_strdup("/etc/cni/net.d");
    config->network.cni_path = mem_strdup("/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni");
    config->state_dir = mem_strdup("/var/lib/davit");
    config->run_dir = mem_strdup("/run/davit");
    config->manifests_dir = mem_strdup(SYSCONFDIR "/davit/manifests.d");
    config->libexec_dir = mem_strdup(LIBEXECDIR);
    config->plugin_dir = mem_strdup(PLUGINDIR);
    struct stat info;
    bool there = stat(path, &info) == 0;
    if (!there && required)
        error_set_errno(err, errno, "%s", path);
    if ((there || !required) && (!there || read_one(config, path, err)) && read_folder(config, path, err))
        return config;
    config_free(config);
    return NULL;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        void *at = (char *)config + keys[i].offset;
        if (keys[i].type == KEY_TEXT || keys[i].type == KEY_PATH)
            free(*(char **)at);
        else if (keys[i].type == KEY_LIST || keys[i].type == KEY_PATHS || keys[i].type == KEY_HOSTS)
            list_clear(at);
    }
    json_free(config->labels);
    json_free(config->images.mirrors);
    json_free(config->crun.options);
    json_free(config->libvirt.options);
    json_free(config->fake.options);
    free(config);
}
