/* The one nftables table: rebuilt whole from what is known, changed in one commit each. Only in davit-net. */
#ifndef NET_FIREWALL_H
#define NET_FIREWALL_H

#include "base/strbuf.h"
#include "net/net.h"

#define FIREWALL_BYTES (4 * 1024 * 1024)

const char *firewall_table(const struct net *net);
/* Rules as nft's text, "inet @" in the place of the table's name; all or nothing. */
MUST_CHECK bool firewall_run(const struct net *net, const struct strbuf *marked, const char *what, struct error *err);
const char *firewall_protocol(const struct json *port); /* "tcp", from an object's "protocol" */

MUST_CHECK bool firewall_rebuild(const struct net *net, struct error *err);
MUST_CHECK bool firewall_add(const struct net *net, const struct net_pod *pod, struct error *err);
MUST_CHECK bool firewall_remove(const struct net *net, const struct net_pod *pod, struct error *err);

/* ---- services.c: a chain for each port of a Service, and maps that lead there. */
void services_add(const struct json *services, struct strbuf *rules);
/* From what net->services says to `services`, which it takes: only what changed is touched. */
MUST_CHECK bool services_change(struct net *net, struct json *services, struct error *err);

#endif
