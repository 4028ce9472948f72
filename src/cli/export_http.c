#include "config.h"

#include "cli/export_http.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define REQUEST_BYTES 8192 /* of a request's head; a longer one is refused */
#define CLIENT_MS 5000u    /* for it to ask, and to take what it is answered */
#define BACKLOG 8

/* "HOST:PORT", the host in brackets where it is IPv6. Names are not looked up: what listens is a matter of addresses. */
static bool split(const char *where, char **host, char **port, struct error *err)
{
    const char *colon = strrchr(where, ':');
    size_t len = colon != NULL ? (size_t)(colon - where) : 0;
    bool bracketed = len > 2 && where[0] == '[' && where[len - 1] == ']';
    if (len == 0 || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return error_set(err, ERROR_INVALID, "--listen=%.100s must be IP:PORT, as 127.0.0.1:9123 or [::1]:9123", where);
    *host = bracketed ? mem_strndup(where + 1, len - 2) : mem_strndup(where, len);
    *port = mem_strdup(colon + 1);
    return true;
}

static char *name_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        (void)getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    return mem_printf(address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

bool export_http_listen(const char *where, int *listener, char **address, struct error *err)
{
    AUTO_FREE char *host = NULL, *port = NULL;
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    const int yes = 1;
    if (!split(where, &host, &port, err))
        return false;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0)
        return error_set(err, ERROR_INVALID, "--listen=%.100s: %s", where, gai_strerror(failed));
    *listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = *listener >= 0 && setsockopt(*listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
                bind(*listener, found->ai_addr, found->ai_addrlen) == 0 && listen(*listener, BACKLOG) == 0;
    if (!good)
        (void)error_set_errno(err, errno, "cannot listen on %s", where);
    else
        *address = name_of(*listener);
    freeaddrinfo(found);
    return good;
}

/* The head of a request, to its empty line. False: it is too long, too slow, or ends before. */
static bool read_head(int fd, char head[REQUEST_BYTES])
{
    uint64_t end_ms = clock_boot_ms() + CLIENT_MS;
    for (size_t len = 0; len < REQUEST_BYTES - 1;) {
        uint64_t now = clock_boot_ms();
        struct pollfd one = { .fd = fd, .events = POLLIN };
        if (now >= end_ms || poll(&one, 1, (int)(end_ms - now)) <= 0)
            return false;
        ssize_t got = recv(fd, head + len, REQUEST_BYTES - 1 - len, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
        head[len] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL)
            return true;
    }
    return false;
}

static void send_all(int fd, const char *text, size_t len)
{
    uint64_t end_ms = clock_boot_ms() + CLIENT_MS;
    for (size_t done = 0; done < len;) {
        ssize_t now = send(fd, text + done, len - done, MSG_NOSIGNAL);
        if (now <= 0 || clock_boot_ms() > end_ms)
            return; /* it went, or does not read */
        done += (size_t)now;
    }
}

static void respond(int fd, const char *status, const char *type, const char *text)
{
    AUTO_FREE char *head = mem_printf("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                                      status, type, strlen(text));
    send_all(fd, head, strlen(head));
    send_all(fd, text, strlen(text));
}

static void answer(int fd, const char *head, export_text *text, void *ctx)
{
    static const char plain[] = "text/plain; charset=utf-8";
    static const char path[] = "GET /metrics";
    struct error err;
    size_t len = sizeof(path) - 1;
    if (strncmp(head, "GET ", 4) != 0) {
        respond(fd, "405 Method Not Allowed", plain, "GET alone\n");
        return;
    }
    if (strncmp(head, path, len) != 0 || (head[len] != ' ' && head[len] != '?')) {
        respond(fd, "404 Not Found", plain, "/metrics alone\n");
        return;
    }
    AUTO_FREE char *metrics = text(ctx, &err);
    if (metrics != NULL) {
        respond(fd, "200 OK", "text/plain; version=0.0.4; charset=utf-8", metrics);
        return;
    }
    AUTO_FREE char *why = mem_printf("%s\n", err.message);
    respond(fd, "503 Service Unavailable", plain, why);
}

bool export_http_serve(int listener, export_text *text, void *ctx, struct error *err)
{
    const struct timeval wait = { .tv_sec = CLIENT_MS / 1000 };
    char head[REQUEST_BYTES];
    for (;;) {
        AUTO_CLOSE int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return error_set_errno(err, errno, "cannot listen any more");
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
        if (read_head(fd, head))
            answer(fd, head, text, ctx);
    }
}
