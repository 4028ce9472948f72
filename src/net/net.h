/* What the parts of davit-net share. One thread, one of it. */
#ifndef NET_NET_H
#define NET_NET_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

struct nl_sock;

/* A pod, or a VM, as it was attached: what is in its file, and nothing else is needed to take it away. */
struct net_pod {
    char *uid;
    struct json *attached; /* {"addresses","hostPorts","networks","results"}; of a VM also "vm" */
    struct net_pod *next;
};

struct net {
    bool busy; /* more than pings came */
    char bridge[IFNAMSIZ];
    char *subnet;    /* "10.213.0.0/16" */
    char *subnet6;   /* NULL: none */
    char *services4, *services6; /* the part of each subnet that services have; NULL: none */
    char *netns_dir; /* a namespace a pod, by uid */
    char *state_dir; /* a file a pod, by uid */
    char *userns_dir; /* user namespaces of pods; NULL: not said */
    char *cni_dir;
    char *cni_path;  /* folders of plugins, with : between */
    uint32_t base, mask; /* of the subnet, host order */
    struct in6_addr base6;
    unsigned prefix, prefix6;
    uint32_t group;         /* of its interfaces: how rules and sweeps know them */
    struct nl_sock *socket; /* rtnetlink, in this namespace */
    struct net_pod *pods;
    struct json *services;  /* as said last; NULL: none */
    struct json *records, *coming; /* of names and services that are said in parts */
    struct names *names;    /* NULL: nobody answers for names */
    struct dhcp *dhcp;      /* NULL: VMs have to be told their addresses in another way */
    struct watch *watch;    /* NULL: the kernel does not tell */
};

struct net_pod *net_pod(const struct net *net, const char *uid); /* NULL */
/* "10.213.0.1", "fd00::1": the bridge's own, which is the pods' gateway. */
void net_gateway(const struct net *net, bool v6, char out[INET6_ADDRSTRLEN]);
/* The pod's own; NULL: it has none of this family. */
const char *net_pod_address(const struct net_pod *pod, bool v6);
const struct json *net_pod_vm(const struct net_pod *pod); /* {"mac","hostname","searches"}; NULL: it is no VM */

/* ---- netns.c: a namespace with its loopback up, bound to a file. */
char *netns_path(const struct net *net, const char *uid);
/* There already: nothing is done. `users`: whose user namespace owns it; NULL: the host's. */
MUST_CHECK bool netns_make(const char *path, const char *uid, const struct json *users, struct error *err);
/* A netlink socket that lives in it. -1 on error. */
struct nl_sock *netns_socket(const char *path, struct error *err);

/* ---- tap.c: a persistent tap, which QEMU opens by its name. There is none of this name yet. */
MUST_CHECK bool tap_make(const char *name, struct error *err);

/* ---- link.c: rtnetlink. */
struct nl_sock *link_socket(struct error *err);
/* "dv" and the first 12 digits of the uid: an interface's name has 15 bytes. */
void link_name(const char *uid, char out[IFNAMSIZ]);
int link_index(struct nl_sock *socket, const char *name); /* 0: there is none */
/* The bridge with its addresses, up. ERROR_CONFLICT: another route has the subnet. */
MUST_CHECK bool link_bridge(struct net *net, struct error *err);
/* A veth pair: eth0 in the namespace with the pod's addresses and a default route, and routes to it here. Idempotent. */
MUST_CHECK bool link_pod(struct net *net, const struct net_pod *pod, struct error *err);
/* A tap, and routes to the VM behind it. Idempotent. */
MUST_CHECK bool link_vm(struct net *net, const struct net_pod *pod, struct error *err);
MUST_CHECK bool link_remove(struct net *net, const char *uid, struct error *err);
/* Those of Davit's that belong to no pod that is known. */
void link_sweep(struct net *net);
/* Bytes as the pod sees them. False: there is none. */
bool link_stats(struct net *net, const char *uid, int64_t *received, int64_t *sent);

/* ---- state.c: a file a pod, in a tmpfs; written before anything is made, removed behind it. */
MUST_CHECK bool state_write(const struct net *net, const struct net_pod *pod, struct error *err);
MUST_CHECK bool state_remove(const struct net *net, const char *uid, struct error *err);
MUST_CHECK bool state_read_all(struct net *net, struct error *err);

/* ---- cni.c: other networks by their conflist. */
/* Adds the pod to a network as this interface; the result is CNI's. NULL on error. */
struct json *cni_add(const struct net *net, const char *uid, const char *network, const char *interface, struct error *err);
MUST_CHECK bool cni_del(const struct net *net, const char *uid, const char *network, const char *interface,
                        struct error *err);

#endif
