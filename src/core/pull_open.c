#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/pull_job.h"
#include "image/auth.h"

#define DOCKER_HUB "registry-1.docker.io" /* where docker.io is */

struct opening {
    const struct config *config;
    const struct reference *reference;
    const struct json *auths; /* of the pods that want the image */
    struct json *auth_file;   /* NULL: none */
    struct json *endpoints;
    int *fds;
    size_t fd_count;
};

/* ---- certificates */

static int is_certificate(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".crt") == 0;
}

static bool read_certificates(const char *folder, struct strbuf *pem, struct error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_certificate, alphasort);
    if (count < 0)
        return errno == ENOENT || errno == ENOTDIR || error_set_errno(err, errno, "%s", folder);
    bool good = true;
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", folder, entries[i]->d_name);
        AUTO_FREE char *text = NULL;
        size_t len = 0;
        good = good && file_read_regular(path, LIMIT_CONFIG_BYTES, &text, &len, err);
        if (good) {
            strbuf_add_bytes(pem, text, len);
            strbuf_add(pem, "\n");
        }
        free(entries[i]);
    }
    free(entries);
    return good && (!pem->overflow || error_set(err, ERROR_LIMIT, "%s has more than %d bytes of certificates", folder,
                                                LIMIT_CONFIG_BYTES));
}

/* davit-fetch may not read the files itself. True without one where there is no certificate. */
static bool add_certificates(struct opening *opening, const char *host, struct json *endpoint, struct error *err)
{
    AUTO_STRBUF struct strbuf pem;
    strbuf_init(&pem, LIMIT_CONFIG_BYTES);
    AUTO_FREE char *folder = mem_printf("%s/%s", opening->config->images.certs_dir, host);
    if (!read_certificates(folder, &pem, err))
        return error_wrap(err, "[images] certs_dir=");
    if (pem.len == 0)
        return true;
    AUTO_CLOSE int fd = memfd_create("ca", MFD_CLOEXEC);
    if (fd < 0 || write(fd, pem.data, pem.len) != (ssize_t)pem.len || lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(err, errno, "cannot hold the certificates of %s in memory", host);
    json_set_integer(endpoint, "ca", (int64_t)opening->fd_count);
    opening->fds[opening->fd_count++] = fd_steal(&fd);
    return true;
}

/* ---- credentials */

/* What cannot be used is a warning: another one may do, or the image be for everybody. */
static void add_credentials(const struct opening *opening, const char *host, struct json *endpoint)
{
    struct error err;
    struct json *credentials = json_set_array(endpoint, "credentials");
    JSON_EACH(document, opening->auths) {
        if (!auth_find(document, opening->reference, host, credentials, &err))
            log_warn("an imagePullSecret for %s: %s", host, err.message);
    }
    if (opening->auth_file != NULL && !auth_find(opening->auth_file, opening->reference, host, credentials, &err))
        log_warn("%s: %s", opening->config->images.auth_file, err.message);
}

/* Read at each pull: a password that was changed is used at once. */
static bool read_auth_file(struct opening *opening, struct error *err)
{
    const char *path = opening->config->images.auth_file;
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    if (path == NULL)
        return true;
    if (!file_read_regular(path, LIMIT_CONFIG_BYTES, &text, &len, err))
        return error_wrap(err, "[images] auth_file=");
    opening->auth_file = json_parse(text, len, err);
    return opening->auth_file != NULL || error_wrap(err, "[images] auth_file=%s", path);
}

/* ---- endpoints */

static bool is_insecure(const struct config *config, const char *host)
{
    for (size_t i = 0; i < config->images.insecure.count; i++) {
        if (strcmp(config->images.insecure.items[i], host) == 0)
            return true;
    }
    return false;
}

bool pull_disk_may(const struct config *config, const struct reference *reference, struct error *err)
{
    if (!reference_is_plain(reference) || reference->checksum[0] != '\0' || is_insecure(config, reference->domain))
        return true;
    return error_set(err, ERROR_INVALID, "without TLS and without a checksum anybody on the way could give another disk: write "
                     "#sha256=HEX behind the URL, use https://, or name %s in [images] insecure_registries=", reference->domain);
}

/* `host` is by what certificates, credentials and insecure_registries= know it. */
static bool add_endpoint(struct opening *opening, const char *url, const char *host, struct error *err)
{
    if (json_size(opening->endpoints) == LIMIT_PULL_ENDPOINTS)
        return error_set(err, ERROR_LIMIT, "[images] mirror.%s= names more than %d mirrors",
                         opening->reference->domain, LIMIT_PULL_ENDPOINTS - 1);
    struct json *endpoint = json_add_object(opening->endpoints);
    json_set_text(endpoint, "url", url);
    json_set_boolean(endpoint, "insecure", is_insecure(opening->config, host));
    if (!reference_is_plain(opening->reference) || is_insecure(opening->config, host))
        add_credentials(opening, host, endpoint);
    return add_certificates(opening, host, endpoint, err);
}

static bool add_mirror(struct opening *opening, const char *url, struct error *err)
{
    const char *begin = strstr(url, "://");
    begin = begin != NULL ? begin + 3 : url;
    AUTO_FREE char *host = mem_strndup(begin, strcspn(begin, "/"));
    return add_endpoint(opening, url, host, err);
}

/* Where a disk is, is in its URL: a mirror of a registry is none of it. */
static bool add_server(struct opening *opening, struct error *err)
{
    const struct reference *reference = opening->reference;
    AUTO_FREE char *url = mem_printf("%s://%s", reference_is_plain(reference) ? "http" : "https", reference->domain);
    return add_endpoint(opening, url, reference->domain, err);
}

static bool add_endpoints(struct opening *opening, struct error *err)
{
    const char *domain = opening->reference->domain;
    if (opening->reference->url[0] != '\0')
        return add_server(opening, err);
    JSON_EACH(url, json_get(opening->config->images.mirrors, domain)) {
        if (!add_mirror(opening, json_text(url), err))
            return false;
    }
    AUTO_FREE char *url = mem_printf("https://%s", strcmp(domain, "docker.io") == 0 ? DOCKER_HUB : domain);
    return add_endpoint(opening, url, domain, err);
}

/* ---- the whole frame */

static void add_proxy(struct json *head)
{
    static const char *const names[][3] = { { "http", "http_proxy", "HTTP_PROXY" },
                                            { "https", "https_proxy", "HTTPS_PROXY" },
                                            { "no", "no_proxy", "NO_PROXY" } };
    struct json *proxy = json_set_object(head, "proxy");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i][1]);
        json_set_text(proxy, names[i][0], value != NULL ? value : getenv(names[i][2]));
    }
}

struct json *pull_open(const struct config *config, const struct reference *reference, const struct json *auths, int *fds,
                       size_t *fd_count, struct error *err)
{
    AUTO_JSON struct json *head = json_new_texts("op", "open", NULL);
    struct opening opening = { .config = config, .reference = reference, .auths = auths, .fds = fds };
    opening.endpoints = json_set_array(head, "endpoints");
    json_set_integer(head, "rateLimit", config->images.rate_limit);
    json_set_integer(head, "minRate", config->images.min_rate);
    add_proxy(head);
    bool good = read_auth_file(&opening, err) && add_endpoints(&opening, err);
    json_free(opening.auth_file);
    *fd_count = opening.fd_count;
    return good ? mem_steal(&head) : NULL;
}
