#include "config.h"

#include "link/options.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "link/proxy.h"

#define PASSWORD_CAP_BYTES 65535 /* MQTT's own */
#define TOPIC_CAP_BYTES 65535
#define SESSION_EXPIRY_DEFAULT_S 604800
#define KEEPALIVE_DEFAULT_S 60
#define MIN_DELAY_DEFAULT_MS 1000
#define MAX_DELAY_DEFAULT_MS 120000

static bool number_read(const struct json *head, const char *key, int64_t fallback, int64_t max, int64_t *out,
                        struct error *err)
{
    const struct json *value = json_get(head, key);

    *out = fallback;
    if (value == NULL)
        return true;
    if (!json_integer(value, out) || *out < 0 || *out > max)
        return error_set(err, ERROR_INVALID, "%s must be a number from 0 to %lld", key, (long long)max);
    return true;
}

static bool topic_read(const struct json *object, const char *where, char **topic, int *qos, struct error *err)
{
    const char *text = json_get_text(object, "topic");
    int64_t number = 0;

    if (text == NULL || text[0] == '\0' || strlen(text) > TOPIC_CAP_BYTES)
        return error_set(err, ERROR_INVALID, "%s: topic is missing", where);
    if (!number_read(object, "qos", 0, 1, &number, err))
        return error_wrap(err, "%s", where);
    *topic = mem_strdup(text);
    *qos = (int)number;
    return true;
}

static bool will_read(const struct json *head, struct link_will *will, struct error *err)
{
    const struct json *object = json_get(head, "will");
    int64_t delay = 0;

    if (object == NULL)
        return true;
    const char *payload = json_get_text(object, "payload");
    if (payload == NULL)
        return error_set(err, ERROR_INVALID, "will: payload is missing");
    if (!topic_read(object, "will", &will->topic, &will->qos, err) ||
        !number_read(object, "delay", 0, UINT32_MAX, &delay, err))
        return false;
    will->payload = mem_strdup(payload);
    will->retain = json_get_boolean(object, "retain", false);
    will->delay_s = (uint32_t)delay;
    return true;
}

bool link_subscriptions_read(const struct json *head, struct link_subscription **out, size_t *count, struct error *err)
{
    const struct json *list = json_get(head, "subscribe");

    if (list == NULL)
        return true;
    if (json_type(list) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "subscribe must be an array");
    *out = mem_array(json_size(list) + 1, sizeof(**out));
    JSON_EACH(item, list) {
        struct link_subscription *to = &(*out)[*count];
        if (!topic_read(item, "subscribe", &to->topic, &to->qos, err))
            return false;
        to->as_published = json_get_boolean(item, "asPublished", false);
        ++*count;
    }
    return true;
}

static bool password_read(int fd, char **password, size_t *len, struct error *err)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_set_errno(err, errno, "password: the descriptor cannot be read from its start");
    if (!file_read_fd(fd, PASSWORD_CAP_BYTES, password, len, err))
        return error_wrap(err, "password");
    *len = strcspn(*password, "\r\n"); /* an editor ends the line */
    return true;
}

static bool secret_read(const char *name, int fd, struct link_options *options, struct error *err)
{
    if (strcmp(name, "password") == 0)
        return password_read(fd, &options->password, &options->password_len, err);
    return password_read(fd, &options->proxy.password, &options->proxy.password_len, err);
}

static bool is_secret(const char *name)
{
    return strcmp(name, "password") == 0 || strcmp(name, "proxyPassword") == 0;
}

/* The descriptor stays open for the life of the process: each reconnect reads the file again. */
static bool file_keep(int fd, const char *name, struct link_options *options, struct error *err)
{
    char **path = strcmp(name, "ca") == 0     ? &options->ca_path
                  : strcmp(name, "cert") == 0 ? &options->cert_path
                  : strcmp(name, "key") == 0  ? &options->key_path
                                              : NULL;

    if (path == NULL || *path != NULL)
        return error_set(err, ERROR_INVALID, "fds: \"%s\" is unknown, or there twice", name);
    *path = mem_printf("/proc/self/fd/%d", fd);
    return true;
}

