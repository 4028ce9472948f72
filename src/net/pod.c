#include "config.h"

#include "net/pod.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/namespace.h"
#include "base/userns.h"
#include "net/check.h"
#include "net/conntrack.h"
#include "net/dhcp.h"
#include "net/firewall.h"
#include "net/names.h"
#include "net/taken.h"

static void pod_free(struct net_pod *pod)
{
    free(pod->uid);
    json_free(pod->attached);
    free(pod);
}

static bool same_text(const struct json *a, const struct json *b, const char *key)
{
    const char *x = json_get_text(a, key), *y = json_get_text(b, key);
    return strcmp(x != NULL ? x : "", y != NULL ? y : "") == 0;
}

static bool any_address(const struct json *port)
{
    return check_is_any(json_get_text(port, "hostIP"));
}

static bool ports_clash(const struct json *a, const struct json *b)
{
    return json_get_integer(a, "hostPort", 0) == json_get_integer(b, "hostPort", 0) && same_text(a, b, "protocol") &&
           (any_address(a) == any_address(b)) && (any_address(a) || same_text(a, b, "hostIP"));
}

/* For a person. */
static const char *name_of(const struct net_pod *pod)
{
    const char *name = json_get_text(pod->attached, "name");
    return name != NULL ? name : pod->uid;
}

static bool ports_are_free(const struct net *net, const char *uid, const struct json *ports, struct error *err)
{
    for (const struct net_pod *pod = net->pods; pod != NULL; pod = pod->next) {
        if (strcmp(pod->uid, uid) == 0)
            continue;
        JSON_EACH(held, json_get(pod->attached, "hostPorts"))
            JSON_EACH(port, ports)
                if (ports_clash(held, port))
                    return error_set(err, ERROR_CONFLICT, "host port %" PRId64 "/%s is held by pod %s",
                                     json_get_integer(port, "hostPort", 0), json_get_text(port, "protocol"), name_of(pod));
    }
    return true;
}

/* By its MAC alone a VM is told its address. */
static bool mac_is_free(const struct net *net, const char *uid, const struct json *vm, struct error *err)
{
    for (const struct net_pod *pod = net->pods; pod != NULL; pod = pod->next)
        if (vm != NULL && net_pod_vm(pod) != NULL && strcmp(pod->uid, uid) != 0 && same_text(net_pod_vm(pod), vm, "mac"))
            return error_set(err, ERROR_CONFLICT, "the MAC %s is held by %s", json_get_text(vm, "mac"), name_of(pod));
    return true;
}

static struct json *attached_of(const struct json *head, const struct json *before)
{
    static const char *const keys[] = { "addresses", "hostPorts", "networks" };
    struct json *attached = json_new_object();
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (json_type(json_get(head, keys[i])) == JSON_ARRAY)
            json_set(attached, keys[i], json_copy(json_get(head, keys[i])));
    json_set_text(attached, "name", json_get_text(head, "name"));
    if (json_get(head, "vm") != NULL)
        json_set(attached, "vm", json_copy(json_get(head, "vm")));
    const struct json *results = json_get(before, "results");
    json_set(attached, "results", results != NULL ? json_copy(results) : json_new_array());
    return attached;
}

/* ---- other networks */

static const struct json *result_of(const struct net_pod *pod, const char *interface)
{
    JSON_EACH(result, json_get(pod->attached, "results"))
        if (strcmp(json_get_text(result, "interface"), interface) == 0)
            return result;
    return NULL;
}

