#include "config.h"

#include "link/client_events.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/memory.h"
#include "link/reason.h"
#include "wire/frame.h"

#define RECEIVE_MAXIMUM_DEFAULT 65535 /* MQTT 5, 3.2.2.3.3 */
#define DESCRIPTORS 64 /* more than this process ever has */

static void code_text(int code, char *out, size_t size)
{
    const char *name = MQTTReasonCode_toString((enum MQTTReasonCodes)code);
    const char *advice = reason_advice(code);

    snprintf(out, size, "%s (%d)%s%s", name != NULL ? name : "reason code", code, advice != NULL ? ": " : "",
             advice != NULL ? advice : "");
}

static uint32_t property_get(MQTTProperties *properties, enum MQTTPropertyCodes code, uint32_t fallback)
{
    if (!MQTTProperties_hasProperty(properties, code))
        return fallback;
    return (uint32_t)MQTTProperties_getNumericValue(properties, code);
}

/* An acknowledgement and what follows it are two small packets: held together by Nagle's algorithm the second waits 40 ms for the
 * broker's delayed ACK of the first (RFC 1122, 4.2.3.2). Paho has no option for it, and does not say which socket is its own: it has
 * the only one of the Internet here.
 */
static void speak_at_once(void)
{
    for (int fd = FRAME_CHILD_FD + 1; fd < DESCRIPTORS; fd++) {
        struct sockaddr_storage name = {0};
        socklen_t len = sizeof(name);
        const int yes = 1;
        if (getsockname(fd, (struct sockaddr *)&name, &len) == 0 && (name.ss_family == AF_INET || name.ss_family == AF_INET6))
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* slower without, and no more */
    }
}

void client_on_connected(void *context, MQTTAsync_successData *data)
{
    struct client *client = context;
    struct client_opened opened = {.session_present = data->alt.connect.sessionPresent != 0,
                                   .receive_maximum = RECEIVE_MAXIMUM_DEFAULT,
                                   .session_expiry_s = client->options->session_expiry_s};

    speak_at_once();
    client->events.on_opened(client->ctx, &opened);
}

void client_on_connected5(void *context, MQTTAsync_successData5 *data)
{
    struct client *client = context;
    struct client_opened opened = {.session_present = data->alt.connect.sessionPresent != 0};

    opened.receive_maximum = property_get(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM,
                                          RECEIVE_MAXIMUM_DEFAULT);
    opened.maximum_packet_size = property_get(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0);
    opened.keepalive_s = (int)property_get(&data->properties, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, 0);
    opened.session_expiry_s = property_get(&data->properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                                           client->options->session_expiry_s);
    speak_at_once();
    client->events.on_opened(client->ctx, &opened);
}

/* `code` > 0: what CONNACK said; else Paho's own failure. */
static void connect_failed(struct client *client, int code, const char *message)
{
    struct client_end end = {0};

    if (code > 0) {
        char text[200];
        end.code = client->version == CLIENT_VERSION_311 ? reason_from_connack(code) : code;
        code_text(end.code, text, sizeof(text));
        snprintf(end.text, sizeof(end.text), "the broker refused the connection: %s", text);
    } else if (client->tls_text[0] != '\0') {
        end.tls = true;
        snprintf(end.text, sizeof(end.text), "TLS with %.100s failed: %s", client->options->host, client->tls_text);
    } else {
        end.unreached = true;
        snprintf(end.text, sizeof(end.text), "%s", message != NULL ? message : "no connection");
    }
    client->events.on_end(client->ctx, &end);
}

void client_on_connect_failed(void *context, MQTTAsync_failureData *data)
{
    connect_failed(context, data != NULL ? data->code : 0, data != NULL ? data->message : NULL);
}

void client_on_connect_failed5(void *context, MQTTAsync_failureData5 *data)
{
    int code = data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR ? (int)data->reasonCode : data->code;

    connect_failed(context, code, data->message);
}

void client_on_lost(void *context, char *cause)
{
    struct client *client = context;
    struct client_end end = {0};

    snprintf(end.text, sizeof(end.text), "the connection was lost%s%s", cause != NULL ? ": " : "",
             cause != NULL ? cause : "");
    client->events.on_end(client->ctx, &end);
}

void client_on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes code)
{
    struct client *client = context;
    struct client_end end = {.code = (int)code};
    char text[200];

    (void)properties;
    code_text(end.code, text, sizeof(text));
    snprintf(end.text, sizeof(end.text), "the broker ended the connection: %s", text);
    client->events.on_end(client->ctx, &end);
}