static bool fds_read(struct frame *frame, struct link_options *options, struct error *err)
{
    size_t index = 0;

    JSON_EACH(item, json_get(frame->head, "fds")) {
        const char *name = json_text(item);
        AUTO_CLOSE int fd = frame_take_fd(frame, index++);
        if (name == NULL || fd < 0)
            return error_set(err, ERROR_INVALID, "fds: %zu names, %zu descriptors", index, frame->fd_count);
        if (is_secret(name)) {
            if (!secret_read(name, fd, options, err))
                return false;
        } else if (file_keep(fd, name, options, err)) {
            fd_steal(&fd);
        } else {
            return false;
        }
    }
    if ((options->cert_path == NULL) != (options->key_path == NULL))
        return error_set(err, ERROR_INVALID, "fds: cert and key go together");
    return true;
}

/* After the descriptors: the password is one. */
static bool proxy_read(const struct json *head, struct link_options *options, struct error *err)
{
    const char *url = json_get_text(head, "proxy");
    const struct json *list = json_get(head, "noProxy");
    AUTO_FREE const char **names = mem_array(json_size(list) + 1, sizeof(*names));
    size_t count = 0;

    JSON_EACH(item, list)
        if (json_text(item) != NULL)
            names[count++] = json_text(item);
    if (url == NULL || proxy_is_bypassed(options->host, names, count))
        return true;
    options->proxy.username = mem_strdup(json_get_text(head, "proxyUsername"));
    if (!proxy_parse(url, &options->proxy, err))
        return false;
    options->proxy_uri = proxy_for_paho(&options->proxy, options->tls);
    return true;
}

static bool numbers_read(const struct json *head, struct link_options *options, struct error *err)
{
    int64_t expiry, keepalive, min, max;

    if (!number_read(head, "sessionExpiry", SESSION_EXPIRY_DEFAULT_S, UINT32_MAX, &expiry, err) ||
        !number_read(head, "keepalive", KEEPALIVE_DEFAULT_S, UINT16_MAX, &keepalive, err) ||
        !number_read(head, "minDelayMs", MIN_DELAY_DEFAULT_MS, 86400000, &min, err) ||
        !number_read(head, "maxDelayMs", MAX_DELAY_DEFAULT_MS, 86400000, &max, err))
        return false;
    options->session_expiry_s = (uint32_t)expiry;
    options->keepalive_s = (int)keepalive;
    options->min_delay_ms = min > 0 ? (uint64_t)min : 1;
    options->max_delay_ms = max > min ? (uint64_t)max : options->min_delay_ms;
    return true;
}

bool link_options_parse(struct frame *frame, struct link_options *options, struct error *err)
{
    const struct json *head = frame->head;
    const char *op = json_get_text(head, "op");
    const char *url = json_get_text(head, "url");
    const char *client_id = json_get_text(head, "clientId");

    if (op == NULL || strcmp(op, "connect") != 0)
        return error_set(err, ERROR_INVALID, "the first frame must be \"connect\", it is \"%s\"", op ? op : "nothing");
    if (url == NULL || client_id == NULL || client_id[0] == '\0')
        return error_set(err, ERROR_INVALID, "connect: url and clientId must be texts");
    if (!link_url_parse(url, options, err) || !numbers_read(head, options, err) ||
        !will_read(head, &options->will, err) || !link_subscriptions_read(head, &options->subscriptions, &options->subscription_count, err) ||
        !fds_read(frame, options, err) || !proxy_read(head, options, err))
        return error_wrap(err, "connect");
    options->client_id = mem_strdup(client_id);
    options->clean_start = json_get_boolean(head, "cleanStart", false);
    options->reconnect = json_get_boolean(head, "reconnect", true);
    options->username = mem_strdup(json_get_text(head, "username"));
    return true;
}

static bool file_check(const char *path, const char *name, struct error *err)
{
    if (path == NULL)
        return true;
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "%s: its descriptor cannot be opened again as an unprivileged user: "
                               "hand over a memfd", name);
    return true;
}

bool link_options_check_files(const struct link_options *options, struct error *err)
{
    return file_check(options->ca_path, "ca", err) && file_check(options->cert_path, "cert", err) &&
           file_check(options->key_path, "key", err);
}
