/* The least HTTP that a Prometheus needs: GET /metrics, one connection at a time. Blocking, one thread. */
#ifndef CLI_EXPORT_HTTP_H
#define CLI_EXPORT_HTTP_H

#include "base/error.h"

/* The text to answer with, or NULL and why; the caller frees. */
typedef char *export_text(void *ctx, struct error *err);

/* "127.0.0.1:9123", "[::1]:9123"; port 0 is one that is free. `address` becomes what it is. */
MUST_CHECK bool export_http_listen(const char *where, int *listener, char **address, struct error *err);
/* Answers until it cannot listen any more. */
MUST_CHECK bool export_http_serve(int listener, export_text *text, void *ctx, struct error *err);

#endif
