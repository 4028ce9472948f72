/* Revisions: what ruled an object before, and can be gone back to. */
#include "corekit.h"
#include "davit/limits.h"

#define WEB NODE_TOPIC "/desired/default/deployments/web"
#define REPLY NODE_TOPIC "/response/anna/1"

static const char *ask(struct corekit *kit, const char *payload)
{
    json_remove(kit->broker, REPLY);
    kit_message(kit, NODE_TOPIC "/request/revisions/anna", payload, LIVE, NO_SEQ);
    const char *said = kit_held(kit, REPLY);
    return said != NULL ? said : "";
}

/* The numbers of those that are kept, and their first images: "1=demo:1 2=demo:2 ". */
static void kept_are(struct corekit *kit, const char *object, const char *expected)
{
    AUTO_FREE char *payload = mem_printf("{\"id\":1,\"object\":\"%s\"}", object);
    const char *said = ask(kit, payload);
    struct error err;
    AUTO_JSON struct json *answer = json_parse(said, strlen(said), &err);
    AUTO_STRBUF struct strbuf list;
    strbuf_init(&list, 65536);
    strbuf_add(&list, "");
    JSON_EACH(one, json_get(answer, "revisions"))
        strbuf_printf(&list, "%lld=%s ", (long long)json_get_integer(one, "revision", 0),
                      json_text(json_first(json_get(one, "images"))));
    assert_string_equal(list.data, expected);
}

static void deploy(struct corekit *kit, const char *image, const char *generation, const char *more)
{
    kit_say(kit, WEB, mem_printf("{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"annotations\":"
                                 "{\"davit/generation\":\"%s\"}},\"spec\":{%s\"selector\":{\"matchLabels\":{\"image\":\"web\"}},"
                                 "\"template\":{\"metadata\":{\"labels\":{\"image\":\"web\"}},\"spec\":{\"containers\":"
                                 "[{\"name\":\"main\",\"image\":\"%s\"}]}}}}", generation, more, image), LIVE);
}

static void each_other_document_is_a_revision(void **state)
{
    struct corekit *kit = *state;
    deploy(kit, "demo:1", "1", "");
    kept_are(kit, "deployments/web", "1=demo:1 ");
    deploy(kit, "demo:1", "2", ""); /* the same again is none */
    deploy(kit, "demo:2", "3", "");
    deploy(kit, "demo:1", "4", "");
    kept_are(kit, "deployments/web", "1=demo:1 2=demo:2 3=demo:1 ");
    const char *said = ask(kit, "{\"id\":1,\"object\":\"deployments/web\",\"revision\":2}");
    assert_non_null(strstr(said, "\"revision\":2,\"generation\":3,"));
    assert_non_null(strstr(said, "\"revision\":1,\"generation\":2,"));
    assert_non_null(strstr(said, "\"source\":\"node\",\"images\":[\"demo:2\"]"));
    assert_non_null(strstr(said, "\"document\":{\"apiVersion\":\"apps/v1\""));
    assert_null(strstr(said, "davit/generation"));
    kit_stop(kit);
    kit_start(kit);
    kit_connect(kit);
    kit_runtime_up(kit);
    kept_are(kit, "deployments/web", "1=demo:1 2=demo:2 3=demo:1 ");
    assert_non_null(strstr(ask(kit, "{\"id\":1,\"object\":\"deployments/web\",\"revision\":9}"), "\"reason\":\"NotFound\""));
    assert_non_null(strstr(ask(kit, "{\"id\":1,\"object\":\"deployments/web\",\"revision\":0}"), "InvalidRequest"));
}