/* CNI's answer, as a status tells it. */
static struct json *result_write(const struct json *network, const struct json *said)
{
    const char *interface = json_get_text(network, "interface");
    struct json *one = json_new_texts("name", json_get_text(network, "name"), "interface", interface, NULL);
    struct json *addresses = json_set_array(one, "addresses");
    JSON_EACH(ip, json_get(said, "ips")) {
        const char *address = json_get_text(ip, "address");
        AUTO_FREE char *bare = mem_printf("%.*s", (int)strcspn(address != NULL ? address : "", "/"), address != NULL ? address : "");
        if (bare[0] != '\0')
            json_add_text(addresses, bare);
    }
    JSON_EACH(made, json_get(said, "interfaces"))
        if (json_get_text(made, "sandbox") != NULL && json_get_text(made, "name") != NULL &&
            strcmp(json_get_text(made, "name"), interface) == 0)
            json_set_text(one, "mac", json_get_text(made, "mac"));
    return one;
}

/* What was begun and has no result was cut off: it is taken back first. */
static bool add_network(struct net *net, const struct net_pod *pod, const struct json *network, bool fresh, struct error *err)
{
    const char *name = json_get_text(network, "name"), *interface = json_get_text(network, "interface");
    struct error ignored; /* there may be nothing to take back */
    if (result_of(pod, interface) != NULL)
        return true;
    if (!fresh && !cni_del(net, pod->uid, name, interface, &ignored))
        log_info("pod %s: %s", pod->uid, ignored.message);
    AUTO_JSON struct json *said = cni_add(net, pod->uid, name, interface, err);
    if (said == NULL)
        return false;
    json_add(json_get_mutable(pod->attached, "results"), result_write(network, said));
    return state_write(net, pod, err);
}

static bool add_networks(struct net *net, const struct net_pod *pod, bool fresh, struct error *err)
{
    JSON_EACH(network, json_get(pod->attached, "networks"))
        if (!add_network(net, pod, network, fresh, err))
            return false;
    return true;
}

static void del_networks(struct net *net, const struct net_pod *pod)
{
    struct error err;
    JSON_EACH(network, json_get(pod->attached, "networks")) {
        const char *name = json_get_text(network, "name"), *interface = json_get_text(network, "interface");
        /* CNI: DEL is asked for once; the namespace goes, and with it what was in it. */
        if (name != NULL && interface != NULL && !cni_del(net, pod->uid, name, interface, &err))
            log_warn("pod %s: %s", pod->uid, err.message);
    }
}

/* ---- a pod's whole */

/* A VM is told its address, a pod has it. */
static bool make_link(struct net *net, const struct net_pod *pod, const struct json *users, struct error *err)
{
    AUTO_FREE char *path = netns_path(net, pod->uid);
    return net_pod_vm(pod) != NULL ? link_vm(net, pod, err) : netns_make(path, pod->uid, users, err) && link_pod(net, pod, err);
}

static bool make(struct net *net, const struct net_pod *pod, const struct json *users, bool fresh, const char **reason, struct error *err)
{
    *reason = "NetworkError";
    if (!state_write(net, pod, err) || !make_link(net, pod, users, err) || !firewall_add(net, pod, err))
        return false;
    if (net_pod_vm(pod) != NULL && net->dhcp != NULL)
        dhcp_set(net->dhcp);
    if (net->names != NULL)
        names_need(net->names);
    *reason = "CniFailed";
    return add_networks(net, pod, fresh, err);
}

static bool has_datagrams(const struct net_pod *pod)
{
    JSON_EACH(port, json_get(pod->attached, "hostPorts"))
        if (json_get_text(port, "protocol") != NULL && strcmp(json_get_text(port, "protocol"), "UDP") == 0)
            return true;
    return false;
}

static void forget_datagrams(const struct net_pod *pod)
{
    for (int v6 = 0; v6 <= 1 && has_datagrams(pod); v6++)
        if (net_pod_address(pod, v6 != 0) != NULL)
            conntrack_forget(net_pod_address(pod, v6 != 0), true);
}

