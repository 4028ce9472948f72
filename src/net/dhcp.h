/* The addresses of VMs, by DHCP: a dnsmasq of its own, from the first VM to the last, that knows those and answers nobody else.
 * It is not the one that answers for names, because dnsmasq serves DHCP only with CAP_NET_ADMIN: what reads the words of
 * other people's name servers does not get that. One thread.
 */
#ifndef NET_DHCP_H
#define NET_DHCP_H

#include "net/net.h"

struct dhcp;

struct dhcp *dhcp_new(const struct net *net); /* NULL: dnsmasq is not installed */
/* The VMs are others than before, or it may not run any more. Without VMs it does not run. */
void dhcp_set(struct dhcp *dhcp);
void dhcp_look(struct dhcp *dhcp); /* a child ended: it may have been dnsmasq */
void dhcp_free(struct dhcp *dhcp); /* ends dnsmasq; NULL is fine */

#endif
