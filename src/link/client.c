#include "config.h"

#include "link/client.h"

#include <MQTTAsync.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "link/client_events.h"
#include "link/reason.h"

#define CONNECT_TIMEOUT_S 30
/* Paho's own cap on unsent publishes; the parent's window is far below. */
#define BUFFERED_MAX 4096

static bool paho_failed(struct error *err, const char *what, int rc)
{
    const char *text = MQTTAsync_strerror(rc);

    return error_set(err, rc == MQTTASYNC_DISCONNECTED ? ERROR_UNAVAILABLE : ERROR_INTERNAL, "%s: %s (%d)", what,
                     text != NULL ? text : "unknown", rc);
}

static bool callbacks_set(struct client *client)
{
    return MQTTAsync_setCallbacks(client->handle, client, client_on_lost, client_on_message, NULL) ==
               MQTTASYNC_SUCCESS &&
           MQTTAsync_setDisconnected(client->handle, client, client_on_disconnected) == MQTTASYNC_SUCCESS;
}

struct client *client_new(const struct link_options *options, int version, const struct client_events *events,
                          void *ctx, struct error *err)
{
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
    struct client *client = mem_alloc(sizeof(*client));

    /* With its last client Paho 1.3.12 frees the buffer that it traces into, while its receiving thread may yet write there that
     * it ends: a crash. What is not traced is not written.
     */
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    client->options = options;
    client->version = version;
    client->events = *events;
    client->ctx = ctx;
    create.MQTTVersion = version;
    create.maxBufferedMessages = BUFFERED_MAX;
    int rc = MQTTAsync_createWithOptions(&client->handle, options->uri, options->client_id,
                                         MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
    if (rc != MQTTASYNC_SUCCESS) {
        (void)paho_failed(err, "the MQTT client cannot be made", rc);
        free(client);
        return NULL;
    }
    if (!callbacks_set(client)) {
        error_set(err, ERROR_INTERNAL, "the MQTT client takes no callbacks");
        client_free(client);
        return NULL;
    }
    return client;
}

static void property_add(MQTTProperties *properties, enum MQTTPropertyCodes code, uint32_t value)
{
    MQTTProperty property = {.identifier = code};

    property.value.integer4 = value;
    if (MQTTProperties_add(properties, &property) != 0)
        log_error("MQTT property %d cannot be added", (int)code);
}

static void tls_fill(struct client *client, MQTTAsync_SSLOptions *tls)
{
    const struct link_options *options = client->options;

    tls->trustStore = options->ca_path;
    tls->disableDefaultTrustStore = options->ca_path != NULL;
    tls->keyStore = options->cert_path;
    tls->privateKey = options->key_path;
    tls->enableServerCertAuth = 1;
    tls->verify = 1;
    tls->ssl_error_cb = client_on_tls_error;
    tls->ssl_error_context = client;
}

static void will_fill(const struct link_will *will, MQTTAsync_willOptions *out)
{
    out->topicName = will->topic;
    out->payload.data = will->payload;
    out->payload.len = (int)strlen(will->payload);
    out->qos = will->qos;
    out->retained = will->retain;
}

static void login_fill(const struct link_options *options, MQTTAsync_connectOptions *connect)
{
    connect->username = options->username;
    if (options->password == NULL)
        return;
    connect->struct_version = 8;
    connect->binarypwd.data = options->password;
    connect->binarypwd.len = (int)options->password_len;
}

static void proxy_fill(const struct link_options *options, MQTTAsync_connectOptions *connect)
{
    if (options->tls)
        connect->httpsProxy = options->proxy_uri;
    else
        connect->httpProxy = options->proxy_uri;
}

static void version_fill(struct client *client, MQTTAsync_connectOptions *connect, MQTTProperties *properties,
                         MQTTProperties *will_properties)
{
    const struct link_options *options = client->options;

    if (client->version == CLIENT_VERSION_311) {
        connect->cleansession = options->clean_start;
        connect->onSuccess = client_on_connected;
        connect->onFailure = client_on_connect_failed;
        return;
    }
    connect->cleanstart = options->clean_start;
    connect->onSuccess5 = client_on_connected5;
    connect->onFailure5 = client_on_connect_failed5;
    property_add(properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, options->session_expiry_s);
    /* What does not fit into a frame is kept by the broker: it would only be thrown away here. */
    property_add(properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, LIMIT_FRAME_BODY_BYTES);
    connect->connectProperties = properties;
    if (options->will.topic == NULL)
        return;
    property_add(will_properties, MQTTPROPERTY_CODE_WILL_DELAY_INTERVAL, options->will.delay_s);
    connect->willProperties = will_properties;
}

bool client_connect(struct client *client, int keepalive_s, struct error *err)
{
    MQTTAsync_connectOptions connect5 = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_connectOptions connect311 = MQTTAsync_connectOptions_initializer;
    MQTTAsync_connectOptions connect = client->version == CLIENT_VERSION_5 ? connect5 : connect311;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperties will_properties = MQTTProperties_initializer;

    connect.MQTTVersion = client->version;
    connect.keepAliveInterval = keepalive_s;
    connect.connectTimeout = CONNECT_TIMEOUT_S;
    connect.context = client;
    login_fill(client->options, &connect);
    proxy_fill(client->options, &connect);
    version_fill(client, &connect, &properties, &will_properties);
    if (client->options->will.topic != NULL) {
        will_fill(&client->options->will, &will);
        connect.will = &will;
    }
    if (client->options->tls) {
        tls_fill(client, &tls);
        connect.ssl = &tls;
    }
    int rc = MQTTAsync_connect(client->handle, &connect);
    MQTTProperties_free(&properties);
    MQTTProperties_free(&will_properties);
    return rc == MQTTASYNC_SUCCESS || paho_failed(err, "MQTT connect", rc);
}

void client_unsubscribe(struct client *client, char *const *topics, size_t count)
{
    if (count > 0)
        (void)MQTTAsync_unsubscribeMany(client->handle, (int)count, (char **)(uintptr_t)topics, NULL);
}

bool client_subscribe(struct client *client, size_t from, struct error *err)
{
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    const struct link_options *options = client->options;
    size_t count = options->subscription_count - from;
    AUTO_FREE char **topics = mem_array(count, sizeof(*topics));
    AUTO_FREE int *qos = mem_array(count, sizeof(*qos));
    AUTO_FREE MQTTSubscribe_options *each = mem_array(count, sizeof(*each));

    for (size_t i = 0; i < count; i++) {
        topics[i] = options->subscriptions[from + i].topic;
        qos[i] = options->subscriptions[from + i].qos;
        /* RETAIN tells a replay from something new (docs/protocol.md); a node must see its own late will. */
        each[i] = (MQTTSubscribe_options)MQTTSubscribe_options_initializer;
        each[i].retainAsPublished = options->subscriptions[from + i].as_published;
    }
    client->asked = count;
    response.context = client;
    if (client->version == CLIENT_VERSION_5) {
        response.onSuccess5 = client_on_subscribed5;
        response.onFailure5 = client_on_subscribe_failed5;
        response.subscribeOptionsList = each;
        response.subscribeOptionsCount = (int)count;
    } else {
        response.onSuccess = client_on_subscribed;
        response.onFailure = client_on_subscribe_failed;
    }
    int rc = MQTTAsync_subscribeMany(client->handle, (int)count, topics, qos, &response);
    return rc == MQTTASYNC_SUCCESS || paho_failed(err, "MQTT subscribe", rc);
}

/* Properties are copied by Paho. */
static void properties_fill(const struct client_publish *publish, MQTTProperties *properties)
{
    MQTTProperty correlation = {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA};
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL};

    if (publish->correlation != NULL) {
        correlation.value.data.data = (char *)(uintptr_t)publish->correlation;
        correlation.value.data.len = (int)publish->correlation_len;
        MQTTProperties_add(properties, &correlation);
    }
    if (publish->expiry_s >= 0) {
        expiry.value.integer4 = (unsigned int)publish->expiry_s;
        MQTTProperties_add(properties, &expiry);
    }
}

