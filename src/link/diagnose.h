/* Why a broker cannot be reached, for a person: Paho says only that it failed. */
#ifndef LINK_DIAGNOSE_H
#define LINK_DIAGNOSE_H

#include <stdbool.h>
#include <stddef.h>

/* Looks the name up and connects once, at most some seconds. False: TCP works, and `out` is untouched. Blocks. */
bool diagnose_tcp(const char *host, const char *port, char *out, size_t size);

#endif
