/* One HTTP exchange after the other, many at a time, over libcurl. It knows nothing of registries: no redirect is
 * followed and no password kept. HTTP/1.1 on purpose: with one TCP connection a stream, a pipe that is full holds back
 * its own connection only, by TCP itself. Over HTTP/2 libcurl would have to hold up to a window (32 MB) of each stream.
 * One thread; callbacks come from http_run and http_resume.
 */
#ifndef IMAGE_FETCH_HTTP_H
#define IMAGE_FETCH_HTTP_H

#include <poll.h>

#include "image/answer.h"
#include "image/fetch_options.h"

struct http;
struct exchange;

enum http_take {
    HTTP_TAKEN,
    HTTP_FULL,   /* none of it: comes again after http_resume */
    HTTP_REFUSED /* the exchange ends with HTTP_STOPPED */
};

enum http_fault {
    HTTP_DONE,        /* an answer came, whole as far as HTTP can tell */
    HTTP_STOPPED,     /* a callback ended it */
    HTTP_NAME,        /* the host's name is unknown */
    HTTP_PROXY,       /* the proxy is unknown, or does not want to */
    HTTP_CONNECT,     /* refused, no route, or no answer in time */
    HTTP_CERTIFICATE,
    HTTP_TLS,         /* no TLS with it: often it speaks plain HTTP */
    HTTP_BROKEN,      /* it broke off after it was connected */
    HTTP_NONSENSE     /* what came is no HTTP answer that may be taken */
};

struct http_request {
    const struct url *url;
    const char *accept;        /* these may be NULL: left out */
    const char *authorization; /* a header's whole value */
    const char *form;          /* what is posted; NULL: GET */
    int64_t range_start;       /* 0: all of it */
    bool verify;               /* the certificate */
    const struct fetch_ca *ca; /* beside the system's */
    bool fresh;                /* no connection that was used before */
};

struct http_handlers {
    /* The head is there. False: the exchange ends. */
    bool (*on_head)(void *ctx, const struct answer *answer);
    enum http_take (*on_data)(void *ctx, const char *data, size_t len);
    /* Once, and the last; the exchange is freed after it. `why` is for people, of the kind that may be shown. */
    void (*on_end)(void *ctx, enum http_fault fault, const struct answer *answer, const char *why);
};

/* Once, while still root, before any other call. `options` outlive it. */
struct http *http_new(const struct fetch_options *options);
/* Returns at once; never calls back from inside. What `request` points to is copied. */
struct exchange *http_start(struct http *http, const struct http_request *request, const struct http_handlers *handlers,
                            void *ctx);
/* Name, TCP and TLS are through: what is waited for now is the other side's answer. */
bool http_is_connected(const struct exchange *exchange);
/* After HTTP_FULL. */
void http_resume(struct exchange *exchange);
void http_cancel(struct exchange *exchange); /* without a callback; NULL is fine */
/* Waits for the network, for `fds` or for the time, whichever is first, and sets their revents. */
void http_wait(struct http *http, struct pollfd *fds, size_t count, int timeout_ms);
void http_run(struct http *http);

#endif
