/* The way to the broker through an HTTP proxy, by CONNECT: with and without TLS, with and without websockets. */
#ifndef LINK_PROXY_H
#define LINK_PROXY_H

#include "link/options.h"

/* Splits `url` ("http://proxy:3128") into proxy.host and proxy.port. */
MUST_CHECK bool proxy_parse(const char *url, struct link_proxy *proxy, struct error *err);
/* Whether the list has the host: by its name, as a domain with a dot before it (".plant"), or "*". */
bool proxy_is_bypassed(const char *host, const char *const *list, size_t count);
/* As Paho takes it, with the credentials in it; the caller frees. `tls`: of the connection to the broker. */
char *proxy_for_paho(const struct link_proxy *proxy, bool tls);
/* The request that opens the way; the caller frees. */
char *proxy_request(const struct link_proxy *proxy, const char *host, const char *port);

#endif
