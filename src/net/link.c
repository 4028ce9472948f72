#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <linux/neighbour.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ifname.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/net.h"

#define POD_INTERFACE "eth0"
#define VM_GATEWAY6 "fe80::1"

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

void link_name(const char *uid, char out[IFNAMSIZ])
{
    ifname_of(uid, out);
}

int link_index(struct nl_sock *socket, const char *name)
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

/* `gateway` NULL: `to` is on this link. `source` NULL: the kernel chooses. */
static bool add_route(struct nl_sock *socket, int index, const char *to, const char *gateway, const char *source,
                      struct error *err)
{
    struct nl_addr *via = NULL, *target = NULL, *from = NULL;
    int code = nl_addr_parse(to, AF_UNSPEC, &target);
    if (code == 0 && gateway != NULL)
        code = nl_addr_parse(gateway, AF_UNSPEC, &via);
    if (code == 0 && source != NULL)
        code = nl_addr_parse(source, AF_UNSPEC, &from);
    struct rtnl_route *route = rtnl_route_alloc();
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    if (code == 0) {
        rtnl_route_set_family(route, (uint8_t)nl_addr_get_family(target));
        rtnl_route_set_table(route, RT_TABLE_MAIN);
        rtnl_route_set_scope(route, gateway != NULL ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
        rtnl_route_set_protocol(route, RTPROT_STATIC);
        rtnl_route_set_dst(route, target);
        if (from != NULL)
            rtnl_route_set_pref_src(route, from);
        rtnl_route_nh_set_ifindex(hop, index);
        if (via != NULL)
            rtnl_route_nh_set_gateway(hop, via);
        rtnl_route_add_nexthop(route, hop); /* the route has it now */
        code = rtnl_route_add(socket, route, NLM_F_CREATE | NLM_F_REPLACE);
    }
    nl_addr_put(via);
    nl_addr_put(from);
    nl_addr_put(target);
    rtnl_route_put(route);
    return code == 0 || code == -NLE_EXIST || fail(err, code, "cannot add a route");
}

/* ---- the bridge */

struct overlap {
    const struct net *net;
    struct nl_addr *subnet;
    int bridge;
    char found[128];
};

/* The bridge's own, and those to the pods of an earlier davit-net. */
static bool is_ours(const struct overlap *overlap, struct rtnl_nexthop *hop)
{
    struct rtnl_link *link = NULL;
    int index = hop != NULL ? rtnl_route_nh_get_ifindex(hop) : 0;
    if (index == 0 || index == overlap->bridge)
        return index != 0;
    bool ours = rtnl_link_get_kernel(overlap->net->socket, index, NULL, &link) == 0 &&
                rtnl_link_get_group(link) == overlap->net->group;
    rtnl_link_put(link);
    return ours;
}

static void look_at_route(struct nl_object *object, void *ctx)
{
    struct overlap *overlap = ctx;
    struct rtnl_route *route = (struct rtnl_route *)object;
    struct nl_addr *to = rtnl_route_get_dst(route);
    if (rtnl_route_get_table(route) != RT_TABLE_MAIN || to == NULL || nl_addr_get_prefixlen(to) == 0 ||
        nl_addr_get_family(to) != nl_addr_get_family(overlap->subnet))
        return;
    bool wider = nl_addr_get_prefixlen(to) < nl_addr_get_prefixlen(overlap->subnet);
    if ((wider ? nl_addr_cmp_prefix(to, overlap->subnet) : nl_addr_cmp_prefix(overlap->subnet, to)) == 0 &&
        !is_ours(overlap, rtnl_route_nexthop_n(route, 0)))
        nl_addr2str(to, overlap->found, sizeof(overlap->found));
}

static bool check_routes(struct net *net, int bridge, const char *key, const char *subnet, struct error *err)
{
    struct overlap overlap = { .net = net, .bridge = bridge };
    struct nl_cache *routes = NULL;
    int code = nl_addr_parse(subnet, AF_UNSPEC, &overlap.subnet);
    if (code == 0)
        code = rtnl_route_alloc_cache(net->socket, nl_addr_get_family(overlap.subnet), 0, &routes);
    if (code == 0)
        nl_cache_foreach(routes, look_at_route, &overlap);
    nl_cache_free(routes);
    nl_addr_put(overlap.subnet);
    if (code != 0)
        return fail(err, code, "cannot read the routes");
    return overlap.found[0] == '\0' ||
           error_set(err, ERROR_CONFLICT, "[network] %s=%s overlaps the route to %s: choose another one in davitd.conf",
                     key, subnet, overlap.found);
}

static void write_sysctl(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        log_warn("cannot write %s to %s: pods may not reach other networks", value, path);
    if (fd >= 0)
        close(fd);
}

/* It has no ports of pods: it holds the gateway's address, and whatever else is to hang on it. */
static bool make_bridge(struct net *net, struct error *err)
{
    struct rtnl_link *link = rtnl_link_bridge_alloc();
    rtnl_link_set_name(link, net->bridge);
    int code = rtnl_link_add(net->socket, link, NLM_F_CREATE | NLM_F_EXCL);
    rtnl_link_put(link);
    return code == 0 || code == -NLE_EXIST || fail(err, code, "cannot make the bridge");
}

static void write_link_sysctl(const char *name, const char *family, const char *key, const char *value)
{
    AUTO_FREE char *path = mem_printf("/proc/sys/net/%s/conf/%s/%s", family, name, key);
    write_sysctl(path, value);
}

/* A host that forwards takes no router's word any more unless it is told to: what it listened to it goes on listening to. */
static void keep_router_advertisements(void)
{
    struct if_nameindex *all = if_nameindex();
    for (struct if_nameindex *one = all; one != NULL && one->if_index != 0; one++) {
        AUTO_FREE char *path = mem_printf("/proc/sys/net/ipv6/conf/%s/accept_ra", one->if_name);
        AUTO_FREE char *value = NULL;
        size_t len = 0;
        struct error ignored; /* an interface without IPv6 has none */
        if (file_read(path, 16, &value, &len, &ignored) && value[0] == '1')
            write_sysctl(path, "2");
    }
    if_freenameindex(all);
}

static bool open_v6(struct net *net, int index, struct error *err)
{
    char gateway[INET6_ADDRSTRLEN];
    net_gateway(net, true, gateway);
    write_link_sysctl(net->bridge, "ipv6", "disable_ipv6", "0");
    write_link_sysctl(net->bridge, "ipv6", "accept_ra", "0");
    write_link_sysctl(net->bridge, "ipv6", "accept_dad", "0");
    keep_router_advertisements();
    write_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", "1");
    return add_address(net->socket, index, gateway, net->prefix6, err);
}

bool link_bridge(struct net *net, struct error *err)
{
    char gateway[INET6_ADDRSTRLEN];
    int before = link_index(net->socket, net->bridge);
    net_gateway(net, false, gateway);
    if (!check_routes(net, before, "subnet", net->subnet, err) ||
        (net->subnet6 != NULL && !check_routes(net, before, "subnet6", net->subnet6, err)) || !make_bridge(net, err))
        return false;
    int index = link_index(net->socket, net->bridge);
    if ((net->subnet6 != NULL && !open_v6(net, index, err)) || !add_address(net->socket, index, gateway, net->prefix, err) ||
        !set_up(net->socket, net->bridge, err))
        return error_wrap(err, "bridge %s", net->bridge);
    write_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
    return true;
}

/* ---- pods */

static bool make_pair(struct net *net, const char *name, const char *path, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct rtnl_link *link = rtnl_link_veth_alloc();
    struct rtnl_link *peer = rtnl_link_veth_get_peer(link);
    rtnl_link_set_name(link, name);
    rtnl_link_set_group(link, net->group);
    rtnl_link_set_flags(link, IFF_UP);
    rtnl_link_set_name(peer, POD_INTERFACE);
    rtnl_link_set_ns_fd(peer, fd);
    int code = fd >= 0 ? rtnl_link_add(net->socket, link, NLM_F_CREATE | NLM_F_EXCL) : -NLE_NOACCESS;
    rtnl_link_put(peer);
    rtnl_link_put(link);
    return code == 0 || fail(err, code, "cannot make a veth pair");
}

/* Who is where is told, not asked: nobody answers in another's place. */
static bool add_neighbour(struct nl_sock *socket, int index, const char *address, struct nl_addr *mac, struct error *err)
{
    struct nl_addr *ip = NULL;
    struct rtnl_neigh *one = rtnl_neigh_alloc();
    int code = nl_addr_parse(address, AF_UNSPEC, &ip);
    if (code == 0) {
        rtnl_neigh_set_ifindex(one, index);
        rtnl_neigh_set_lladdr(one, mac);
        rtnl_neigh_set_dst(one, ip);
        rtnl_neigh_set_state(one, NUD_PERMANENT);
        code = rtnl_neigh_add(socket, one, NLM_F_CREATE | NLM_F_REPLACE);
    }
    nl_addr_put(ip);
    rtnl_neigh_put(one);
    return code == 0 || fail(err, code, "cannot say where a pod is");
}

/* One end of the pair. */
struct end {
    struct nl_sock *socket; /* in its namespace */
    struct rtnl_link *link;
    int index;
};

static bool find_end(struct end *end, const char *name, struct error *err)
{
    int code = rtnl_link_get_kernel(end->socket, 0, name, &end->link);
    end->index = code == 0 ? rtnl_link_get_ifindex(end->link) : 0;
    return code == 0 || fail(err, code, name);
}

/* The host's side of it. */
static bool lead_there(const struct net *net, const struct end *host, const char *address, struct nl_addr *mac, struct error *err)
{
    bool v6 = strchr(address, ':') != NULL;
    char gateway[INET6_ADDRSTRLEN];
    net_gateway(net, v6, gateway);
    AUTO_FREE char *to_pod = mem_printf("%s/%d", address, v6 ? 128 : 32);
    return add_neighbour(host->socket, host->index, address, mac, err) &&
           add_route(host->socket, host->index, to_pod, NULL, gateway, err);
}

/* An address alone, and everything else by the gateway: what a pod sends comes through the host's rules, whoever it is for. */
static bool join(const struct net *net, const struct end *host, const struct end *pod, const char *address, struct error *err)
{
    bool v6 = strchr(address, ':') != NULL;
    char gateway[INET6_ADDRSTRLEN];
    net_gateway(net, v6, gateway);
    AUTO_FREE char *to_gateway = mem_printf("%s/%d", gateway, v6 ? 128 : 32);
    return add_address(pod->socket, pod->index, address, v6 ? 128 : 32, err) &&
           add_neighbour(pod->socket, pod->index, gateway, rtnl_link_get_addr(host->link), err) &&
           add_route(pod->socket, pod->index, to_gateway, NULL, NULL, err) &&
           add_route(pod->socket, pod->index, v6 ? "::/0" : "0.0.0.0/0", gateway, NULL, err) &&
           lead_there(net, host, address, rtnl_link_get_addr(pod->link), err);
}

/* Host ports answer on the host's own loopback too; what comes from pods to 127.0.0.0/8 is dropped by the rules. */
static void set_host_end(const struct net *net, const char *name)
{
    write_link_sysctl(name, "ipv4", "route_localnet", "1");
    write_link_sysctl(name, "ipv4", "send_redirects", "0");
    if (net->subnet6 != NULL)
        write_link_sysctl(name, "ipv6", "accept_ra", "0");
}

bool link_pod(struct net *net, const struct net_pod *pod, struct error *err)
{
    char name[IFNAMSIZ];
    struct end host = { .socket = net->socket }, inside = { 0 };
    AUTO_FREE char *path = netns_path(net, pod->uid);
    link_name(pod->uid, name);
    bool good = (link_index(net->socket, name) != 0 || make_pair(net, name, path, err)) && find_end(&host, name, err);
    if (good)
        set_host_end(net, name);
    inside.socket = good ? netns_socket(path, err) : NULL;
    good = inside.socket != NULL && set_up(inside.socket, POD_INTERFACE, err) && find_end(&inside, POD_INTERFACE, err);
    for (int v6 = 0; v6 <= 1 && good; v6++) {
        const char *address = net_pod_address(pod, v6 != 0);
        good = address == NULL || join(net, &host, &inside, address, err);
    }
    rtnl_link_put(host.link);
    rtnl_link_put(inside.link);
    nl_socket_free(inside.socket);
    return good;
}

/* ---- VMs */

static bool set_tap(struct net *net, const char *name, struct error *err)
{
    struct rtnl_link *link = NULL;
    struct rtnl_link *change = rtnl_link_alloc();
    int code = rtnl_link_get_kernel(net->socket, 0, name, &link);
    const char *type = code == 0 ? rtnl_link_get_type(link) : NULL;
    bool is_tap = type != NULL && strcmp(type, "tun") == 0;
    rtnl_link_set_group(change, net->group);
    rtnl_link_set_flags(change, IFF_UP);
    if (is_tap)
        code = rtnl_link_change(net->socket, link, change, 0);
    rtnl_link_put(change);
    rtnl_link_put(link);
    if (code == 0 && !is_tap)
        return error_set(err, ERROR_CONFLICT, "there is an interface %s already, and it is no tap", name);
    return code == 0 || fail(err, code, "cannot set a tap up");
}

/* A guest that DHCP tells of the whole subnet asks who has an address in it: the host has, for all but the guest's own. With
 * IPv6 the guest has its address alone, and a gateway that is on every link.
 */
static bool set_vm_end(struct net *net, const struct end *end, const char *name, struct error *err)
{
    set_host_end(net, name);
    write_link_sysctl(name, "ipv4", "proxy_arp", "1");
    AUTO_FREE char *delay = mem_printf("/proc/sys/net/ipv4/neigh/%s/proxy_delay", name);
    write_sysctl(delay, "0");
    return net->subnet6 == NULL || add_address(end->socket, end->index, VM_GATEWAY6, 64, err);
}

bool link_vm(struct net *net, const struct net_pod *pod, struct error *err)
{
    char name[IFNAMSIZ];
    struct end end = { .socket = net->socket };
    struct nl_addr *mac = NULL;
    link_name(pod->uid, name);
    bool good = (link_index(net->socket, name) != 0 || tap_make(name, err)) && set_tap(net, name, err) &&
                find_end(&end, name, err) && set_vm_end(net, &end, name, err);
    int code = nl_addr_parse(json_get_text(net_pod_vm(pod), "mac"), AF_LLC, &mac);
    if (good && code != 0)
        good = fail(err, code, "cannot read a VM's MAC");
    for (int v6 = 0; v6 <= 1 && good; v6++) {
        const char *address = net_pod_address(pod, v6 != 0);
        good = address == NULL || lead_there(net, &end, address, mac, err);
    }
    nl_addr_put(mac);
    rtnl_link_put(end.link);
    return good;
}

bool link_remove(struct net *net, const char *uid, struct error *err)
{
    char name[IFNAMSIZ];
    struct rtnl_link *link = NULL;
    link_name(uid, name);
    int code = rtnl_link_get_kernel(net->socket, 0, name, &link);
    if (code == 0)
        code = rtnl_link_delete(net->socket, link);
    rtnl_link_put(link);
    return code == 0 || code == -NLE_OBJ_NOTFOUND || code == -NLE_NODEV || fail(err, code, "cannot remove a pod's link");
}

static bool is_known(const struct net *net, const char *name)
{
    char known[IFNAMSIZ];
    for (const struct net_pod *pod = net->pods; pod != NULL; pod = pod->next) {
        link_name(pod->uid, known);
        if (strcmp(known, name) == 0)
            return true;
    }
    return false;
}

void link_sweep(struct net *net)
{
    struct nl_cache *links = NULL;
    if (rtnl_link_alloc_cache(net->socket, AF_UNSPEC, &links) != 0)
        return;
    for (struct nl_object *object = nl_cache_get_first(links); object != NULL; object = nl_cache_get_next(object)) {
        struct rtnl_link *link = (struct rtnl_link *)object;
        const char *name = rtnl_link_get_name(link);
        bool ours = strncmp(name, IFNAME_PREFIX, sizeof(IFNAME_PREFIX) - 1) == 0 && rtnl_link_get_group(link) == net->group;
        if (ours && !is_known(net, name) && rtnl_link_delete(net->socket, link) == 0)
            log_info("%s belonged to no pod any more: removed", name);
    }
    nl_cache_free(links);
}

bool link_stats(struct net *net, const char *uid, int64_t *received, int64_t *sent)
{
    char name[IFNAMSIZ];
    struct rtnl_link *link = NULL;
    link_name(uid, name);
    if (rtnl_link_get_kernel(net->socket, 0, name, &link) != 0)
        return false;
    /* The other end's view: what it sends, this one receives. */
    *received = (int64_t)rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES);
    *sent = (int64_t)rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES);
    rtnl_link_put(link);
    return true;
}
