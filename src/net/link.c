#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/net.h"

#define POD_INTERFACE "eth0"
#define HOST_PREFIX "dv"
#define UID_DIGITS 12

static bool fail(struct error *err, int code, const char *what)
{
    return error_set(err, ERROR_INTERNAL, "%s: %s", what, nl_geterror(code));
}

struct nl_sock *link_socket(struct error *err)
{
    struct nl_sock *socket = nl_socket_alloc();
    int code = socket != NULL ? nl_connect(socket, NETLINK_ROUTE) : -NLE_NOMEM;
    if (code == 0) {
        fcntl(nl_socket_get_fd(socket), F_SETFD, FD_CLOEXEC);
        return socket;
    }
    nl_socket_free(socket);
    fail(err, code, "cannot open netlink");
    return NULL;
}

/* "dv" and the first 12 digits of the uid: an interface's name has 15 bytes. */
static void host_name(const char *uid, char out[IFNAMSIZ])
{
    size_t len = (size_t)snprintf(out, IFNAMSIZ, HOST_PREFIX);
    for (; *uid != '\0' && len < sizeof(HOST_PREFIX) - 1 + UID_DIGITS; uid++)
        if (*uid != '-')
            out[len++] = *uid;
    out[len] = '\0';
}

static int index_of(struct nl_sock *socket, const char *name)
{
    struct rtnl_link *link = NULL;
    int index = rtnl_link_get_kernel(socket, 0, name, &link) == 0 ? rtnl_link_get_ifindex(link) : 0;
    rtnl_link_put(link);
    return index;
}

static bool set_up(struct nl_sock *socket, const char *name, struct error *err)
{
    struct rtnl_link *link = NULL;
    struct rtnl_link *change = rtnl_link_alloc();
    int code = rtnl_link_get_kernel(socket, 0, name, &link);
    rtnl_link_set_flags(change, IFF_UP);
    if (code == 0)
        code = rtnl_link_change(socket, link, change, 0);
    rtnl_link_put(change);
    rtnl_link_put(link);
    return code == 0 || fail(err, code, "cannot set an interface up");
}

static bool add_address(struct nl_sock *socket, int index, const char *text, unsigned prefix, struct error *err)
{
    struct nl_addr *local = NULL;
    struct rtnl_addr *address = rtnl_addr_alloc();
    int code = nl_addr_parse(text, AF_UNSPEC, &local);
    if (code == 0) {
        nl_addr_set_prefixlen(local, (int)prefix);
        rtnl_addr_set_ifindex(address, index);
        rtnl_addr_set_local(address, local);
        rtnl_addr_set_prefixlen(address, (int)prefix);
        if (nl_addr_get_family(local) == AF_INET6)
            rtnl_addr_set_flags(address, IFA_F_NODAD);
        code = rtnl_addr_add(socket, address, NLM_F_CREATE | NLM_F_EXCL);
    }
    nl_addr_put(local);
    rtnl_addr_put(address);
    return code == 0 || code == -NLE_EXIST || fail(err, code, "cannot add an address");
}

