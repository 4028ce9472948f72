/* The names of pods and services on this device: one dnsmasq on the bridge's address, with a file of hosts. One thread. */
#ifndef NET_NAMES_H
#define NET_NAMES_H

#include "net/net.h"

struct names;

/* NULL: dnsmasq is not installed, or does not start; said in the log. */
struct names *names_new(const struct net *net);
/* From the first pod on: starts dnsmasq, and again where it has ended. */
void names_need(struct names *names);
/* A child ended: it may have been dnsmasq. */
void names_look(struct names *names);
/* [{"name","addresses":[]}]: all there are. */
void names_set(struct names *names, const struct json *records);
void names_free(struct names *names); /* ends dnsmasq; NULL is fine */

#endif
