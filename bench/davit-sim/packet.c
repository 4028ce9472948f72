#include "packet.h"

#include <string.h>

/* Properties, by the standard's numbers. */
enum property {
    EXPIRY = 2, RESPONSE_TOPIC = 8, CORRELATION = 9, SESSION_EXPIRY = 17, WILL_DELAY = 24, RECEIVE_MAXIMUM = 33,
    PACKET_LIMIT = 39
};

#define PROTOCOL_VERSION 5
#define QOS1 0x02 /* in a PUBLISH's first byte */
#define RECEIVE_MAXIMUM_UNSAID 65535

/* ---- writing */

static void add_number(struct strbuf *out, uint32_t value, size_t bytes)
{
    while (bytes-- > 0) {
        char byte = (char)(value >> (8 * bytes));
        strbuf_add_bytes(out, &byte, 1);
    }
}

static void add_text(struct strbuf *out, const char *text, size_t len)
{
    add_number(out, (uint32_t)len, 2);
    strbuf_add_bytes(out, text, len);
}

static void add_length(struct strbuf *out, size_t len)
{
    do {
        char byte = (char)((len & 0x7f) | (len >= 0x80 ? 0x80 : 0));
        strbuf_add_bytes(out, &byte, 1);
        len >>= 7;
    } while (len > 0);
}

static void add_packet(struct strbuf *out, int first_byte, struct strbuf *rest)
{
    add_number(out, (uint32_t)first_byte, 1);
    add_length(out, rest->len);
    strbuf_add_bytes(out, rest->data, rest->len);
    strbuf_free(rest);
}

void packet_connect(struct strbuf *out, const struct packet_connect *connect)
{
    bool will = connect->will_topic != NULL;
    struct strbuf rest;
    strbuf_init(&rest, out->cap);
    add_text(&rest, "MQTT", 4);
    add_number(&rest, PROTOCOL_VERSION, 1);
    add_number(&rest, will ? 0x2c : 0, 1); /* retained, with QoS 1; no clean start */
    add_number(&rest, connect->keepalive_s, 2);
    add_length(&rest, 5);
    add_number(&rest, SESSION_EXPIRY, 1);
    add_number(&rest, connect->session_expiry_s, 4);
    add_text(&rest, connect->client_id, strlen(connect->client_id));
    if (will) {
        add_length(&rest, 5);
        add_number(&rest, WILL_DELAY, 1);
        add_number(&rest, connect->will_delay_s, 4);
        add_text(&rest, connect->will_topic, strlen(connect->will_topic));
        add_text(&rest, connect->will_payload, strlen(connect->will_payload));
    }
    add_packet(out, PACKET_CONNECT << 4, &rest);
}

static void add_filters(struct strbuf *out, enum packet_kind kind, uint16_t id, const char *const *topics, size_t count)
{
    struct strbuf rest;
    strbuf_init(&rest, out->cap);
    add_number(&rest, id, 2);
    add_length(&rest, 0);
    for (size_t i = 0; i < count; i++) {
        add_text(&rest, topics[i], strlen(topics[i]));
        if (kind == PACKET_SUBSCRIBE)
            add_number(&rest, 1, 1);
    }
    add_packet(out, (uint8_t)(kind << 4 | 2), &rest);
}

void packet_subscribe(struct strbuf *out, uint16_t id, const char *const *topics, size_t count)
{
    add_filters(out, PACKET_SUBSCRIBE, id, topics, count);
}

void packet_unsubscribe(struct strbuf *out, uint16_t id, const char *const *topics, size_t count)
{
    add_filters(out, PACKET_UNSUBSCRIBE, id, topics, count);
}

void packet_publish(struct strbuf *out, const struct packet_publish *publish)
{
    const struct packet_text *correlation = &publish->correlation;
    struct strbuf rest;
    strbuf_init(&rest, out->cap);
    add_text(&rest, publish->topic, strlen(publish->topic));
    if (publish->qos > 0)
        add_number(&rest, publish->id, 2);
    add_length(&rest, correlation->data != NULL ? 3 + correlation->len : 0);
    if (correlation->data != NULL) {
        add_number(&rest, CORRELATION, 1);
        add_text(&rest, correlation->data, correlation->len);
    }
    strbuf_add_bytes(&rest, publish->payload, publish->payload_len);
    add_packet(out, PACKET_PUBLISH << 4 | (publish->qos > 0 ? QOS1 : 0) | publish->retain, &rest);
}

void packet_puback(struct strbuf *out, uint16_t id)
{
    struct strbuf rest;
    strbuf_init(&rest, out->cap);
    add_number(&rest, id, 2);
    add_packet(out, PACKET_PUBACK << 4, &rest);
}

void packet_empty(struct strbuf *out, enum packet_kind kind)
{
    const char bytes[2] = { (char)(kind << 4), 0 };
    strbuf_add_bytes(out, bytes, sizeof(bytes));
}

/* ---- reading */

/* What is left of a packet. `broken` once something was asked for that is not there. */
struct cursor {
    const unsigned char *at, *end;
    bool broken;
};

static const unsigned char *take(struct cursor *cursor, size_t len)
{
    if ((size_t)(cursor->end - cursor->at) < len) {
        cursor->broken = true;
        cursor->at = cursor->end;
        return NULL;
    }
    cursor->at += len;
    return cursor->at - len;
}

static uint32_t take_number(struct cursor *cursor, size_t bytes)
{
    const unsigned char *from = take(cursor, bytes);
    uint32_t value = 0;
    for (size_t i = 0; from != NULL && i < bytes; i++)
        value = value << 8 | from[i];
    return value;
}

