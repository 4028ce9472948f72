/* What the kernel remembers of connections that were led elsewhere. Only in davit-net. */
#ifndef NET_CONNTRACK_H
#define NET_CONNTRACK_H

#include <stdbool.h>

/* Forgets those that lead to this address; only datagrams, or all. */
void conntrack_forget(const char *address, bool datagrams);

#endif
