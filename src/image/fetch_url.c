#include "config.h"

#include "image/fetch_url.h"

#include <curl/curl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "davit/limits.h"

void url_free(struct url *url)
{
    free(url->text);
    free(url->scheme);
    free(url->host);
    free(url->port);
    free(url->path);
    memset(url, 0, sizeof(*url));
}

/* A copy in our own memory; NULL where the part is not there. */
static char *part_get(CURLU *handle, CURLUPart part, unsigned flags)
{
    char *value = NULL;
    if (curl_url_get(handle, part, &value, flags) != CURLUE_OK)
        return NULL;
    char *copy = mem_strdup(value);
    curl_free(value);
    return copy;
}

static bool url_take(CURLU *handle, struct url *out)
{
    AUTO_FREE char *port = part_get(handle, CURLUPART_PORT, 0);
    curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    out->port_given = port != NULL;
    out->text = part_get(handle, CURLUPART_URL, 0);
    out->scheme = part_get(handle, CURLUPART_SCHEME, 0);
    out->host = part_get(handle, CURLUPART_HOST, 0);
    out->port = part_get(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    out->path = part_get(handle, CURLUPART_PATH, 0);
    return out->text != NULL && out->scheme != NULL && out->host != NULL && out->port != NULL && out->path != NULL;
}

static bool url_read(const char *base, const char *text, struct url *out, struct error *err)
{
    memset(out, 0, sizeof(*out));
    if (strlen(text) > LIMIT_FETCH_URL_BYTES)
        return error_set(err, ERROR_LIMIT, "a URL of more than %d bytes", LIMIT_FETCH_URL_BYTES);
    CURLU *handle = curl_url();
    if (handle == NULL)
        return error_set(err, ERROR_INTERNAL, "libcurl gave no URL handle");
    CURLUcode code = base != NULL ? curl_url_set(handle, CURLUPART_URL, base, 0) : CURLUE_OK;
    if (code == CURLUE_OK)
        code = curl_url_set(handle, CURLUPART_URL, text, CURLU_DISALLOW_USER | CURLU_URLENCODE);
    bool ok = code == CURLUE_OK && url_take(handle, out);
    curl_url_cleanup(handle);
    if (ok && strcmp(out->scheme, "http") != 0 && strcmp(out->scheme, "https") != 0) {
        ok = false;
        code = CURLUE_UNSUPPORTED_SCHEME;
    }
    if (ok)
        return true;
    url_free(out);
    if (code == CURLUE_UNSUPPORTED_SCHEME || code == CURLUE_BAD_SCHEME)
        return error_set(err, ERROR_INVALID, "a URL that is neither http:// nor https://");
    if (code == CURLUE_USER_NOT_ALLOWED)
        return error_set(err, ERROR_INVALID, "a URL with a user in it");
    return error_set(err, ERROR_INVALID, "no URL (%s)", curl_url_strerror(code));
}

bool url_parse(const char *text, struct url *out, struct error *err)
{
    return url_read(NULL, text, out, err);
}

bool url_follow(const struct url *base, const char *location, struct url *out, struct error *err)
{
    return url_read(base->text, location, out, err);
}

bool url_is_plain(const struct url *url)
{
    return strcmp(url->scheme, "http") == 0;
}

bool url_same_host(const struct url *a, const struct url *b)
{
    return strcasecmp(a->host, b->host) == 0;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && url_same_host(a, b) && strcmp(a->port, b->port) == 0;
}

bool url_may_lead(const struct url *from, const struct url *to, bool insecure)
{
    return insecure || url_is_plain(from) || !url_is_plain(to);
}

bool url_add_query(struct url *url, const char *name, const char *value, struct error *err)
{
    AUTO_FREE char *pair = mem_printf("%s=%s", name, value);
    CURLU *handle = curl_url();
    char *text = NULL;
    if (handle != NULL && curl_url_set(handle, CURLUPART_URL, url->text, 0) == CURLUE_OK &&
        curl_url_set(handle, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE) == CURLUE_OK)
        text = part_get(handle, CURLUPART_URL, 0);
    curl_url_cleanup(handle);
    if (text == NULL || strlen(text) > LIMIT_FETCH_URL_BYTES) {
        free(text);
        return error_set(err, ERROR_LIMIT, "a URL of more than %d bytes", LIMIT_FETCH_URL_BYTES);
    }
    free(url->text);
    url->text = text;
    return true;
}

char *url_escape(const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, (int)strnlen(value, INT_MAX));
    char *copy = mem_strdup(escaped != NULL ? escaped : "");
    curl_free(escaped);
    return copy;
}

char *url_origin(const struct url *url)
{
    return mem_printf("%s://%s%s%s", url->scheme, url->host, url->port_given ? ":" : "",
                      url->port_given ? url->port : "");
}
