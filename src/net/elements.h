/* Elements of the table's sets and maps, put in and taken out in one commit, without libnftables: it reads the whole
 * table first (an attach beside 50 pods and 20 Services took 30 ms with it, and takes 4). Only in davit-net.
 */
#ifndef NET_ELEMENTS_H
#define NET_ELEMENTS_H

#include "net/net.h"

struct elements;

/* `remove`: all that follows is taken out. */
struct elements *elements_begin(const struct net *net, bool remove);
/* The key of the next element, and for a map what it leads to; each part padded to four bytes, as the kernel has it. */
void elements_next(struct elements *elements, const char *set);
void elements_text(struct elements *elements, const char *interface);
void elements_address(struct elements *elements, const char *address);
void elements_protocol(struct elements *elements, const char *word); /* "tcp" */
void elements_port(struct elements *elements, int64_t port);
void elements_leads_to(struct elements *elements); /* what follows is no key any more */
/* All or nothing; frees it. */
MUST_CHECK bool elements_commit(struct elements *elements, struct error *err);

#endif