/* `gateway` NULL: `to` is on this link. */
static bool add_route(struct nl_sock *socket, int index, const char *to, const char *gateway, struct error *err)
{
    struct nl_addr *via = NULL, *target = NULL;
    int code = nl_addr_parse(to, AF_UNSPEC, &target);
    if (code == 0 && gateway != NULL)
        code = nl_addr_parse(gateway, AF_UNSPEC, &via);
    struct rtnl_route *route = rtnl_route_alloc();
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    if (code == 0) {
        rtnl_route_set_family(route, (uint8_t)nl_addr_get_family(target));
        rtnl_route_set_table(route, RT_TABLE_MAIN);
        rtnl_route_set_scope(route, gateway != NULL ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
        rtnl_route_set_protocol(route, RTPROT_STATIC);
        rtnl_route_set_dst(route, target);
        rtnl_route_nh_set_ifindex(hop, index);
        if (via != NULL)
            rtnl_route_nh_set_gateway(hop, via);
        rtnl_route_add_nexthop(route, hop); /* the route has it now */
        code = rtnl_route_add(socket, route, NLM_F_CREATE);
    }
    nl_addr_put(via);
    nl_addr_put(target);
    rtnl_route_put(route);
    return code == 0 || code == -NLE_EXIST || fail(err, code, "cannot add a route");
}

/* ---- the bridge */

struct overlap {
    const struct net *net;
    int bridge;
    char found[128];
};

static void look_at_route(struct nl_object *object, void *ctx)
{
    struct overlap *overlap = ctx;
    struct rtnl_route *route = (struct rtnl_route *)object;
    struct nl_addr *to = rtnl_route_get_dst(route);
    if (rtnl_route_get_family(route) != AF_INET || rtnl_route_get_table(route) != RT_TABLE_MAIN || to == NULL ||
        nl_addr_get_prefixlen(to) == 0 || nl_addr_get_len(to) != 4)
        return;
    struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);
    if (hop != NULL && rtnl_route_nh_get_ifindex(hop) == overlap->bridge && overlap->bridge != 0)
        return;
    uint32_t base = ntohl(*(uint32_t *)nl_addr_get_binary_addr(to));
    uint32_t mask = 0xffffffffu << (32 - nl_addr_get_prefixlen(to));
    uint32_t common = mask & overlap->net->mask;
    if ((base & common) == (overlap->net->base & common))
        nl_addr2str(to, overlap->found, sizeof(overlap->found));
}

static bool check_routes(struct net *net, int bridge, struct error *err)
{
    struct overlap overlap = { .net = net, .bridge = bridge };
    struct nl_cache *routes = NULL;
    int code = rtnl_route_alloc_cache(net->socket, AF_INET, 0, &routes);
    if (code != 0)
        return fail(err, code, "cannot read the routes");
    nl_cache_foreach(routes, look_at_route, &overlap);
    nl_cache_free(routes);
    return overlap.found[0] == '\0' ||
           error_set(err, ERROR_CONFLICT, "[network] subnet=%s overlaps the route to %s: choose another one in davitd.conf",
                     net->subnet, overlap.found);
}

static void write_sysctl(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        log_warn("cannot write %s to %s: pods may not reach other networks", value, path);
    if (fd >= 0)
        close(fd);
}

static bool make_bridge(struct net *net, struct error *err)
{
    struct rtnl_link *link = rtnl_link_bridge_alloc();
    rtnl_link_set_name(link, net->bridge);
    int code = rtnl_link_add(net->socket, link, NLM_F_CREATE | NLM_F_EXCL);
    rtnl_link_put(link);
    return code == 0 || code == -NLE_EXIST || fail(err, code, "cannot make the bridge");
}

bool link_bridge(struct net *net, struct error *err)
{
    char gateway[64];
    if (!check_routes(net, index_of(net->socket, net->bridge), err) || !make_bridge(net, err))
        return false;
    net_gateway(net, gateway);
    if (!add_address(net->socket, index_of(net->socket, net->bridge), gateway, net->prefix, err) ||
        !set_up(net->socket, net->bridge, err))
        return error_wrap(err, "bridge %s", net->bridge);
    /* Host ports answer on the host's own loopback too; what comes from pods to 127.0.0.0/8 is dropped. */
    AUTO_FREE char *localnet = mem_printf("/proc/sys/net/ipv4/conf/%s/route_localnet", net->bridge);
    write_sysctl(localnet, "1");
    write_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
    AUTO_FREE char *redirects = mem_printf("/proc/sys/net/ipv4/conf/%s/send_redirects", net->bridge);
    write_sysctl(redirects, "0");
    write_sysctl("/proc/sys/net/ipv4/conf/all/send_redirects", "0");
    return true;
}

/* ---- pods */

