#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "link/options.h"

static const struct scheme {
    const char *name;
    const char *paho;
    const char *port; /* said here: Paho takes 80 for wss */
    bool tls;
    bool websocket;
} schemes[] = {
    {"mqtt://", "tcp://", "1883", false, false},
    {"mqtts://", "ssl://", "8883", true, false},
    {"ws://", "ws://", "80", false, true},
    {"wss://", "wss://", "443", true, true},
};

static const struct scheme *scheme_find(const char *url)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncmp(url, schemes[i].name, strlen(schemes[i].name)) == 0)
            return &schemes[i];
    return NULL;
}

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (!isgraph((unsigned char)*text))
            return false;
    return true;
}

static bool port_is_valid(const char *port)
{
    size_t len = strlen(port);
    long number = 0;

    if (len == 0 || len > 5 || strspn(port, "0123456789") != len)
        return false;
    number = strtol(port, NULL, 10);
    return number >= 1 && number <= 65535;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool authority_parse(const char *text, const struct scheme *scheme, struct link_options *options)
{
    const char *rest;

    if (text[0] == '[') {
        const char *close = strchr(text, ']');
        if (close == NULL)
            return false;
        options->host = mem_strndup(text + 1, (size_t)(close - text - 1));
        rest = close + 1;
    } else {
        size_t len = strcspn(text, ":");
        options->host = mem_strndup(text, len);
        rest = text + len;
    }
    if (rest[0] != '\0' && rest[0] != ':')
        return false;
    options->port = mem_strdup(rest[0] == ':' ? rest + 1 : scheme->port);
    return options->host[0] != '\0' && port_is_valid(options->port);
}

bool link_url_parse(const char *url, struct link_options *options, struct error *err)
{
    const struct scheme *scheme = scheme_find(url);

    if (scheme == NULL || !is_plain(url))
        return error_set(err, ERROR_INVALID, "url \"%s\": it must begin with mqtt://, mqtts://, ws:// or wss://", url);
    const char *authority = url + strlen(scheme->name);
    size_t len = strcspn(authority, "/");
    const char *path = authority + len;
    AUTO_FREE char *name = mem_strndup(authority, len);

    if (strchr(name, '@') != NULL)
        return error_set(err, ERROR_INVALID, "url: a user name does not belong there: use username and password");
    if (!authority_parse(name, scheme, options))
        return error_set(err, ERROR_INVALID, "url \"%s\": no host, or a port that is not 1 to 65535", url);
    if (!scheme->websocket && path[0] != '\0' && strcmp(path, "/") != 0)
        return error_set(err, ERROR_INVALID, "url \"%s\": only ws and wss have a path", url);
    if (scheme->websocket && (path[0] == '\0' || strcmp(path, "/") == 0))
        path = "/mqtt";
    bool v6 = strchr(options->host, ':') != NULL;
    options->tls = scheme->tls;
    options->uri = mem_printf("%s%s%s%s:%s%s", scheme->paho, v6 ? "[" : "", options->host, v6 ? "]" : "",
                              options->port, scheme->websocket ? path : "");
    return true;
}
