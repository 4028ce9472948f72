/* A dnsmasq that davit-net starts, and starts again where it ends: as nobody, with few rights. One thread. */
#ifndef NET_DNSMASQ_H
#define NET_DNSMASQ_H

#include "net/net.h"

struct dnsmasq;

struct dnsmasq_kind {
    const char *name;    /* of its pid file, beside the folder of namespaces */
    const char *without; /* what is not there without it, for the log */
    bool v6;             /* it listens on the gateway's IPv6 address too */
    uint64_t caps;       /* bit mask 1 << CAP_… */
};

bool dnsmasq_is_installed(void);
/* One that an earlier davit-net left is ended: it listens where this one is to. `kind` must live as long. */
struct dnsmasq *dnsmasq_new(const struct net *net, const struct dnsmasq_kind *kind);
void dnsmasq_argument(struct dnsmasq *dnsmasq, char *taken);
/* Starts it where it does not run. */
void dnsmasq_need(struct dnsmasq *dnsmasq);
/* A child ended: it may have been this one. */
void dnsmasq_look(struct dnsmasq *dnsmasq);
/* It reads its files again; nothing where it does not run. */
void dnsmasq_read_again(const struct dnsmasq *dnsmasq);
void dnsmasq_end(struct dnsmasq *dnsmasq);
void dnsmasq_free(struct dnsmasq *dnsmasq); /* ends it; NULL is fine */

#endif
