#include "config.h"

#include "net/taken.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/check.h"

/* A connection that ended is in nobody's way, a listener is. */
static bool is_bound(const struct sockaddr *address, socklen_t len, bool tcp)
{
    const int on = 1;
    int fd = socket(address->sa_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    if (tcp)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    bool bound = bind(fd, address, len) != 0 && errno == EADDRINUSE;
    (void)close(fd);
    return bound;
}

/* The address in words where a process has the port there; else "". */
static const char *bound_at(const struct sockaddr *interface, const struct json *port, char out[INET6_ADDRSTRLEN])
{
    const char *protocol = json_get_text(port, "protocol"), *host = json_get_text(port, "hostIP");
    bool tcp = protocol == NULL || strcmp(protocol, "TCP") == 0;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    bool is_v4 = interface->sa_family == AF_INET;
    out[0] = '\0';
    if ((!tcp && strcmp(protocol, "UDP") != 0) || (!is_v4 && interface->sa_family != AF_INET6))
        return out;
    memcpy(is_v4 ? (void *)&v4 : (void *)&v6, interface, is_v4 ? sizeof(v4) : sizeof(v6));
    in_port_t number = htons((uint16_t)json_get_integer(port, "hostPort", 0));
    *(is_v4 ? &v4.sin_port : &v6.sin6_port) = number;
    (void)inet_ntop(interface->sa_family, is_v4 ? (const void *)&v4.sin_addr : (const void *)&v6.sin6_addr, out, INET6_ADDRSTRLEN);
    bool bound = (check_is_any(host) || strcmp(host, out) == 0) && (is_v4 ? is_bound((const struct sockaddr *)&v4, sizeof(v4), tcp) : is_bound((const struct sockaddr *)&v6, sizeof(v6), tcp));
    if (!bound)
        out[0] = '\0';
    return out;
}

bool taken_by_nobody(const struct net *net, const struct json *ports, struct error *err)
{
    char at[INET6_ADDRSTRLEN] = "";
    struct ifaddrs *list = NULL;
    bool free_of_others = true;
    if (json_size(ports) == 0 || getifaddrs(&list) != 0)
        return true;
    for (const struct ifaddrs *one = list; one != NULL && free_of_others; one = one->ifa_next) {
        if (one->ifa_addr == NULL || strcmp(one->ifa_name, net->bridge) == 0)
            continue;
        JSON_EACH(port, ports)
            if (free_of_others && bound_at(one->ifa_addr, port, at)[0] != '\0')
                free_of_others = error_set(err, ERROR_CONFLICT, "host port %" PRId64 "/%s is in use by a process of this device at %s",
                                           json_get_integer(port, "hostPort", 0),
                                           json_get_text(port, "protocol") != NULL ? json_get_text(port, "protocol") : "TCP", at);
    }
    freeifaddrs(list);
    return free_of_others;
}
