/* A pod's whole network: made, taken away, compared with what there should be. Whatever was cut off on the way, doing it
 * again ends in the same place. One thread.
 */
#ifndef NET_POD_H
#define NET_POD_H

#include "net/net.h"

/* The networks beside the default one, as CNI told them; borrowed. NULL: *reason and *err; nothing of this try is left. */
const struct json *pod_attach(struct net *net, const struct json *head, const char **reason, struct error *err);
/* And the ids of its user namespace. */
MUST_CHECK bool pod_detach(struct net *net, const char *uid, struct error *err);
/* Takes away all but these; the uids that went. *err, zeroed before, says what could not be taken away. */
struct json *pod_keep(struct net *net, const struct json *uids, struct error *err);
/* This device's own address, as others see it; NULL: it has none. The caller frees. */
char *pod_host_address(const struct net *net);

#endif
