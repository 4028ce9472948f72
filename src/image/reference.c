#include "config.h"

#include "image/reference.h"

#include <string.h>

#define DEFAULT_DOMAIN "docker.io"
#define LEGACY_DEFAULT_DOMAIN "index.docker.io"
#define DEFAULT_REGISTRY "registry-1.docker.io"
#define OFFICIAL_PREFIX "library/"
#define ID_HEX_CHARS 64
/* Of an image's; a disk's may be longer. */
#define REFERENCE_IMAGE_BYTES (REFERENCE_NAME_BYTES + REFERENCE_TAG_BYTES + DIGEST_OCI_BYTES + 1)

/* ASCII only: what a locale calls a letter is no part of the grammar. */
static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool copy(char *out, size_t size, const char *text, size_t len)
{
    if (len >= size)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

/* `_`, `.`, `__` or any number of `-`. Returns its length, 0 where there is none. */
static size_t separator_length(const char *text, size_t len)
{
    size_t dashes = 0;
    while (dashes < len && text[dashes] == '-')
        dashes++;
    if (dashes > 0)
        return dashes;
    if (len >= 2 && text[0] == '_' && text[1] == '_')
        return 2;
    return len >= 1 && (text[0] == '_' || text[0] == '.') ? 1 : 0;
}

static bool path_component_is_valid(const char *text, size_t len)
{
    size_t at = 0;
    for (;;) {
        size_t start = at;
        while (at < len && (is_lower(text[at]) || is_digit(text[at])))
            at++;
        if (at == start)
            return false;
        if (at == len)
            return true;
        size_t separator = separator_length(text + at, len - at);
        if (separator == 0)
            return false;
        at += separator;
    }
}

static bool path_is_valid(const char *path)
{
    for (;;) {
        size_t len = strcspn(path, "/");
        if (!path_component_is_valid(path, len))
            return false;
        if (path[len] == '\0')
            return true;
        path += len + 1;
    }
}

static bool host_label_is_valid(const char *text, size_t len)
{
    if (len == 0 || text[0] == '-' || text[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(text[i]) && text[i] != '-')
            return false;
    }
    return true;
}

static bool address6_is_valid(const char *text, size_t len)
{
    bool colon = false;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i]) && !(text[i] >= 'a' && text[i] <= 'f') && !(text[i] >= 'A' && text[i] <= 'F') &&
            text[i] != ':')
            return false;
        colon = colon || text[i] == ':';
    }
    return colon;
}

/* A host name or an IPv6 address in brackets, then perhaps a port. */
static bool domain_is_valid(const char *domain)
{
    const char *port = NULL;
    if (domain[0] == '[') {
        const char *end = strchr(domain, ']');
        if (end == NULL || !address6_is_valid(domain + 1, (size_t)(end - domain) - 1))
            return false;
        port = end + 1;
    } else {
        const char *label = domain;
        size_t len = strcspn(label, ".:");
        while (host_label_is_valid(label, len) && label[len] == '.') {
            label += len + 1;
            len = strcspn(label, ".:");
        }
        if (!host_label_is_valid(label, len))
            return false;
        port = label + len;
    }
    if (port[0] == '\0')
        return true;
    size_t digits = strspn(port + 1, "0123456789");
    return port[0] == ':' && digits > 0 && digits <= 5 && port[1 + digits] == '\0';
}

static bool tag_is_valid(const char *tag)
{
    if (!is_alnum(tag[0]) && tag[0] != '_')
        return false;
    for (; *tag != '\0'; tag++) {
        if (!is_alnum(*tag) && *tag != '_' && *tag != '.' && *tag != '-')
            return false;
    }
    return true;
}

/* docker: the part before the first "/" is a host only where it cannot be a path. */
static bool part_is_domain(const char *text, size_t len)
{
    if (len == strlen("localhost") && memcmp(text, "localhost", len) == 0)
        return true;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' || text[i] == ':' || (text[i] >= 'A' && text[i] <= 'Z'))
            return true;
    }
    return false;
}

static bool name_is_image_id(const char *text, size_t len)
{
    if (len != ID_HEX_CHARS)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i]) && !(text[i] >= 'a' && text[i] <= 'f'))
            return false;
    }
    return true;
}

