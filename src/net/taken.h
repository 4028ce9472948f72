/* Ports of this device that a process of its own listens at. */
#ifndef NET_TAKEN_H
#define NET_TAKEN_H

#include "net/net.h"

/* What a rule would lead away from a process that is there (a broker, sshd) is not given to a pod. The bridge's own addresses
 * are left out: what listens there is davit-net's. ERROR_CONFLICT names port and address.
 */
MUST_CHECK bool taken_by_nobody(const struct net *net, const struct json *ports, struct error *err);

#endif
