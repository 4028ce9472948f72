/* Paho's callbacks, on its threads: each turns what Paho says into one event of client.h and returns. */
#ifndef LINK_CLIENT_EVENTS_H
#define LINK_CLIENT_EVENTS_H

#include <MQTTAsync.h>

#include "link/client.h"

struct client {
    MQTTAsync handle;
    int version;
    const struct link_options *options;
    size_t asked; /* subscriptions, by the client_subscribe that was last */
    struct client_events events;
    void *ctx;
    char tls_text[128]; /* written and read by Paho's threads, under Paho's lock: the first line of a TLS failure */
};

void client_on_connected(void *context, MQTTAsync_successData *data);
void client_on_connected5(void *context, MQTTAsync_successData5 *data);
void client_on_connect_failed(void *context, MQTTAsync_failureData *data);
void client_on_connect_failed5(void *context, MQTTAsync_failureData5 *data);
void client_on_subscribed(void *context, MQTTAsync_successData *data);
void client_on_subscribed5(void *context, MQTTAsync_successData5 *data);
void client_on_subscribe_failed(void *context, MQTTAsync_failureData *data);
void client_on_subscribe_failed5(void *context, MQTTAsync_failureData5 *data);
void client_on_closed(void *context, MQTTAsync_successData *data);
void client_on_closed5(void *context, MQTTAsync_successData5 *data);
void client_on_close_failed(void *context, MQTTAsync_failureData *data);
void client_on_close_failed5(void *context, MQTTAsync_failureData5 *data);
void client_on_lost(void *context, char *cause);
void client_on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes code);
int client_on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message);
int client_on_tls_error(const char *line, size_t len, void *context);

/* Their context is a ticket, which they free. */
struct client_ticket {
    struct client *client;
    void *token;
};
void client_on_published(void *context, MQTTAsync_successData *data);
void client_on_published5(void *context, MQTTAsync_successData5 *data);
void client_on_publish_failed(void *context, MQTTAsync_failureData *data);
void client_on_publish_failed5(void *context, MQTTAsync_failureData5 *data);

#endif
