/* URLs as libcurl reads them, so that what is checked here is what is asked there. Only http and https, no user in it. */
#ifndef IMAGE_FETCH_URL_H
#define IMAGE_FETCH_URL_H

#include <stdbool.h>

#include "base/error.h"

struct url {
    char *text;   /* whole, without a fragment */
    char *scheme; /* "http" or "https" */
    char *host;   /* IPv6 in brackets */
    char *port;   /* never empty */
    char *path;   /* "/" at least */
    bool port_given;
};

/* An absolute URL of at most LIMIT_FETCH_URL_BYTES. False: *out is empty, and *err does not repeat the URL. */
MUST_CHECK bool url_parse(const char *text, struct url *out, struct error *err);
/* A Location, which may be relative, seen from `base`. */
MUST_CHECK bool url_follow(const struct url *base, const char *location, struct url *out, struct error *err);
void url_free(struct url *url); /* empty is fine */
bool url_is_plain(const struct url *url); /* http */
bool url_same_host(const struct url *a, const struct url *b);
/* Scheme, host and port: where credentials for `a` may go too. */
bool url_same_origin(const struct url *a, const struct url *b);
/* A redirect, or a token service: never from https to http, except where an insecure registry is talked to. */
bool url_may_lead(const struct url *from, const struct url *to, bool insecure);
/* Appends NAME=VALUE to its query, escaped. */
MUST_CHECK bool url_add_query(struct url *url, const char *name, const char *value, struct error *err);
/* NAME=VALUE&… of a form: `value` escaped. The caller frees. */
char *url_escape(const char *value);
/* "https://host:5000", the port only where it was said: what of a URL may be shown. The caller frees. */
char *url_origin(const struct url *url);

#endif
