#include "config.h"

#include "link/diagnose.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"

#define TRY_MS 5000

/* 0, or an errno value. */
static int try_address(const struct addrinfo *address)
{
    AUTO_CLOSE int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;
    socklen_t len = sizeof(error);

    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    if (poll(&wait, 1, TRY_MS) == 0)
        return ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}

bool diagnose_tcp(const char *host, const char *port, char *out, size_t size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int rc = getaddrinfo(host, port, &hints, &addresses);
    char text[128];

    if (rc != 0) {
        snprintf(out, size, "the broker's name %s has no address: %s: check the URL and the DNS", host,
                 rc == EAI_SYSTEM ? strerror_r(errno, text, sizeof(text)) : gai_strerror(rc));
        return true;
    }
    rc = try_address(addresses);
    freeaddrinfo(addresses);
    if (rc == 0)
        return false;
    snprintf(out, size, "no connection to %s port %s: %s: %s", host, port, strerror_r(rc, text, sizeof(text)),
             rc == ECONNREFUSED ? "nobody listens there" : "check the address and the network");
    return true;
}
