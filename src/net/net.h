/* What the parts of davit-net share. One thread, one of it. */
#ifndef NET_NET_H
#define NET_NET_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

struct nl_sock;

/* A pod as it was attached: what is in its file, and nothing else is needed to take it away. */
struct net_pod {
    char *uid;
    struct json *attached; /* {"addresses","hostPorts","networks"} */
    struct net_pod *next;
};

struct net {
    char bridge[IFNAMSIZ];
    char *subnet;    /* "10.213.0.0/16" */
    char *subnet6;   /* NULL: none */
    char *netns_dir; /* a namespace a pod, by uid */
    char *state_dir; /* a file a pod, by uid */
    char *userns_dir; /* user namespaces of pods; NULL: not said */
    char *cni_dir;
    uint32_t base, mask; /* of the subnet, host order */
    unsigned prefix, prefix6;
    struct nl_sock *socket; /* rtnetlink, in this namespace */
    struct net_pod *pods;
    struct json *services;  /* as said last; NULL: none */
    struct names *names;    /* NULL: nobody answers for names */
};

struct net_pod *net_pod(const struct net *net, const char *uid); /* NULL */
/* "10.213.0.1": the bridge's own, which is the pods' gateway. */
void net_gateway(const struct net *net, char out[64]);

/* ---- netns.c: a namespace with its loopback up, bound to a file. */
char *netns_path(const struct net *net, const char *uid);
/* There already: nothing is done. `users`: whose user namespace owns it; NULL: the host's. */
MUST_CHECK bool netns_make(const char *path, const char *uid, const struct json *users, struct error *err);
MUST_CHECK bool netns_remove(const char *path, struct error *err);
/* A netlink socket that lives in it. -1 on error. */
struct nl_sock *netns_socket(const char *path, struct error *err);

/* ---- link.c: rtnetlink. */
struct nl_sock *link_socket(struct error *err);
/* The bridge with its addresses, up. ERROR_CONFLICT: another route has the subnet. */
MUST_CHECK bool link_bridge(struct net *net, struct error *err);
/* A veth pair: one end in the bridge, eth0 in the namespace with these addresses and a default route. Idempotent. */
MUST_CHECK bool link_pod(struct net *net, const char *uid, const struct json *addresses, struct error *err);
MUST_CHECK bool link_remove(struct net *net, const char *uid, struct error *err);
/* Those of Davit's that belong to no pod that is known. */
void link_sweep(struct net *net);
/* Bytes through a pod's own end. False: there is none. */
bool link_stats(struct net *net, const char *uid, int64_t *received, int64_t *sent);

/* ---- firewall.c: one nftables table, rebuilt whole from the pods, changed in one commit. */
MUST_CHECK bool firewall_rebuild(const struct net *net, struct error *err);
MUST_CHECK bool firewall_add(const struct net *net, const struct net_pod *pod, struct error *err);
MUST_CHECK bool firewall_remove(const struct net *net, const struct net_pod *pod, struct error *err);

/* ---- state.c: a file a pod, in a tmpfs; written before anything is made, removed behind it. */
MUST_CHECK bool state_write(const struct net *net, const struct net_pod *pod, struct error *err);
MUST_CHECK bool state_remove(const struct net *net, const char *uid, struct error *err);
MUST_CHECK bool state_read_all(struct net *net, struct error *err);

/* ---- cni.c: other networks by their conflist. */
/* Adds the pod to a network as interface `netN`; the result is CNI's. NULL on error. */
struct json *cni_add(const struct net *net, const char *uid, const char *network, const char *interface, struct error *err);
MUST_CHECK bool cni_del(const struct net *net, const char *uid, const char *network, const char *interface,
                        struct error *err);

#endif
