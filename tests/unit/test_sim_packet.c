/* The MQTT 5 that davit-sim speaks: bytes as the standard has them, both ways; and a broker that says anything. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench/davit-sim/packet.h"

#define CAP 4096

static void assert_bytes(struct strbuf *out, const void *expected, size_t len)
{
    assert_int_equal(out->len, len);
    assert_memory_equal(out->data, expected, len);
    strbuf_free(out);
}

static void what_is_said_is_as_the_standard_has_it(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, CAP);
    const char *const topics[] = { "a/#" };
    packet_subscribe(&out, 7, topics, 1);
    assert_bytes(&out, "\x82\x09\x00\x07\x00\x00\x03"
                       "a/#\x01", 11);
    packet_puback(&out, 258);
    assert_bytes(&out, "\x40\x02\x01\x02", 4);
    packet_empty(&out, PACKET_PINGREQ);
    assert_bytes(&out, "\xc0\x00", 2);
    const struct packet_connect connect = { .client_id = "n", .keepalive_s = 60, .session_expiry_s = 5, .will_topic = "w",
                                            .will_payload = "x", .will_delay_s = 4 };
    packet_connect(&out, &connect);
    assert_bytes(&out, "\x10\x1f\x00\x04MQTT\x05\x2c\x00\x3c\x05\x11\x00\x00\x00\x05\x00\x01n"
                       "\x05\x18\x00\x00\x00\x04\x00\x01w\x00\x01x", 33);
}

static void a_publish_comes_back_as_it_was(void **state)
{
    (void)state;
    struct strbuf out;
    struct packet packet;
    strbuf_init(&out, CAP);
    AUTO_FREE char *long_text = mem_alloc(301);
    memset(long_text, 'p', 300);
    const struct packet_publish publish = { .topic = "R/x", .payload = long_text, .payload_len = 300,
                                            .correlation = { "\0c", 2 }, .qos = 1, .retain = true, .id = 0x8001 };
    packet_publish(&out, &publish);
    assert_int_equal(packet_read(out.data, out.len, &packet), out.len);
    assert_int_equal(packet.kind, PACKET_PUBLISH);
    assert_int_equal(packet.id, 0x8001);
    assert_int_equal(packet.qos, 1);
    assert_true(packet.retain);
    assert_int_equal(packet.topic.len, 3);
    assert_memory_equal(packet.topic.data, "R/x", 3);
    assert_int_equal(packet.payload.len, 300);
    assert_memory_equal(packet.payload.data, long_text, 300);
    assert_int_equal(packet.correlation.len, 2);
    assert_memory_equal(packet.correlation.data, "\0c", 2);
    assert_null(packet.response_topic.data);
    assert_int_equal(packet.expiry_s, -1);
    for (size_t len = 0; len < out.len; len++)
        assert_int_equal(packet_read(out.data, len, &packet), 0);
    strbuf_free(&out);
}

static void what_a_broker_answers_is_read(void **state)
{
    (void)state;
    struct packet packet;
    static const char connack[] = "\x20\x0b\x01\x00\x08\x21\x00\x14\x27\x00\x00\x10\x00";
    assert_int_equal(packet_read(connack, 13, &packet), 13);
    assert_true(packet.session_present);
    assert_int_equal(packet.receive_maximum, 20);
    assert_int_equal(packet.packet_limit, 4096);
    static const char suback[] = "\x90\x05\x00\x01\x00\x01\x87";
    assert_int_equal(packet_read(suback, 7, &packet), 7);
    assert_int_equal(packet.code, 0x87);
    static const char puback[] = "\x40\x02\x00\x09";
    assert_int_equal(packet_read(puback, 4, &packet), 4);
    assert_int_equal(packet.id, 9);
    assert_int_equal(packet.code, 0);
    static const char disconnect[] = "\xe0\x01\x8e";
    assert_int_equal(packet_read(disconnect, 3, &packet), 3);
    assert_int_equal(packet.code, 0x8e);
    static const char request[] = "\x30\x15\x00\x01t\x10\x02\x00\x00\x00\x1e\x08\x00\x01r\x26\x00\x01k\x00\x01v!";
    assert_int_equal(packet_read(request, 23, &packet), 23);
    assert_int_equal(packet.expiry_s, 30);
    assert_memory_equal(packet.response_topic.data, "r", 1);
    assert_int_equal(packet.payload.len, 1);
}

static void what_is_no_answer_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } wrong[] = {
        { "\x10\x00", 2 },                     /* a CONNECT, from a broker */
        { "\x34\x05\x00\x01t\x00\x01", 7 },    /* QoS 2 */
        { "\x30\x03\x00\x09t", 5 },            /* a topic that is longer than its packet */
        { "\x20\x03\x00\x00\x09", 5 },         /* properties that are longer than their packet */
        { "\x20\x05\x00\x00\x02\x7f\x00", 7 }, /* a property that there is not */
        { "\x30\xff\xff\xff\xff\x01", 6 },     /* a length of five bytes */
        { "\x40\x01\x00", 3 },                 /* half an id */
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct packet packet;
        /* From the heap, so that the sanitizer sees a byte too many. */
        AUTO_FREE char *bytes = malloc(wrong[i].len);
        memcpy(bytes, wrong[i].bytes, wrong[i].len);
        assert_int_equal(packet_read(bytes, wrong[i].len, &packet), -1);
    }
}

static void any_byte_may_be_another(void **state)
{
    (void)state;
    static const char good[] = "\x32\x17\x00\x01t\x00\x07\x10\x02\x00\x00\x00\x1e\x08\x00\x01r\x26\x00\x01k\x00\x01v!";
    const size_t len = sizeof(good) - 1;
    for (size_t at = 0; at < len; at++)
        for (int value = 0; value < 256; value++) {
            struct packet packet;
            AUTO_FREE char *bytes = malloc(len);
            memcpy(bytes, good, len);
            bytes[at] = (char)value;
            ptrdiff_t used = packet_read(bytes, len, &packet);
            assert_true(used >= -1 && used <= (ptrdiff_t)len);
            if (used > 0 && packet.kind == PACKET_PUBLISH)
                assert_true(packet.payload.data + packet.payload.len <= bytes + len);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_is_as_the_standard_has_it), cmocka_unit_test(a_publish_comes_back_as_it_was),
        cmocka_unit_test(what_a_broker_answers_is_read),          cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(any_byte_may_be_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
