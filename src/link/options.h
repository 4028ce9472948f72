/* What the parent's first frame asks for (docs/wire.md, davit-link, `connect`). */
#ifndef LINK_OPTIONS_H
#define LINK_OPTIONS_H

#include <stdint.h>

#include "base/error.h"
#include "wire/frame.h"

struct link_subscription {
    char *topic;
    int qos;
    bool as_published; /* MQTT 5: RETAIN comes as the publisher set it, and does not tell a replay */
};

struct link_will {
    char *topic; /* NULL: no will */
    char *payload;
    int qos;
    bool retain;
    uint32_t delay_s;
};

struct link_proxy {
    char *host; /* without brackets; NULL: none */
    char *port;
    char *username; /* NULL: none */
    char *password;
    size_t password_len;
};

/* Everything is owned; lives as long as the process. */
struct link_options {
    char *uri;  /* as Paho spells it, port and path always there */
    char *host; /* without brackets */
    char *port;
    bool tls;
    char *client_id;
    bool clean_start;
    uint32_t session_expiry_s;
    int keepalive_s;
    char *username; /* NULL: none */
    char *password;
    size_t password_len;
    char *ca_path; /* /proc/self/fd/N of a descriptor that stays open; NULL: the system's store */
    char *cert_path;
    char *key_path;
    struct link_proxy proxy;
    char *proxy_uri; /* as Paho spells it; NULL: no proxy */
    struct link_will will;
    struct link_subscription *subscriptions;
    size_t subscription_count;
    bool reconnect;
    uint64_t min_delay_ms;
    uint64_t max_delay_ms;
};

/* The array `subscribe` of a frame; the caller frees, whatever comes back. */
MUST_CHECK bool link_subscriptions_read(const struct json *head, struct link_subscription **out, size_t *count,
                                        struct error *err);
/* Takes the frame's descriptors. The message names the field that is wrong. */
MUST_CHECK bool link_options_parse(struct frame *frame, struct link_options *options, struct error *err);
/* After the privileges are gone: can the TLS files still be read? */
MUST_CHECK bool link_options_check_files(const struct link_options *options, struct error *err);

/* Splits and translates `url` into uri, host, port, tls. */
MUST_CHECK bool link_url_parse(const char *url, struct link_options *options, struct error *err);

#endif
