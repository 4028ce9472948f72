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
#include "net/names.h"

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
    const char *host = json_get_text(port, "hostIP");
    return host == NULL || host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool ports_clash(const struct json *a, const struct json *b)
{
    return json_get_integer(a, "hostPort", 0) == json_get_integer(b, "hostPort", 0) && same_text(a, b, "protocol") &&
           (any_address(a) == any_address(b)) && (any_address(a) || same_text(a, b, "hostIP"));
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
                                     json_get_integer(port, "hostPort", 0), json_get_text(port, "protocol"), pod->uid);
    }
    return true;
}

static struct json *attached_of(const struct json *head)
{
    static const char *const keys[] = { "addresses", "hostPorts", "networks" };
    struct json *attached = json_new_object();
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (json_type(json_get(head, keys[i])) == JSON_ARRAY)
            json_set(attached, keys[i], json_copy(json_get(head, keys[i])));
    return attached;
}

/* net1, net2 … in the order of the annotation. */
static bool add_networks(struct net *net, const struct net_pod *pod, struct json *out, struct error *err)
{
    int number = 0;
    JSON_EACH(network, json_get(pod->attached, "networks")) {
        char interface[16];
        snprintf(interface, sizeof(interface), "net%d", ++number);
        struct json *result = cni_add(net, pod->uid, json_text(network), interface, err);
        if (result == NULL)
            return false;
        struct json *one = json_add_object(out);
        json_set_text(one, "name", json_text(network));
        json_set_text(one, "interface", interface);
        struct json *addresses = json_set_array(one, "addresses");
        JSON_EACH(ip, json_get(result, "ips"))
            json_add_text(addresses, json_get_text(ip, "address"));
        json_free(result);
    }
    return true;
}

static bool make(struct net *net, const struct net_pod *pod, const struct json *users, struct json *networks,
                 const char **reason, struct error *err)
{
    AUTO_FREE char *path = netns_path(net, pod->uid);
    if (!state_write(net, pod, err) || !netns_make(path, pod->uid, users, err) ||
        !link_pod(net, pod->uid, json_get(pod->attached, "addresses"), err) || !firewall_add(net, pod, err))
        return false;
    if (net->names != NULL)
        names_need(net->names);
    *reason = "CniFailed";
    return networks == NULL || add_networks(net, pod, networks, err);
}

struct json *pod_attach(struct net *net, const struct json *head, const char **reason, struct error *err)
{
    const char *uid = json_get_text(head, "uid");
    AUTO_JSON struct json *networks = json_new_array();
    struct error ignored;
    *reason = "HostPortConflict";
    if (uid == NULL || strlen(uid) >= 64 || uid[strspn(uid, "0123456789abcdef-")] != '\0') {
        error_set(err, ERROR_INVALID, "attach needs a uid of hex digits and dashes");
        return NULL;
    }
    if (!ports_are_free(net, uid, json_get(head, "hostPorts"), err))
        return NULL;
    struct net_pod *pod = net_pod(net, uid);
    bool fresh = pod == NULL;
    if (fresh) {
        pod = mem_alloc(sizeof(*pod));
        pod->uid = mem_strdup(uid);
        LL_PREPEND(net->pods, pod);
    }
    json_free(pod->attached);
    pod->attached = attached_of(head);
    *reason = "NetworkError";
    if (make(net, pod, json_get(head, "users"), fresh ? networks : NULL, reason, err))
        return mem_steal(&networks);
    if (fresh && !pod_detach(net, uid, &ignored))
        log_warn("pod %s: what a failed attach left stays until it is detached: %s", uid, ignored.message);
    return NULL;
}

static void del_networks(struct net *net, const struct net_pod *pod)
{
    struct error err;
    int number = 0;
    JSON_EACH(network, json_get(pod->attached, "networks")) {
        char interface[16];
        snprintf(interface, sizeof(interface), "net%d", ++number);
        /* CNI: DEL is asked for once; the namespace goes, and with it what was in it. */
        if (json_text(network) != NULL && !cni_del(net, pod->uid, json_text(network), interface, &err))
            log_warn("pod %s: %s", pod->uid, err.message);
    }
}

bool pod_detach(struct net *net, const char *uid, struct error *err)
{
    struct net_pod *pod = net_pod(net, uid);
    AUTO_FREE char *path = netns_path(net, uid);
    if (pod != NULL) {
        del_networks(net, pod);
        if (!firewall_remove(net, pod, err))
            return false;
    }
    if (!link_remove(net, uid, err) || !netns_remove(path, err) || !state_remove(net, uid, err))
        return false;
    if (pod != NULL) {
        LL_DELETE(net->pods, pod);
        pod_free(pod);
    }
    return true;
}

static bool is_kept(const struct json *uids, const char *uid)
{
    JSON_EACH(kept, uids)
        if (json_text(kept) != NULL && strcmp(json_text(kept), uid) == 0)
            return true;
    return false;
}

struct json *pod_keep(struct net *net, const struct json *uids)
{
    struct json *removed = json_new_array();
    struct net_pod *pod, *next;
    struct error err;
    LL_FOREACH_SAFE(net->pods, pod, next) {
        AUTO_FREE char *uid = mem_strdup(pod->uid);
        if (is_kept(uids, uid))
            continue;
        if (pod_detach(net, uid, &err))
            json_add_text(removed, uid);
        else
            log_warn("pod %s cannot be detached: %s", uid, err.message);
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