int client_on_tls_error(const char *line, size_t len, void *context)
{
    struct client *client = context;

    if (client->tls_text[0] == '\0')
        reason_from_openssl(line, len, client->tls_text, sizeof(client->tls_text));
    return 1;
}

static void subscribed(struct client *client, const int *codes, size_t count)
{
    client->events.on_subscribed(client->ctx, codes, count);
}

void client_on_subscribed(void *context, MQTTAsync_successData *data)
{
    struct client *client = context;
    size_t count = client->asked;

    subscribed(client, count == 1 ? &data->alt.qos : data->alt.qosList, count);
}

void client_on_subscribed5(void *context, MQTTAsync_successData5 *data)
{
    struct client *client = context;
    size_t count = data->alt.sub.reasonCodeCount > 0 ? (size_t)data->alt.sub.reasonCodeCount : 0;
    AUTO_FREE int *codes = mem_array(count + 1, sizeof(*codes));

    codes[0] = (int)data->reasonCode;
    for (size_t i = 0; count > 1 && i < count; i++)
        codes[i] = (int)data->alt.sub.reasonCodes[i];
    subscribed(client, codes, count);
}

static void subscribe_failed(struct client *client, int code, const char *message)
{
    struct client_end end = {0};

    if (code >= 128 && client->asked == 1) {
        subscribed(client, &code, 1);
        return;
    }
    snprintf(end.text, sizeof(end.text), "the subscription got no answer: %s",
             message != NULL ? message : "the connection was lost");
    client->events.on_end(client->ctx, &end);
}

void client_on_subscribe_failed(void *context, MQTTAsync_failureData *data)
{
    subscribe_failed(context, data->code, data->message);
}

void client_on_subscribe_failed5(void *context, MQTTAsync_failureData5 *data)
{
    subscribe_failed(context, (int)data->reasonCode, data->message);
}

static void closed(struct client *client)
{
    client->events.on_closed(client->ctx);
}

void client_on_closed(void *context, MQTTAsync_successData *data)
{
    (void)data;
    closed(context);
}

void client_on_closed5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    closed(context);
}

void client_on_close_failed(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    closed(context);
}

void client_on_close_failed5(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    closed(context);
}

static const MQTTLenString *property_text(MQTTProperties *properties, enum MQTTPropertyCodes code)
{
    const MQTTProperty *property = MQTTProperties_getProperty(properties, code);

    return property != NULL ? &property->value.data : NULL;
}

/* The caller frees what is returned: the response topic, with a NUL behind it. */
static char *properties_take(MQTTProperties *properties, struct up_message *up)
{
    const MQTTLenString *response = property_text(properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    const MQTTLenString *correlation = property_text(properties, MQTTPROPERTY_CODE_CORRELATION_DATA);
    char *topic = response != NULL && response->len > 0 ? mem_strndup(response->data, (size_t)response->len) : NULL;

    up->response_topic = topic;
    if (correlation != NULL && correlation->len > 0) {
        up->correlation = correlation->data;
        up->correlation_len = (size_t)correlation->len;
    }
    if (MQTTProperties_hasProperty(properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL))
        up->expiry_s = property_get(properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, 0);
    return topic;
}

int client_on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    struct client *client = context;
    struct up_message up = {.topic = topic,
                            .qos = message->qos,
                            .retain = message->retained != 0,
                            .payload = message->payload,
                            .payload_len = (size_t)message->payloadlen,
                            .expiry_s = -1};
    AUTO_FREE char *response =
        client->version == CLIENT_VERSION_5 ? properties_take(&message->properties, &up) : NULL;

    if (topic_len > 0 && strlen(topic) != (size_t)topic_len)
        log_warn("a message on a topic with a NUL in it is left out");
    else
        client->events.on_message(client->ctx, &up);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void published(struct client_ticket *ticket, int code, const char *reason)
{
    ticket->client->events.on_published(ticket->client->ctx, ticket->token, code, reason);
    free(ticket);
}

void client_on_published(void *context, MQTTAsync_successData *data)
{
    (void)data;
    published(context, 0, NULL);
}

void client_on_published5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    published(context, 0, NULL);
}

void client_on_publish_failed(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    published(context, 0, "ConnectionLost");
}

void client_on_publish_failed5(void *context, MQTTAsync_failureData5 *data)
{
    if (data->reasonCode < MQTTREASONCODE_UNSPECIFIED_ERROR)
        published(context, 0, "ConnectionLost");
    else
        published(context, (int)data->reasonCode, "Refused");
}
