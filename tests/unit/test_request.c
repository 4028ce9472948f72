/* Requests: what is read of a message, and where its answer may go. */
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "protocol/request.h"
#include "protocol/topic.h"
#include "unit.h"

#define NOW 1795410958000ull
#define OWN "davit/nodes/press-7/response/anna/"

static struct request_message message_of(const char *payload)
{
    return (struct request_message){ .root = "davit", .node = "press-7", .verb = "restart", .who = "anna", .payload = payload,
                                     .len = strlen(payload), .expiry_s = -1, .wall_ms = NOW };
}

static void reads(const char *payload, const char *resource, const char *name, const char *reply, const char *key)
{
    struct request_message message = message_of(payload);
    struct request request;
    struct refusal refusal = { .message = "" };
    if (!request_read(&message, &request, &refusal))
        fail_msg("%s: %s: %s", payload, refusal.reason, refusal.message);
    assert_string_equal(request.object.resource, resource);
    assert_string_equal(request.object.name, name);
    assert_string_equal(request.reply, reply);
    assert_string_equal(request.key, key);
    request_free(&request);
}

static void bare_words_and_json_name_an_object(void **state)
{
    (void)state;
    reads("pods/historian", "pods", "historian", OWN "restart", "");
    reads("  historian\n", "pods", "historian", OWN "restart", "");
    reads("deploy/web", "deployments", "web", OWN "restart", "");
    reads("", "", "", OWN "restart", "");
    reads("{\"id\":17,\"pod\":\"historian\"}", "pods", "historian", OWN "17", "anna/restart/17");
    reads("{\"id\":\"a-1\",\"object\":\"ds/x\",\"namespace\":\"ns\"}", "daemonsets", "x", OWN "a-1", "anna/restart/a-1");
    reads("{\"id\":\"1\",\"replyTo\":\"" OWN "deep/er\"}", "", "", OWN "deep/er", "anna/restart/1");
}

static void is_refused(struct request_message message, const char *reason)
{
    struct request request;
    struct refusal refusal = { .message = "" };
    bool good = request_read(&message, &request, &refusal);
    if (good)
        fail_msg("taken: %s", message.payload);
    assert_string_equal(refusal.reason, reason);
    /* Where the answer goes is known, unless it would go elsewhere. */
    assert_int_equal(request.reply == NULL, strcmp(reason, "ForeignReply") == 0);
    request_free(&request);
}

static void what_is_no_request_is_refused(void **state)
{
    static const char *const wrong[] = { "{\"pod\":\"a\",\"tailLines\":\"1\"}", "{\"pod\":\"a\",\"follow\":1}", "{\"pod\":7}", "{\"pod\":\"a\",\"tailLines\":1.5}",
                                         "{\"stream\":true,\"pod\":\"a\"}", "{\"id\":", "{\"id\":true}", "{\"id\":\"a/b\"}", "{\"id\":\"\"}", "{\"id\":\"+\"}", "No Such", "pods/",
                                         "nonsense/x", "pods/../x", "{\"pod\":\"x\",\"namespace\":\"A\"}", "\xff\xfe",
                                         "{\"stream\":true,\"pod\":\"x\"}", "{\"ack\":3}", "{\"pod\":\"x\",\"expires\":\"soon\"}" };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        is_refused(message_of(wrong[i]), "InvalidRequest");
    struct request_message long_one = message_of("x");
    long_one.len = LIMIT_REQUEST_BYTES + 1;
    is_refused(long_one, "InvalidRequest");
}

static void a_reply_goes_only_below_its_requesters_own_topics(void **state)
{
    static const char *const foreign[] = { "davit/nodes/press-8/desired/default/pods/x", "davit/nodes/press-7/response/eve/1",
                                           "davit/nodes/press-7/response/anna", OWN, OWN "+", OWN "a/#", "",
                                           "davit/nodes/press-7/response/annabel/1",
                                           /* What a broker ends the connection for. */
                                           OWN "a\x01", OWN "a\x7f", OWN "\xc2\x85", OWN "\xef\xb7\x90", OWN "\xef\xbf\xbf",
                                           OWN "\xf0\x9f\xbf\xbe", OWN "\xed\xa0\x80" };
    (void)state;
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        struct request_message message = message_of("pods/x");
        message.response_topic = foreign[i];
        is_refused(message, "ForeignReply");
        if (!utf8_is_plain(foreign[i], strlen(foreign[i]))) /* as JSON it is spelled otherwise, or is none */
            continue;
        AUTO_FREE char *json = mem_printf("{\"pod\":\"x\",\"replyTo\":\"%s\"}", foreign[i]);
        is_refused(message_of(json), "ForeignReply");
    }
    is_refused(message_of("{\"pod\":\"x\",\"replyTo\":\"" OWN "a\\u0001\"}"), "ForeignReply");
    is_refused(message_of("{\"pod\":\"x\",\"replyTo\":\"" OWN "a\\uffff\"}"), "ForeignReply");
    reads("{\"pod\":\"x\",\"replyTo\":\"" OWN "\xc3\xa4/\xf0\x9f\x98\x80\"}", "pods", "x", OWN "\xc3\xa4/\xf0\x9f\x98\x80", "");
    /* Six levels are its own, 64 in all. */
    char levels[2 * 60 + 1] = "";
    for (size_t i = 0; i < 59; i++)
        memcpy(levels + 2 * i, i < 58 ? "a/" : "a", i < 58 ? 2 : 1);
    AUTO_FREE char *most = mem_printf("{\"pod\":\"x\",\"replyTo\":\"" OWN "%s\"}", levels);
    AUTO_FREE char *reply = mem_printf(OWN "%s", levels);
    reads(most, "pods", "x", reply, "");
    AUTO_FREE char *more = mem_printf("{\"pod\":\"x\",\"replyTo\":\"" OWN "a/%s\"}", levels);
    is_refused(message_of(more), "ForeignReply");
    /* Garbage with a foreign reply is answered nowhere either. */
    struct request_message garbage = message_of("{");
    garbage.response_topic = foreign[0];
    is_refused(garbage, "ForeignReply");
}

