#include "config.h"

#include "image/auth.h"

#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/memory.h"
#include "davit/limits.h"

#define KEY_BYTES 512

struct key {
    char host[KEY_BYTES];
    char path[KEY_BYTES]; /* "" or "org/repository" */
};

/* Where something fits: the length of the path counts, then a name that is whole over one with a star. */
struct match {
    const struct json *entry;
    size_t rank;
};

static const char *skip_scheme(const char *text)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);
        if (strncasecmp(text, schemes[i], len) == 0)
            return text + len;
    }
    return text;
}

/* Docker Hub has three names. */
static const char *one_name(const char *host)
{
    static const char *const names[] = {"index.docker.io", "registry-1.docker.io"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(host, names[i]) == 0)
            return "docker.io";
    }
    return host;
}

static bool key_split(const char *text, struct key *key)
{
    text = skip_scheme(text);
    size_t host_len = strcspn(text, "/");
    const char *path = text[host_len] == '/' ? text + host_len + 1 : text + host_len;
    size_t path_len = strlen(path);
    while (path_len > 0 && path[path_len - 1] == '/')
        path_len--;
    if (path_len == 2 && (strncmp(path, "v1", 2) == 0 || strncmp(path, "v2", 2) == 0))
        path_len = 0;
    if (host_len == 0 || host_len >= KEY_BYTES || path_len >= KEY_BYTES)
        return false;
    memset(key, 0, sizeof(*key));
    memcpy(key->host, text, host_len);
    memcpy(key->path, path, path_len);
    const char *known = one_name(key->host);
    if (known != key->host)
        memcpy(key->host, known, strlen(known) + 1);
    return true;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* `*` stands for any number of characters of one label. In time: pattern times text at most. */
static bool host_fits(const char *pattern, const char *host)
{
    const char *star = NULL, *from = NULL;
    while (*host != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            from = host;
        } else if (lower(*pattern) == lower(*host)) {
            pattern++;
            host++;
        } else if (star != NULL && *from != '.' && *from != ':') {
            pattern = star + 1;
            host = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool path_fits(const char *prefix, const char *path)
{
    size_t len = strlen(prefix);
    return len == 0 || (strncmp(prefix, path, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

/* 0: it does not fit. */
static size_t key_rank(const char *text, const struct reference *reference, const char *host)
{
    struct key key;
    if (!key_split(text, &key) || !host_fits(key.host, one_name(host)) || !path_fits(key.path, reference->path))
        return 0;
    return strlen(key.path) * 2 + (strchr(key.host, '*') == NULL ? 2 : 1);
}

/* The next in order: the greatest rank below `last`, and of equals the next in the document. */
static struct match match_next(const struct json *auths, const struct reference *reference, const char *host,
                               const struct match *last)
{
    struct match best = {0};
    bool behind = last->entry == NULL; /* of equal rank: only those behind the last one */
    JSON_EACH(entry, auths) {
        size_t rank = key_rank(json_key(entry), reference, host);
        bool open = last->entry == NULL || rank < last->rank || (rank == last->rank && behind);
        if (rank > best.rank && open)
            best = (struct match){entry, rank};
        behind = behind || entry == last->entry;
    }
    return best;
}

static bool equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void credential_add(struct json *credentials, struct json *taken)
{
    JSON_EACH(old, credentials) {
        if (equal(json_get_text(old, "username"), json_get_text(taken, "username")) &&
            equal(json_get_text(old, "password"), json_get_text(taken, "password")) &&
            equal(json_get_text(old, "identityToken"), json_get_text(taken, "identityToken"))) {
            json_free(taken);
            return;
        }
    }
    json_add(credentials, taken);
}

static bool auth_decode(const char *auth, char **username, char **password)
{
    AUTO_FREE char *plain = NULL;
    size_t len;
    if (!base64_decode(auth, strlen(auth), &plain, &len))
        return false;
    char *colon = memchr(plain, ':', len);
    if (colon == NULL || memchr(plain, '\0', (size_t)(colon - plain)) != NULL)
        return false;
    *username = mem_strndup(plain, (size_t)(colon - plain));
    *password = mem_strdup(colon + 1); /* Docker cuts NULs off the end */
    return true;
}

/* An empty entry is what a credential helper leaves. */
static bool entry_take(const struct json *entry, struct json *credentials, struct error *err)
{
    const char *token = json_get_text(entry, "identitytoken"), *auth = json_get_text(entry, "auth");
    AUTO_FREE char *username = mem_strdup(json_get_text(entry, "username"));
    AUTO_FREE char *password = mem_strdup(json_get_text(entry, "password"));
    if (token != NULL && token[0] != '\0') {
        credential_add(credentials, json_new_texts("identityToken", token, NULL));
        return true;
    }
    if (auth != NULL && auth[0] != '\0') {
        free(mem_steal(&username));
        free(mem_steal(&password));
        if (!auth_decode(auth, &username, &password))
            return error_set(err, ERROR_INVALID, "auths: \"auth\" of \"%.100s\" is not base64 of user:password",
                             json_key(entry));
    }
    if (username != NULL && password != NULL && username[0] != '\0')
        credential_add(credentials, json_new_texts("username", username, "password", password, NULL));
    return true;
}

static bool helpers_check(const struct json *document, const struct reference *reference, const char *host,
                          struct error *err)
{
    const char *store = json_get_text(document, "credsStore");
    JSON_EACH(helper, json_get(document, "credHelpers")) {
        if (key_rank(json_key(helper), reference, host) > 0)
            return error_set(err, ERROR_UNSUPPORTED,
                             "credHelpers: a helper for \"%.100s\" is not run: log in with a user and a password",
                             json_key(helper));
    }
    if (store != NULL && store[0] != '\0')
        return error_set(err, ERROR_UNSUPPORTED,
                         "credsStore: \"%.100s\" is not run: log in with a user and a password", store);
    return true;
}

bool auth_find(const struct json *document, const struct reference *reference, const char *host,
               struct json *credentials, struct error *err)
{
    const struct json *auths = json_get(document, "auths");
    size_t before = json_size(credentials);
    bool ok = true;
    if (json_type(document) != JSON_OBJECT || (auths != NULL && json_type(auths) != JSON_OBJECT))
        return error_set(err, ERROR_INVALID, "the credentials are no object with an object \"auths\"");
    struct match match = match_next(auths, reference, host, &(struct match){0});
    for (size_t i = 0; i < LIMIT_FETCH_CREDENTIALS && match.entry != NULL; i++) {
        ok = entry_take(match.entry, credentials, err) && ok;
        match = match_next(auths, reference, host, &match);
    }
    if (ok && json_size(credentials) == before)
        return helpers_check(document, reference, host, err);
    return ok;
}
