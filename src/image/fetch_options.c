#include "config.h"

#include "image/fetch_options.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

#define WINDOW_DEFAULT_MS 20000
#define CONNECT_DEFAULT_MS 15000
#define DELAY_DEFAULT_MS 1000
#define TIME_MAX_MS 3600000

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

static bool time_read(const struct json *head, const char *key, int64_t fallback, uint64_t *out, struct error *err)
{
    int64_t value;
    if (!number_read(head, key, fallback, TIME_MAX_MS, &value, err))
        return false;
    *out = value > 0 ? (uint64_t)value : 1;
    return true;
}

static bool cas_read(struct frame *frame, struct fetch_options *options, struct error *err)
{
    for (size_t i = 0; i < frame->fd_count; i++) {
        struct fetch_ca *ca = &options->cas[i];
        AUTO_CLOSE int fd = frame_take_fd(frame, i);
        if (lseek(fd, 0, SEEK_SET) < 0)
            return error_set_errno(err, errno, "descriptor %zu cannot be read from its start", i);
        if (!file_read_fd(fd, LIMIT_FETCH_CA_BYTES, &ca->pem, &ca->len, err))
            return error_wrap(err, "certificates of descriptor %zu", i);
        options->ca_count++;
    }
    return true;
}

static bool credentials_read(const struct json *list, struct fetch_endpoint *endpoint, struct error *err)
{
    if (json_size(list) > LIMIT_FETCH_CREDENTIALS)
        return error_set(err, ERROR_LIMIT, "more than %d credentials", LIMIT_FETCH_CREDENTIALS);
    endpoint->credentials = mem_array(json_size(list) + 1, sizeof(*endpoint->credentials));
    JSON_EACH(item, list) {
        struct fetch_credential *to = &endpoint->credentials[endpoint->credential_count++];
        to->username = mem_strdup(json_get_text(item, "username"));
        to->password = mem_strdup(json_get_text(item, "password"));
        to->identity_token = mem_strdup(json_get_text(item, "identityToken"));
        if (to->identity_token == NULL && (to->username == NULL || to->password == NULL))
            return error_set(err, ERROR_INVALID, "credentials need username and password, or identityToken");
    }
    return true;
}

/* "/some/path/" becomes "some/path/": a mirror may hold its repositories below a path. */
static char *prefix_of(const char *path)
{
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
        len--;
    return len <= 1 ? mem_strdup("") : mem_printf("%.*s/", (int)(len - 1), path + 1);
}

static bool endpoint_read(const struct json *item, struct fetch_options *options, struct error *err)
{
    struct fetch_endpoint *endpoint = &options->endpoints[options->endpoint_count++];
    const char *url = json_get_text(item, "url");
    int64_t ca;
    if (url == NULL)
        return error_set(err, ERROR_INVALID, "an endpoint has no url");
    if (!url_parse(url, &endpoint->url, err))
        return error_wrap(err, "an endpoint's url");
    if (strpbrk(url, "?#") != NULL)
        return error_set(err, ERROR_INVALID, "an endpoint's url has a query");
    endpoint->origin = url_origin(&endpoint->url);
    endpoint->prefix = prefix_of(endpoint->url.path);
    /* Who writes http:// has said it. */
    endpoint->insecure = json_get_boolean(item, "insecure", false) || url_is_plain(&endpoint->url);
    if (!number_read(item, "ca", -1, LIMIT_FRAME_FDS, &ca, err))
        return false;
    if (ca >= (int64_t)options->ca_count)
        return error_set(err, ERROR_INVALID, "ca %lld, but %zu descriptors", (long long)ca, options->ca_count);
    endpoint->ca = ca >= 0 ? &options->cas[ca] : NULL;
    return credentials_read(json_get(item, "credentials"), endpoint, err);
}

static bool endpoints_read(const struct json *list, struct fetch_options *options, struct error *err)
{
    size_t count = json_size(list);
    if (json_type(list) != JSON_ARRAY || count == 0 || count > LIMIT_FETCH_ENDPOINTS)
        return error_set(err, ERROR_INVALID, "endpoints must be 1 to %d", LIMIT_FETCH_ENDPOINTS);
    options->endpoints = mem_array(count, sizeof(*options->endpoints));
    JSON_EACH(item, list) {
        if (!endpoint_read(item, options, err))
            return false;
    }
    return true;
}

static char *proxy_read(const struct json *head, const char *key)
{
    const char *text = json_get_text(json_get(head, "proxy"), key);
    return mem_strdup(text != NULL ? text : "");
}

bool fetch_options_parse(struct frame *frame, struct fetch_options *options, struct error *err)
{
    const struct json *head = frame->head;
    const char *op = json_get_text(head, "op");
    memset(options, 0, sizeof(*options));
    if (op == NULL || strcmp(op, "open") != 0)
        return error_set(err, ERROR_INVALID, "the first frame must be \"open\"");
    options->proxy_http = proxy_read(head, "http");
    options->proxy_https = proxy_read(head, "https");
    options->proxy_none = proxy_read(head, "no");
    return cas_read(frame, options, err) && endpoints_read(json_get(head, "endpoints"), options, err) &&
           number_read(head, "rateLimit", 0, INT64_MAX, &options->rate_limit, err) &&
           number_read(head, "minRate", 0, INT64_MAX, &options->min_rate, err) &&
           time_read(head, "windowMs", WINDOW_DEFAULT_MS, &options->window_ms, err) &&
           time_read(head, "connectMs", CONNECT_DEFAULT_MS, &options->connect_ms, err) &&
           time_read(head, "delayMs", DELAY_DEFAULT_MS, &options->delay_ms, err);
}
