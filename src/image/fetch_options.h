/* What davit-fetch is told in its first frame, checked (docs/wire.md). */
#ifndef IMAGE_FETCH_OPTIONS_H
#define IMAGE_FETCH_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/fetch_url.h"
#include "wire/frame.h"

struct fetch_credential {
    char *username, *password;
    char *identity_token; /* or this */
};

struct fetch_ca {
    char *pem;
    size_t len;
};

struct fetch_endpoint {
    struct url url;
    char *origin; /* as it is shown to people */
    char *prefix; /* "" or "some/path/": stands before each repository */
    bool insecure;
    const struct fetch_ca *ca; /* NULL: the system's alone */
    struct fetch_credential *credentials;
    size_t credential_count;
};

struct fetch_options {
    struct fetch_endpoint *endpoints; /* in the order they are asked */
    size_t endpoint_count;
    struct fetch_ca cas[LIMIT_FRAME_FDS];
    size_t ca_count;
    int64_t rate_limit;   /* bytes a second, all together; 0: none */
    int64_t min_rate;     /* bytes a second; 0: none */
    uint64_t window_ms;   /* in which min_rate is counted; an answer must begin within it too */
    uint64_t connect_ms;  /* name, TCP, proxy and TLS together */
    uint64_t delay_ms;    /* before the first further try; it doubles */
    char *proxy_http, *proxy_https, *proxy_none; /* "" where there is none */
};

/* Reads the certificates of the frame. False: *err says what is wrong; the process is to end. */
MUST_CHECK bool fetch_options_parse(struct frame *frame, struct fetch_options *options, struct error *err);

#endif