static void so_many_are_kept_and_they_go_with_the_object(void **state)
{
    struct corekit *kit = *state;
    for (int i = 1; i <= LIMIT_REVISIONS + 3; i++) {
        AUTO_FREE char *image = mem_printf("demo:%d", i);
        AUTO_FREE char *generation = mem_printf("%d", i);
        deploy(kit, image, generation, "");
    }
    kept_are(kit, "deployments/web", "3=demo:3 4=demo:4 5=demo:5 6=demo:6 7=demo:7 8=demo:8 9=demo:9 10=demo:10 11=demo:11 "
                                     "12=demo:12 13=demo:13 ");
    deploy(kit, "demo:20", "20", "\"revisionHistoryLimit\":2,");
    kept_are(kit, "deployments/web", "12=demo:12 13=demo:13 14=demo:20 ");
    kit_say(kit, WEB, mem_strdup("{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\","
                                 "\"deletionTimestamp\":\"2026-11-23T08:17:00Z\",\"annotations\":{\"davit/generation\":\"21\"}}}"), LIVE);
    assert_non_null(strstr(ask(kit, "{\"id\":1,\"object\":\"deployments/web\"}"), "\"reason\":\"NotFound\""));
    deploy(kit, "demo:30", "30", "");
    kept_are(kit, "deployments/web", "1=demo:30 ");
}

static char *large_pod(char fill, size_t bytes, const char *generation)
{
    char *text = mem_alloc(bytes + 1);
    memset(text, fill, bytes);
    AUTO_FREE char *mine = text;
    AUTO_FREE char *more = mem_printf("\"hostname\":\"h\",\"restartPolicy\":\"Always\",\"dnsPolicy\":\"Default\",\"x%s\":1,", text);
    return kit_pod("demo:1", generation, more);
}

static void they_have_room_together_and_the_newest_is_kept_in_any_case(void **state)
{
    struct corekit *kit = *state;
    const size_t third = LIMIT_REVISIONS_BYTES / 3;
    kit_say(kit, HELLO, large_pod('a', third, "1"), LIVE);
    kit_say(kit, HELLO, large_pod('b', third, "2"), LIVE);
    kit_say(kit, HELLO, large_pod('c', third, "3"), LIVE);
    kit_say(kit, HELLO, large_pod('d', third, "4"), LIVE);
    kept_are(kit, "pods/hello", "2=demo:1 3=demo:1 4=demo:1 ");
    kit_say(kit, HELLO, large_pod('e', LIMIT_REVISIONS_BYTES + 1, "5"), LIVE);
    kit_say(kit, HELLO, kit_pod("demo:9", "6", ""), LIVE);
    kept_are(kit, "pods/hello", "5=demo:1 6=demo:9 ");
}

static void what_rules_is_what_counts(void **state)
{
    struct corekit *kit = *state;
    kit_say(kit, LINE_HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit_say(kit, HELLO, kit_pod("demo:2", "1", ""), LIVE);
    kit_say(kit, LINE_HELLO, kit_pod("demo:3", "2", ""), LIVE); /* it does not rule */
    kept_are(kit, "pods/hello", "1=demo:1 2=demo:2 ");
    assert_non_null(strstr(ask(kit, "{\"id\":1,\"object\":\"pods/hello\"}"), "\"source\":\"group/line-3\""));
}

static void of_secrets_and_of_what_is_owned_none_are_kept(void **state)
{
    struct corekit *kit = *state;
    deploy(kit, "demo:1", "1", "");
    deploy(kit, "demo:2", "2", "");
    assert_non_null(strstr(ask(kit, "{\"id\":1,\"object\":\"pods/web-0\"}"), "\"reason\":\"NotFound\""));
    static const char *const values[] = { "b25l", "dHdv" };
    for (size_t i = 0; i < 2; i++)
        kit_say(kit, NODE_TOPIC "/desired/default/secrets/s",
                mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},\"data\":{\"a\":\"%s\"}}", values[i]),
                LIVE);
    const char *said = ask(kit, "{\"id\":1,\"object\":\"secrets/s\"}");
    assert_non_null(strstr(said, "\"reason\":\"InvalidRequest\""));
    assert_null(strstr(said, "b25l"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        CASE(each_other_document_is_a_revision),
        CASE(so_many_are_kept_and_they_go_with_the_object),
        CASE(they_have_room_together_and_the_newest_is_kept_in_any_case),
        CASE(what_rules_is_what_counts),
        CASE(of_secrets_and_of_what_is_owned_none_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
