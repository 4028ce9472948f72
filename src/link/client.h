/* One MQTT connection, from CONNECT to its end: a new one for each try, so that nothing of an old one (packets in
 * flight, ids) can reach into it. At most one at a time (session.c, client_drop). The only user of Paho.
 *
 * Functions are called by one thread, the session's, without a lock that an event takes: Paho holds its own lock while
 * an event runs, and on_message may wait seconds in it. Events come on Paho's threads.
 */
#ifndef LINK_CLIENT_H
#define LINK_CLIENT_H

#include <stdint.h>

#include "base/error.h"
#include "link/options.h"
#include "link/up.h"

#define CLIENT_VERSION_5 5
#define CLIENT_VERSION_311 4

struct client;

struct client_opened {
    bool session_present;
    uint32_t receive_maximum;
    uint32_t maximum_packet_size; /* 0: no limit */
    int keepalive_s;              /* what the broker wants in the place of ours; 0: nothing */
    uint32_t session_expiry_s;    /* what was asked for, unless the broker keeps it shorter */
};

struct client_end {
    int code;       /* MQTT 5's reason code; 0: none came */
    bool unreached; /* it failed before the broker spoke MQTT: look at the network for the reason */
    bool tls;       /* it is TLS that failed, and `text` has OpenSSL's words */
    char text[ERROR_MESSAGE_BYTES]; /* for a person */
};

struct client_events {
    void (*on_opened)(void *ctx, const struct client_opened *opened);
    void (*on_subscribed)(void *ctx, const int *codes, size_t count); /* in the order asked; >= 128: refused */
    /* A try that failed, or a connection that was lost. May come twice: the first counts. */
    void (*on_end)(void *ctx, const struct client_end *end);
    void (*on_closed)(void *ctx); /* DISCONNECT is out */
    void (*on_message)(void *ctx, const struct up_message *message);
    /* Once for each client_publish that returned true, at the latest within client_free. reason NULL: acknowledged. */
    void (*on_published)(void *ctx, void *token, int code, const char *reason);
};

struct client_publish {
    const char *topic;
    const void *payload;
    size_t payload_len;
    int qos;
    bool retain;
    const void *correlation; /* MQTT 5's; NULL: none. Left out with 3.1.1, as is expiry_s */
    size_t correlation_len;
    int64_t expiry_s; /* -1: none */
};

MUST_CHECK struct client *client_new(const struct link_options *options, int version,
                                     const struct client_events *events, void *ctx, struct error *err);
MUST_CHECK bool client_connect(struct client *client, int keepalive_s, struct error *err);
/* To those of the options from place `from` on. */
MUST_CHECK bool client_subscribe(struct client *client, size_t from, struct error *err);
/* No answer is waited for: what still comes is of no harm. */
void client_unsubscribe(struct client *client, char *const *topics, size_t count);
/* `token` comes back with on_published. The payload is copied. */
MUST_CHECK bool client_publish(struct client *client, const struct client_publish *publish, void *token,
                               struct error *err);
/* At once, whatever is not acknowledged yet. False: there is no connection to end. */
MUST_CHECK bool client_disconnect(struct client *client);
/* After it no event comes. */
void client_free(struct client *client);

#endif