static bool make_pair(struct net *net, const char *name, const char *path, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct rtnl_link *link = rtnl_link_veth_alloc();
    struct rtnl_link *peer = rtnl_link_veth_get_peer(link);
    rtnl_link_set_name(link, name);
    rtnl_link_set_master(link, index_of(net->socket, net->bridge));
    rtnl_link_set_flags(link, IFF_UP);
    rtnl_link_set_name(peer, POD_INTERFACE);
    rtnl_link_set_ns_fd(peer, fd);
    int code = fd >= 0 ? rtnl_link_add(net->socket, link, NLM_F_CREATE | NLM_F_EXCL) : -NLE_NOACCESS;
    rtnl_link_put(peer);
    rtnl_link_put(link);
    return code == 0 || fail(err, code, "cannot make a veth pair");
}

/* An address alone, and everything else by the gateway: so a service's address needs no neighbour, and what goes from pod
 * to pod comes through the host's rules.
 */
static bool set_pod_side(const struct net *net, const char *path, const struct json *addresses, struct error *err)
{
    char gateway[64];
    struct nl_sock *socket = netns_socket(path, err);
    if (socket == NULL)
        return false;
    int index = index_of(socket, POD_INTERFACE);
    bool good = index != 0 || error_set(err, ERROR_INTERNAL, "no " POD_INTERFACE " in %s", path);
    JSON_EACH(address, addresses)
        good = good && add_address(socket, index, json_text(address), strchr(json_text(address), ':') != NULL ? 128 : 32, err);
    net_gateway(net, gateway);
    AUTO_FREE char *link = mem_printf("%s/32", gateway);
    good = good && set_up(socket, POD_INTERFACE, err) && add_route(socket, index, link, NULL, err) &&
           add_route(socket, index, "0.0.0.0/0", gateway, err);
    nl_socket_free(socket);
    return good;
}

bool link_pod(struct net *net, const char *uid, const struct json *addresses, struct error *err)
{
    char name[IFNAMSIZ];
    AUTO_FREE char *path = netns_path(net, uid);
    host_name(uid, name);
    if (index_of(net->socket, name) == 0 && !make_pair(net, name, path, err))
        return false;
    /* The bridge may have been made anew behind it. */
    return set_pod_side(net, path, addresses, err);
}

bool link_remove(struct net *net, const char *uid, struct error *err)
{
    char name[IFNAMSIZ];
    struct rtnl_link *link = NULL;
    host_name(uid, name);
    int code = rtnl_link_get_kernel(net->socket, 0, name, &link);
    if (code == 0)
        code = rtnl_link_delete(net->socket, link);
    rtnl_link_put(link);
    return code == 0 || code == -NLE_OBJ_NOTFOUND || code == -NLE_NODEV || fail(err, code, "cannot remove a veth pair");
}

static bool is_known(const struct net *net, const char *name)
{
    char known[IFNAMSIZ];
    for (const struct net_pod *pod = net->pods; pod != NULL; pod = pod->next) {
        host_name(pod->uid, known);
        if (strcmp(known, name) == 0)
            return true;
    }
    return false;
}

void link_sweep(struct net *net)
{
    struct nl_cache *links = NULL;
    int master = index_of(net->socket, net->bridge);
    if (rtnl_link_alloc_cache(net->socket, AF_UNSPEC, &links) != 0)
        return;
    for (struct nl_object *object = nl_cache_get_first(links); object != NULL; object = nl_cache_get_next(object)) {
        struct rtnl_link *link = (struct rtnl_link *)object;
        const char *name = rtnl_link_get_name(link);
        bool ours = strncmp(name, HOST_PREFIX, sizeof(HOST_PREFIX) - 1) == 0 && rtnl_link_get_master(link) == master;
        if (ours && !is_known(net, name) && rtnl_link_delete(net->socket, link) == 0)
            log_info("%s belonged to no pod any more: removed", name);
    }
    nl_cache_free(links);
}

bool link_stats(struct net *net, const char *uid, int64_t *received, int64_t *sent)
{
    char name[IFNAMSIZ];
    struct rtnl_link *link = NULL;
    host_name(uid, name);
    if (rtnl_link_get_kernel(net->socket, 0, name, &link) != 0)
        return false;
    /* The other end's view: what it sends, this one receives. */
    *received = (int64_t)rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES);
    *sent = (int64_t)rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES);
    rtnl_link_put(link);
    return true;
}
