/* The part of MQTT 5 that a simulated node speaks: packets to bytes, and bytes to packets. Pure.
 *
 * No library has a place here: Paho polls all its sockets in one call and has one lock for all, and libmosquitto takes three
 * descriptors a connection, where a process may have 20000.
 */
#ifndef SIM_PACKET_H
#define SIM_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define PACKET_FAILED 0x80 /* codes from here on */

enum packet_kind {
    PACKET_CONNECT = 1, PACKET_CONNACK = 2, PACKET_PUBLISH = 3, PACKET_PUBACK = 4, PACKET_SUBSCRIBE = 8, PACKET_SUBACK = 9,
    PACKET_UNSUBSCRIBE = 10, PACKET_UNSUBACK = 11, PACKET_PINGREQ = 12, PACKET_PINGRESP = 13, PACKET_DISCONNECT = 14
};

/* A part of the bytes that were read. */
struct packet_text {
    const char *data; /* NULL: it is not there */
    size_t len;
};

struct packet {
    enum packet_kind kind;
    int code;                  /* CONNACK, PUBACK, DISCONNECT; SUBACK: the highest */
    bool session_present;      /* CONNACK */
    int64_t receive_maximum;   /* CONNACK */
    int64_t packet_limit;      /* CONNACK; 0: none */
    uint16_t id;               /* PUBACK, SUBACK, and PUBLISH of QoS 1 */
    int qos;                   /* PUBLISH */
    bool retain;
    struct packet_text topic, payload, response_topic, correlation;
    int64_t expiry_s;          /* -1: none */
};

/* How many bytes the first packet takes; 0: it is not all there; -1: this is no MQTT 5 that a broker says. */
ptrdiff_t packet_read(const char *data, size_t len, struct packet *out);

struct packet_publish {
    const char *topic;
    const char *payload;
    size_t payload_len;
    struct packet_text correlation;
    int qos;
    bool retain;
    uint16_t id;
};

struct packet_connect {
    const char *client_id;
    uint16_t keepalive_s;
    uint32_t session_expiry_s;
    const char *will_topic, *will_payload; /* NULL: none; QoS 1, retained */
    uint32_t will_delay_s;
};

void packet_connect(struct strbuf *out, const struct packet_connect *connect);
void packet_subscribe(struct strbuf *out, uint16_t id, const char *const *topics, size_t count); /* QoS 1 */
void packet_unsubscribe(struct strbuf *out, uint16_t id, const char *const *topics, size_t count);
void packet_publish(struct strbuf *out, const struct packet_publish *publish);
void packet_puback(struct strbuf *out, uint16_t id);
void packet_empty(struct strbuf *out, enum packet_kind kind); /* PINGREQ, DISCONNECT */

#endif