bool client_publish(struct client *client, const struct client_publish *publish, void *token, struct error *err)
{
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    MQTTAsync_message message = MQTTAsync_message_initializer;

    message.payload = (void *)publish->payload;
    message.payloadlen = (int)publish->payload_len;
    message.qos = publish->qos;
    message.retained = publish->retain;
    struct client_ticket *ticket = mem_alloc(sizeof(*ticket));
    ticket->client = client;
    ticket->token = token;
    response.context = ticket;
    if (client->version == CLIENT_VERSION_5) {
        response.onSuccess5 = client_on_published5;
        response.onFailure5 = client_on_publish_failed5;
        properties_fill(publish, &message.properties);
    } else {
        response.onSuccess = client_on_published;
        response.onFailure = client_on_publish_failed;
    }
    int rc = MQTTAsync_sendMessage(client->handle, publish->topic, &message, &response);
    MQTTProperties_free(&message.properties);
    if (rc == MQTTASYNC_SUCCESS)
        return true;
    free(ticket);
    return paho_failed(err, "MQTT publish", rc);
}

bool client_disconnect(struct client *client)
{
    MQTTAsync_disconnectOptions options5 = MQTTAsync_disconnectOptions_initializer5;
    MQTTAsync_disconnectOptions options311 = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnectOptions options = client->version == CLIENT_VERSION_5 ? options5 : options311;

    options.context = client;
    if (client->version == CLIENT_VERSION_5) {
        options.onSuccess5 = client_on_closed5;
        options.onFailure5 = client_on_close_failed5;
    } else {
        options.onSuccess = client_on_closed;
        options.onFailure = client_on_close_failed;
    }
    return MQTTAsync_disconnect(client->handle, &options) == MQTTASYNC_SUCCESS;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    MQTTAsync_destroy(&client->handle);
    free(client);
}