static bool split_name(const char *text, const char *name, size_t len, struct reference *out, struct error *err)
{
    const char *slash = memchr(name, '/', len);
    const char *path = name;
    if (name_is_image_id(name, len))
        return error_set(err, ERROR_INVALID, "the image reference '%s' is an image id, not a name", text);
    if (slash != NULL && part_is_domain(name, (size_t)(slash - name))) {
        path = slash + 1;
        if (!copy(out->domain, sizeof(out->domain), name, (size_t)(slash - name)))
            return error_set(err, ERROR_INVALID, "the image reference has a host of more than %d bytes",
                             REFERENCE_NAME_BYTES - 1);
    }
    if (out->domain[0] == '\0' || strcmp(out->domain, LEGACY_DEFAULT_DOMAIN) == 0)
        copy(out->domain, sizeof(out->domain), DEFAULT_DOMAIN, strlen(DEFAULT_DOMAIN));
    size_t path_len = len - (size_t)(path - name);
    bool official = strcmp(out->domain, DEFAULT_DOMAIN) == 0 && memchr(path, '/', path_len) == NULL;
    size_t prefix = official ? strlen(OFFICIAL_PREFIX) : 0;
    if (strlen(out->domain) + 1 + prefix + path_len >= REFERENCE_NAME_BYTES)
        return error_set(err, ERROR_INVALID, "the image reference has a name of more than %d bytes",
                         REFERENCE_NAME_BYTES - 1);
    memcpy(out->path, OFFICIAL_PREFIX, prefix);
    memcpy(out->path + prefix, path, path_len);
    out->path[prefix + path_len] = '\0';
    if (!domain_is_valid(out->domain))
        return error_set(err, ERROR_INVALID, "the image reference '%s' has no valid host before the first '/'", text);
    if (!path_is_valid(out->path))
        return error_set(err, ERROR_INVALID,
                         "the image reference '%s' has no valid name: lower-case letters, digits, and . _ - between "
                         "them", text);
    return true;
}

/* Takes "@digest" off the end of the `*len` bytes at `text`. */
static bool split_digest(const char *text, size_t *len, struct reference *out, struct error *err)
{
    const char *at = memchr(text, '@', *len);
    if (at == NULL)
        return true;
    if (!digest_is_valid(at + 1) || !copy(out->digest, sizeof(out->digest), at + 1, strlen(at + 1)))
        return error_set(err, ERROR_INVALID, "the image reference '%s' has no valid digest: @sha256: and 64 hex digits",
                         text);
    *len = (size_t)(at - text);
    return true;
}

/* Takes ":tag" off. A colon before the last "/" is a port. */
static bool split_tag(const char *text, size_t *len, struct reference *out, struct error *err)
{
    const char *colon = memrchr(text, ':', *len);
    if (colon != NULL && memchr(colon, '/', *len - (size_t)(colon - text)) == NULL) {
        const char *tag = colon + 1;
        size_t tag_len = *len - (size_t)(tag - text);
        if (!copy(out->tag, sizeof(out->tag), tag, tag_len) || !tag_is_valid(out->tag))
            return error_set(err, ERROR_INVALID,
                             "the image reference '%s' has no valid tag: at most 128 letters, digits, and _ . -", text);
        *len = (size_t)(colon - text);
    } else if (out->digest[0] == '\0') {
        copy(out->tag, sizeof(out->tag), "latest", strlen("latest"));
    }
    return true;
}

/* ---- a disk */

static bool is_url(const char *text)
{
    return strncmp(text, "https://", strlen("https://")) == 0 || strncmp(text, "http://", strlen("http://")) == 0;
}

/* Takes "#sha256=HEX" off: "sha256:hex". */
static bool split_checksum(const char *text, size_t *len, struct reference *out, struct error *err)
{
    const char *hash = memchr(text, '#', *len);
    if (hash == NULL)
        return true;
    size_t count = strlen(hash + 1);
    if (!copy(out->checksum, sizeof(out->checksum), hash + 1, count))
        count = 0;
    for (char *at = out->checksum; *at != '\0'; at++)
        *at = *at == '=' ? ':' : *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    if (count == 0 || strchr(hash, ':') != NULL || !checksum_is_valid(out->checksum))
        return error_set(err, ERROR_INVALID, "behind the # of a disk's URL comes its checksum: sha256= and 64 hex digits, or "
                         "sha512= and 128");
    *len = (size_t)(hash - text);
    return true;
}

/* Nothing that one program reads in another way than the next: RFC 3986's characters, no user, no backslash. */
static bool url_is_spelt_right(const char *url, struct error *err)
{
    for (const char *at = url; *at != '\0'; at++)
        if (!is_alnum(*at) && strchr("-._~:/?[]@!$&'()*+,;=%", *at) == NULL)
            return error_set(err, ERROR_INVALID, "a disk's URL holds a character that belongs there as %%%02X",
                             (unsigned)(unsigned char)*at);
    return true;
}

