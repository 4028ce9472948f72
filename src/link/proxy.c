#include "config.h"

#include "link/proxy.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "davit/limits.h"

#define SCHEME "http://"

bool proxy_parse(const char *url, struct link_proxy *proxy, struct error *err)
{
    struct link_options at = {0};
    const char *authority = strncmp(url, SCHEME, strlen(SCHEME)) == 0 ? url + strlen(SCHEME) : "";
    size_t len = strcspn(authority, "/");
    AUTO_FREE char *as_ws = mem_printf("ws://%.*s", (int)len, authority);

    if (strcmp(authority + len, "/") != 0 && authority[len] != '\0')
        return error_set(err, ERROR_INVALID, "proxy \"%.100s\": a proxy has no path", url);
    if (strchr(as_ws, '@') != NULL)
        return error_set(err, ERROR_INVALID, "proxy: a user name does not belong there: use proxyUsername");
    bool ok = link_url_parse(as_ws, &at, err);
    proxy->host = at.host;
    proxy->port = at.port;
    free(at.uri);
    return ok || error_set(err, ERROR_INVALID, "proxy \"%.100s\": it must be http://HOST:PORT", url);
}

bool proxy_is_bypassed(const char *host, const char *const *list, size_t count)
{
    size_t len = strlen(host);

    for (size_t i = 0; i < count; i++) {
        size_t part = strlen(list[i]);
        if (strcmp(list[i], "*") == 0 || strcasecmp(list[i], host) == 0)
            return true;
        if (list[i][0] == '.' && part < len && strcasecmp(host + len - part, list[i]) == 0)
            return true;
    }
    return false;
}

static void add_escaped(struct strbuf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        strbuf_printf(out, isalnum(c) ? "%c" : "%%%02X", c);
    }
}

char *proxy_for_paho(const struct link_proxy *proxy, bool tls)
{
    AUTO_STRBUF struct strbuf out;
    bool v6 = strchr(proxy->host, ':') != NULL;

    strbuf_init(&out, LIMIT_FRAME_HEAD_BYTES);
    /* Paho 1.3.12 reads past this prefix only if it is the connection's own; to the proxy it speaks plain HTTP with either. */
    strbuf_add(&out, tls ? "https://" : "http://");
    if (proxy->username != NULL) {
        add_escaped(&out, proxy->username, strlen(proxy->username));
        strbuf_add(&out, ":");
        add_escaped(&out, proxy->password != NULL ? proxy->password : "", proxy->password_len);
        strbuf_add(&out, "@");
    }
    strbuf_printf(&out, "%s%s%s:%s", v6 ? "[" : "", proxy->host, v6 ? "]" : "", proxy->port);
    return strbuf_steal(&out);
}

char *proxy_request(const struct link_proxy *proxy, const char *host, const char *port)
{
    AUTO_STRBUF struct strbuf out;

    strbuf_init(&out, LIMIT_FRAME_HEAD_BYTES);
    strbuf_printf(&out, "CONNECT %s:%s HTTP/1.1\r\nHost: %s\r\n", host, port, host);
    if (proxy->username != NULL) {
        AUTO_FREE char *both = mem_printf("%s:%.*s", proxy->username, (int)proxy->password_len,
                                          proxy->password != NULL ? proxy->password : "");
        AUTO_FREE char *coded = base64_encode(both, strlen(both));
        strbuf_printf(&out, "Proxy-authorization: Basic %s\r\n", coded);
    }
    strbuf_add(&out, "\r\n");
    return strbuf_steal(&out);
}