static struct packet_text take_text(struct cursor *cursor)
{
    size_t len = take_number(cursor, 2);
    return (struct packet_text){ (const char *)take(cursor, len), len };
}

static size_t take_length(struct cursor *cursor)
{
    size_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint32_t byte = take_number(cursor, 1);
        value |= (size_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    cursor->broken = true;
    return 0;
}

/* What a property's value looks like: so many bytes, or a text, or two. */
enum shape { UNKNOWN, BYTES1 = 1, BYTES2 = 2, BYTES4 = 4, LENGTH, TEXT, PAIR };

static enum shape shape_of(uint32_t property)
{
    static const unsigned char shapes[] = {
        [1] = BYTES1,  [2] = BYTES4,  [3] = TEXT,    [8] = TEXT,    [9] = TEXT,    [11] = LENGTH, [17] = BYTES4,
        [18] = TEXT,   [19] = BYTES2, [21] = TEXT,   [22] = TEXT,   [23] = BYTES1, [24] = BYTES4, [25] = BYTES1,
        [26] = TEXT,   [28] = TEXT,   [31] = TEXT,   [33] = BYTES2, [34] = BYTES2, [35] = BYTES2, [36] = BYTES1,
        [37] = BYTES1, [38] = PAIR,   [39] = BYTES4, [40] = BYTES1, [41] = BYTES1, [42] = BYTES1,
    };
    return property < sizeof(shapes) ? shapes[property] : UNKNOWN;
}

static void take_property(struct cursor *cursor, struct packet *out)
{
    uint32_t property = take_number(cursor, 1);
    enum shape shape = shape_of(property);
    struct packet_text text = { 0 };
    int64_t number = 0;
    if (shape == TEXT || shape == PAIR)
        text = take_text(cursor);
    if (shape == PAIR)
        take_text(cursor);
    else if (shape == LENGTH)
        take_length(cursor);
    else if (shape == UNKNOWN)
        cursor->broken = true;
    else if (shape != TEXT)
        number = take_number(cursor, shape);
    switch (property) {
    case EXPIRY: out->expiry_s = number; break;
    case RESPONSE_TOPIC: out->response_topic = text; break;
    case CORRELATION: out->correlation = text; break;
    case RECEIVE_MAXIMUM: out->receive_maximum = number; break;
    case PACKET_LIMIT: out->packet_limit = number; break;
    default: break;
    }
}

static void take_properties(struct cursor *cursor, struct packet *out)
{
    size_t len = take_length(cursor);
    const unsigned char *from = take(cursor, len);
    struct cursor inner = { from, from + (from != NULL ? len : 0), false };
    while (from != NULL && inner.at < inner.end)
        take_property(&inner, out);
    cursor->broken = cursor->broken || inner.broken;
}

static void read_connack(struct cursor *cursor, struct packet *out)
{
    out->session_present = take_number(cursor, 1) & 1;
    out->code = (int)take_number(cursor, 1);
    take_properties(cursor, out);
}

static void read_publish(struct cursor *cursor, int first_byte, struct packet *out)
{
    out->qos = first_byte >> 1 & 3;
    out->retain = first_byte & 1;
    out->topic = take_text(cursor);
    if (out->qos > 0)
        out->id = (uint16_t)take_number(cursor, 2);
    take_properties(cursor, out);
    out->payload = (struct packet_text){ (const char *)cursor->at, (size_t)(cursor->end - cursor->at) };
    cursor->broken = cursor->broken || out->qos > 1;
}

static void read_suback(struct cursor *cursor, struct packet *out)
{
    out->id = (uint16_t)take_number(cursor, 2);
    take_properties(cursor, out);
    while (cursor->at < cursor->end) {
        int code = (int)take_number(cursor, 1);
        out->code = code > out->code ? code : out->code;
    }
}

static bool read_rest(struct cursor *cursor, int first_byte, struct packet *out)
{
    switch (out->kind) {
    case PACKET_CONNACK:
        read_connack(cursor, out);
        break;
    case PACKET_PUBLISH:
        read_publish(cursor, first_byte, out);
        break;
    case PACKET_PUBACK:
        out->id = (uint16_t)take_number(cursor, 2);
        out->code = cursor->at < cursor->end ? (int)take_number(cursor, 1) : 0;
        break;
    case PACKET_SUBACK:
        read_suback(cursor, out);
        break;
    case PACKET_UNSUBACK:
    case PACKET_PINGRESP:
        break;
    case PACKET_DISCONNECT:
        out->code = cursor->at < cursor->end ? (int)take_number(cursor, 1) : 0;
        break;
    default:
        return false;
    }
    return !cursor->broken;
}

ptrdiff_t packet_read(const char *data, size_t len, struct packet *out)
{
    struct cursor head = { (const unsigned char *)data, (const unsigned char *)data + len, false };
    int first_byte = (int)take_number(&head, 1);
    size_t rest = take_length(&head);
    if (head.broken)
        return len >= 5 ? -1 : 0; /* its length has four bytes at most */
    const unsigned char *from = take(&head, rest);
    if (from == NULL)
        return 0;
    *out = (struct packet){ .kind = (enum packet_kind)(first_byte >> 4), .receive_maximum = RECEIVE_MAXIMUM_UNSAID, .expiry_s = -1 };
    struct cursor body = { from, from + rest, false };
    return read_rest(&body, first_byte, out) ? (ptrdiff_t)(from + rest - (const unsigned char *)data) : -1;
}