static void what_is_retained_or_too_old_is_refused(void **state)
{
    (void)state;
    struct request_message message = message_of("pods/x");
    message.retained = true;
    is_refused(message, "Retained");
    message = message_of("pods/x");
    message.expiry_s = 0;
    is_refused(message, "Expired");
    is_refused(message_of("{\"pod\":\"x\",\"expires\":1795410957999}"), "Expired");
    is_refused(message_of("{\"pod\":\"x\",\"expires\":1896102158000}"), "ClockSkew");
    reads("{\"id\":1,\"pod\":\"x\",\"expires\":1795410959000}", "pods", "x", OWN "1", "anna/restart/1");
    /* What MQTT 5 says needs no clock of ours. */
    message = message_of("{\"pod\":\"x\",\"expires\":1}");
    message.expiry_s = 5;
    struct request request;
    struct refusal refusal;
    assert_true(request_read(&message, &request, &refusal));
    request_free(&request);
}

static void correlation_data_serve_as_an_id(void **state)
{
    struct request first, again, other;
    struct refusal refusal;
    (void)state;
    struct request_message message = message_of("pods/x");
    message.correlation = "AAEC";
    assert_true(request_read(&message, &first, &refusal));
    assert_true(request_read(&message, &again, &refusal));
    message.correlation = "AAED";
    assert_true(request_read(&message, &other, &refusal));
    assert_true(first.key[0] != '\0');
    assert_string_equal(first.key, again.key);
    assert_string_not_equal(first.key, other.key);
    request_free(&other);
    message.correlation = "AAEC";
    message.verb = "exec"; /* another thing is asked for */
    assert_true(request_read(&message, &other, &refusal));
    assert_string_not_equal(first.key, other.key);
    char big[LIMIT_CORRELATION_BYTES + 2];
    memset(big, 'A', sizeof(big));
    big[LIMIT_CORRELATION_BYTES + 1] = '\0';
    message.correlation = big;
    is_refused(message, "InvalidRequest");
    request_free(&first);
    request_free(&again);
    request_free(&other);
}

static void its_topic_has_a_verb_and_a_user(void **state)
{
    struct topic topic;
    struct error err;
    (void)state;
    assert_true(topic_parse("davit", "press-7", "davit/nodes/press-7/request/restart/Anna@plant", &topic, &err));
    assert_int_equal(topic.kind, TOPIC_REQUEST);
    assert_string_equal(topic.verb, "restart");
    assert_string_equal(topic.who, "Anna@plant");
    static const char *const wrong[] = { "restart", "restart/", "/anna", "restart/anna/1", "Restart/anna", "restart/a b", "restart/\xc3\xa4" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        AUTO_FREE char *text = mem_printf("davit/nodes/press-7/request/%s", wrong[i]);
        assert_false(topic_parse("davit", "press-7", text, &topic, &err));
        assert_int_equal(topic.kind, TOPIC_REQUEST);
    }
    assert_true(topic_parse("davit", "press-7", "davit/nodes/press-8/request/restart/anna", &topic, &err));
    assert_int_equal(topic.kind, TOPIC_OTHER);
}

static void bytes_are_text_where_they_can_be(void **state)
{
    (void)state;
    AUTO_JSON struct json *json = json_new_object();
    request_put_bytes(json, "text", "base64", "a\n\xc3\xa4", 4);
    request_put_bytes(json, "out", "outBase64", "\xff\0x", 3);
    AUTO_FREE char *text = json_print(json);
    assert_string_equal(text, "{\"text\":\"a\\n\xc3\xa4\",\"outBase64\":\"/wB4\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bare_words_and_json_name_an_object),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(a_reply_goes_only_below_its_requesters_own_topics),
        cmocka_unit_test(what_is_retained_or_too_old_is_refused),
        cmocka_unit_test(correlation_data_serve_as_an_id),
        cmocka_unit_test(its_topic_has_a_verb_and_a_user),
        cmocka_unit_test(bytes_are_text_where_they_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
