/* Whether somebody took the nftables table away: a `nft flush ruleset`, a firewall's restart. Only in davit-net. */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include "net/net.h"

struct watch;

struct watch *watch_new(const struct net *net); /* NULL: the kernel does not tell; the next change heals it then */
void watch_free(struct watch *watch);
int watch_fd(const struct watch *watch);
/* Reads what happened. True: the table is gone, and was not made again. */
bool watch_lost(struct watch *watch);

#endif
