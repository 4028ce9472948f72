#include "config.h"

#include "link/diagnose.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/memory.h"
#include "link/proxy.h"

#define TRY_MS 5000
#define HEAD_BYTES 2048 /* of a proxy's answer */

/* 0, or an errno. The socket is *out's. */
static int try_address(const struct addrinfo *address, int *out)
{
    AUTO_CLOSE int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;
    socklen_t len = sizeof(error);

    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        if (errno != EINPROGRESS)
            return errno;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (poll(&wait, 1, TRY_MS) == 0)
            return ETIMEDOUT;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
            return errno;
    }
    if (error == 0)
        *out = fd_steal(&fd);
    return error;
}

/* The connection, or -1 and why there is none. */
static int connect_tcp(const char *host, const char *port, const char *who, char *out, size_t size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int rc = getaddrinfo(host, port, &hints, &addresses), fd = -1;
    char text[128];

    if (rc != 0) {
        snprintf(out, size, "the %s's name %s has no address: %s: check the URL and the DNS", who, host,
                 rc == EAI_SYSTEM ? strerror_r(errno, text, sizeof(text)) : gai_strerror(rc));
        return -1;
    }
    rc = try_address(addresses, &fd);
    freeaddrinfo(addresses);
    if (rc != 0)
        snprintf(out, size, "no connection to %s%s port %s: %s: %s", strcmp(who, "proxy") == 0 ? "the proxy " : "", host, port,
                 strerror_r(rc, text, sizeof(text)),
                 rc == ECONNREFUSED ? "nobody listens there" : "check the address and the network");
    return fd;
}

/* The head of its answer. */
static bool proxy_answer(int fd, char *head, size_t size)
{
    size_t len = 0;

    while (len < size - 1) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t got = poll(&wait, 1, TRY_MS) > 0 ? recv(fd, head + len, size - 1 - len, 0) : 0;
        if (got <= 0)
            break;
        len += (size_t)got;
        head[len] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL)
            return true;
    }
    head[len] = '\0';
    return false;
}

/* True: the proxy is why. */
static bool diagnose_proxy(int fd, const struct link_options *options, char *out, size_t size)
{
    AUTO_FREE char *request = proxy_request(&options->proxy, options->host, options->port);
    char head[HEAD_BYTES];

    if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request) || !proxy_answer(fd, head, sizeof(head))) {
        snprintf(out, size, "the proxy %.80s port %s does not answer CONNECT: is it an HTTP proxy's port?", options->proxy.host,
                 options->proxy.port);
        return true;
    }
    if (strncmp(head, "HTTP/1.", 7) == 0 && strncmp(head + 8, " 2", 2) == 0)
        return false;
    head[strcspn(head, "\r\n")] = '\0';
    for (char *c = head; *c != '\0'; c++)
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    snprintf(out, size, "the proxy %.80s port %s does not let %.80s:%s through: it answers \"%.60s\"%s", options->proxy.host,
             options->proxy.port, options->host, options->port, head,
             strstr(head, " 407 ") != NULL ? ": check proxy_username and its password" : "");
    return true;
}

bool diagnose(const struct link_options *options, char *out, size_t size)
{
    bool proxied = options->proxy.host != NULL;
    const char *host = proxied ? options->proxy.host : options->host;
    AUTO_CLOSE int fd = connect_tcp(host, proxied ? options->proxy.port : options->port, proxied ? "proxy" : "broker", out, size);

    if (fd < 0 || (proxied && diagnose_proxy(fd, options, out, size)))
        return true;
    return options->tls && diagnose_tls(fd, options, out, size);
}
