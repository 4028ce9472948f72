/* One connection to the broker on the loop. Up to the owner: when to connect again, and how often to ping. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include <sys/socket.h>
#include <uv.h>

#include "base/error.h"
#include "packet.h"

struct client_events {
    void (*up)(void *ctx, const struct packet *connack); /* every subscription is granted */
    void (*subscribed)(void *ctx); /* to what client_subscribe asked for */
    void (*message)(void *ctx, const struct packet *message);
    void (*acknowledged)(void *ctx, uint16_t id, int code);
    void (*down)(void *ctx, const char *why, int code); /* it may be opened again, in a later turn of the loop */
    void (*rest)(void *ctx); /* all that had come was handed over */
};

enum client_phase { CLIENT_DOWN, CLIENT_CONNECTING, CLIENT_SUBSCRIBING, CLIENT_UP };

struct client {
    uv_loop_t *loop;
    const struct client_events *events;
    void *ctx;
    enum client_phase phase;
    bool closing;
    int fd;
    uv_poll_t poll;
    int watched;            /* what `poll` waits for */
    struct strbuf out;      /* not sent yet */
    struct strbuf in;       /* the beginning of a packet */
    struct strbuf subscribe; /* said after CONNACK */
    struct packet connack;
};

void client_init(struct client *client, uv_loop_t *loop, const struct client_events *events, void *ctx);
/* False: it could not begin, and `down` is not called. */
MUST_CHECK bool client_open(struct client *client, const struct sockaddr_storage *address, const struct packet_connect *connect,
                            const char *const *topics, size_t count, struct error *err);
/* Sent by client_flush. */
void client_publish(struct client *client, const struct packet_publish *publish);
/* Over the connection that there is: sent by client_flush, and then `subscribed`. */
void client_subscribe(struct client *client, const char *const *topics, size_t count);
void client_unsubscribe(struct client *client, const char *const *topics, size_t count);
void client_ping(struct client *client);
void client_flush(struct client *client);
/* At once and without a word, as a network that is gone; `down` is not called. */
void client_cut(struct client *client);
/* With DISCONNECT. */
void client_close(struct client *client);

#endif