static bool undo(struct net *net, const char *uid, struct error *err)
{
    struct net_pod *pod = net_pod(net, uid);
    if (!check_uid(uid))
        return error_set(err, ERROR_INVALID, "detach needs a uid of hex digits and dashes");
    AUTO_FREE char *path = netns_path(net, uid);
    if (pod != NULL) {
        del_networks(net, pod);
        if (!firewall_remove(net, pod, err))
            return false;
        forget_datagrams(pod);
    }
    if (!link_remove(net, uid, err) || !namespace_remove(path, err) || !state_remove(net, uid, err))
        return false;
    if (pod == NULL)
        return true;
    bool told = net_pod_vm(pod) != NULL && net->dhcp != NULL;
    LL_DELETE(net->pods, pod);
    pod_free(pod);
    if (told)
        dhcp_set(net->dhcp);
    return true;
}

const struct json *pod_attach(struct net *net, const struct json *head, const char **reason, struct error *err)
{
    const char *uid = json_get_text(head, "uid");
    struct error ignored;
    *reason = "NetworkError";
    if (!check_attach(head, err))
        return NULL;
    *reason = "HostPortConflict";
    if (!ports_are_free(net, uid, json_get(head, "hostPorts"), err))
        return NULL;
    if (net_pod(net, uid) == NULL && !taken_by_nobody(net, json_get(head, "hostPorts"), err)) /* what lives keeps what it has */
        return NULL;
    *reason = "MacConflict";
    if (!mac_is_free(net, uid, json_get(head, "vm"), err))
        return NULL;
    struct net_pod *pod = net_pod(net, uid);
    bool fresh = pod == NULL;
    if (fresh) {
        pod = mem_alloc(sizeof(*pod));
        pod->uid = mem_strdup(uid);
        LL_PREPEND(net->pods, pod);
    }
    struct json *before = pod->attached;
    pod->attached = attached_of(head, before);
    json_free(before);
    if (make(net, pod, json_get(head, "users"), fresh, reason, err))
        return json_get(pod->attached, "results");
    /* What lives keeps what it has; what could not be made whole has not begun to live. */
    if ((fresh || strcmp(*reason, "CniFailed") == 0) && !undo(net, uid, &ignored))
        log_warn("pod %s: what a failed attach left stays until it is detached: %s", uid, ignored.message);
    return NULL;
}

bool pod_detach(struct net *net, const char *uid, struct error *err)
{
    /* What runs with these ids has ended. */
    return undo(net, uid, err) && (net->userns_dir == NULL || userns_remove(net->userns_dir, uid, err));
}

static bool is_kept(const struct json *uids, const char *uid)
{
    JSON_EACH(kept, uids)
        if (json_text(kept) != NULL && strcmp(json_text(kept), uid) == 0)
            return true;
    return false;
}

struct json *pod_keep(struct net *net, const struct json *uids, struct error *err)
{
    struct json *removed = json_new_array();
    struct net_pod *pod, *next;
    struct error one;
    LL_FOREACH_SAFE(net->pods, pod, next) {
        AUTO_FREE char *uid = mem_strdup(pod->uid);
        if (is_kept(uids, uid))
            continue;
        if (pod_detach(net, uid, &one))
            json_add_text(removed, uid);
        else
            error_set(err, one.code, "pod %s cannot be detached: %.200s", uid, one.message);
    }
    link_sweep(net);
    return removed;
}

char *pod_host_address(const struct net *net)
{
    struct ifaddrs *list = NULL;
    char *found = NULL;
    char text[INET_ADDRSTRLEN];
    if (getifaddrs(&list) != 0)
        return NULL;
    for (const struct ifaddrs *one = list; one != NULL && found == NULL; one = one->ifa_next) {
        if (one->ifa_addr == NULL || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_LOOPBACK) != 0 ||
            (one->ifa_flags & IFF_UP) == 0 || strcmp(one->ifa_name, net->bridge) == 0)
            continue;
        struct sockaddr_in address;
        memcpy(&address, one->ifa_addr, sizeof(address));
        found = mem_strdup(inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text)));
    }
    freeifaddrs(list);
    return found;
}
