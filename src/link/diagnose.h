/* Why a broker cannot be reached, for a person: Paho says only that it failed. */
#ifndef LINK_DIAGNOSE_H
#define LINK_DIAGNOSE_H

#include "link/options.h"

/* Goes the way once more, by hand: name, TCP, proxy, TLS; at most some seconds each. False: all of it works, and `out` is
 * untouched. Blocks. */
bool diagnose(const struct link_options *options, char *out, size_t size);

/* The TLS part, over a connection to the broker. False: it works. */
bool diagnose_tls(int fd, const struct link_options *options, char *out, size_t size);

#endif