static bool split_url(const char *text, size_t len, struct reference *out, struct error *err)
{
    if (!copy(out->url, sizeof(out->url), text, len))
        return error_set(err, ERROR_LIMIT, "a disk's URL has more than %d bytes", REFERENCE_URL_BYTES - 1);
    char *host = strstr(out->url, "://") + 3;
    size_t host_len = strcspn(host, "/?");
    for (size_t i = 0; i < host_len; i++)
        host[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] - 'A' + 'a') : host[i];
    if (memchr(host, '@', host_len) != NULL)
        return error_set(err, ERROR_INVALID, "a disk's URL has a user in it: a name and password belong into auth_file= or "
                         "an imagePullSecret");
    if (!copy(out->domain, sizeof(out->domain), host, host_len) || !domain_is_valid(out->domain))
        return error_set(err, ERROR_INVALID, "a disk's URL has no valid host");
    if (host[host_len] != '/' || host[host_len + 1] == '\0')
        return error_set(err, ERROR_INVALID, "a disk's URL names no file on %s", out->domain);
    return url_is_spelt_right(out->url, err);
}

bool reference_is_plain(const struct reference *reference)
{
    return strncmp(reference->url, "http://", strlen("http://")) == 0;
}

bool reference_parse(const char *text, struct reference *out, struct error *err)
{
    size_t len = strnlen(text, REFERENCE_TEXT_BYTES);
    memset(out, 0, sizeof(*out));
    if (len == REFERENCE_TEXT_BYTES || (len > REFERENCE_IMAGE_BYTES && !is_url(text)))
        return error_set(err, ERROR_INVALID, "the image reference is longer than %zu bytes",
                         is_url(text) ? REFERENCE_TEXT_BYTES - 1 : REFERENCE_IMAGE_BYTES);
    if (is_url(text))
        return split_checksum(text, &len, out, err) && split_url(text, len, out, err);
    return split_digest(text, &len, out, err) && split_tag(text, &len, out, err) &&
           split_name(text, text, len, out, err);
}

static void append(char *out, const char *text)
{
    size_t at = strlen(out);
    size_t len = strnlen(text, REFERENCE_TEXT_BYTES - 1 - at);
    memcpy(out + at, text, len);
    out[at + len] = '\0';
}

static const char *format_name(const struct reference *reference, const char *domain, const char *path, char *out)
{
    const char *const parts[] = {
        domain, domain[0] != '\0' ? "/" : "", path, reference->tag[0] != '\0' ? ":" : "", reference->tag,
        reference->digest[0] != '\0' ? "@" : "", reference->digest,
    };
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        append(out, parts[i]);
    return out;
}

static const char *format_url(const struct reference *reference, char *out)
{
    out[0] = '\0';
    append(out, reference->url);
    if (reference->checksum[0] == '\0')
        return out;
    append(out, "#");
    append(out, reference->checksum);
    *strchr(strchr(out, '#'), ':') = '=';
    return out;
}

const char *reference_format(const struct reference *reference, char *out)
{
    if (reference->url[0] != '\0')
        return format_url(reference, out);
    return format_name(reference, reference->domain, reference->path, out);
}

const char *reference_familiar(const struct reference *reference, char *out)
{
    const char *path = reference->path;
    const char *slash = strchr(path, '/');
    size_t prefix = strlen(OFFICIAL_PREFIX);
    if (reference->url[0] != '\0' || strcmp(reference->domain, DEFAULT_DOMAIN) != 0)
        return reference_format(reference, out);
    if (strncmp(path, OFFICIAL_PREFIX, prefix) == 0 && strchr(path + prefix, '/') == NULL &&
        !name_is_image_id(path + prefix, strlen(path + prefix)))
        return format_name(reference, "", path + prefix, out);
    /* docker.io/foo.bar/x must keep its host: "foo.bar/x" would be read as a host of its own. */
    if (slash != NULL && part_is_domain(path, (size_t)(slash - path)))
        return reference_format(reference, out);
    return format_name(reference, "", path, out);
}

const char *reference_registry(const struct reference *reference)
{
    return strcmp(reference->domain, DEFAULT_DOMAIN) == 0 ? DEFAULT_REGISTRY : reference->domain;
}
