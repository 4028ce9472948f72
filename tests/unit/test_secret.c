/* A Secret: what Kubernetes takes is taken, what it refuses is refused, and nothing of it is repeated. */
#include "unit.h"

#include <string.h>

#include "base/memory.h"
#include "protocol/secret_fields.h"

#define WORD "hunter2" /* base64: aHVudGVyMg== */

static struct json *parsed(const char *text)
{
    struct error err;
    struct json *json = json_parse(text, strlen(text), &err);
    if (json == NULL)
        fail_msg("%s: %s", text, err.message);
    return json;
}

static struct json *taken(const char *text)
{
    struct error err;
    AUTO_JSON struct json *json = parsed(text);
    struct json *secret = secret_read(json, &err);
    if (secret == NULL)
        fail_msg("%s: %s", text, err.message);
    return secret;
}

static void texts_are_put_over_data(void **state)
{
    (void)state;
    AUTO_JSON struct json *secret =
        taken("{\"data\":{\"a\":\"eA==\",\"b\":\"\"},\"stringData\":{\"a\":\"hunter2\"}}");
    assert_string_equal(json_get_text(secret, "type"), "Opaque");
    assert_string_equal(json_get_text(json_get(secret, "data"), "a"), "aHVudGVyMg==");
    assert_string_equal(json_get_text(json_get(secret, "data"), "b"), "");
}

static void what_is_wrong_is_named_and_not_repeated(void **state)
{
    static const char *const rows[] = {
        "{\"data\":{\"key\":\"hunter2!\"}}",
        "{\"data\":{\"key\":7}}",
        "{\"data\":[\"hunter2\"]}",
        "{\"data\":\"hunter2\"}",
        "{\"stringData\":{\"key\":[\"hunter2\"]}}",
        "{\"stringData\":{\"hunter2 key\":\"x\"}}",
        "{\"stringData\":{\"..\":\"x\"}}",
        "{\"stringData\":{\"\":\"x\"}}",
        "{\"type\":7}",
        "{\"type\":\"kubernetes.io/dockerconfigjson\"}",
        "{\"type\":\"kubernetes.io/dockerconfigjson\",\"stringData\":{\".dockerconfigjson\":\"hunter2\"}}",
        "{\"type\":\"kubernetes.io/dockerconfigjson\",\"stringData\":{\".dockerconfigjson\":\"{}\"}}",
        "{\"type\":\"kubernetes.io/dockercfg\",\"stringData\":{\".dockercfg\":\"[hunter2]\"}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err;
        AUTO_JSON struct json *json = parsed(rows[i]);
        AUTO_JSON struct json *secret = secret_read(json, &err);
        if (secret != NULL || strstr(err.message, WORD) != NULL || strlen(err.message) < 10)
            fail_msg("%s: %s", rows[i], secret != NULL ? "taken" : err.message);
    }
}

static void what_is_immutable_stays(void **state)
{
    static const struct {
        const char *now, *next, *message;
    } rows[] = {
        { "{\"data\":{\"a\":\"eA==\"}}", "{\"data\":{\"a\":\"eQ==\"}}", NULL },
        { "{\"data\":{\"a\":\"eA==\"}}", "{\"data\":{\"a\":\"eQ==\"},\"immutable\":true}", NULL },
        { "{\"data\":{\"a\":\"eA==\"},\"immutable\":true}", "{\"stringData\":{\"a\":\"x\"},\"immutable\":true}", NULL },
        { "{\"data\":{\"a\":\"eA==\"},\"immutable\":true}", "{\"data\":{\"a\":\"eQ==\"},\"immutable\":true}",
          "data: Forbidden: field is immutable when `immutable` is set: delete the object first" },
        { "{\"data\":{\"a\":\"eA==\"},\"immutable\":true}", "{\"data\":{\"a\":\"eA==\"}}",
          "immutable: Forbidden: field is immutable when `immutable` is set" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = { .message = "" };
        AUTO_JSON struct json *now = taken(rows[i].now);
        AUTO_JSON struct json *next = taken(rows[i].next);
        bool good = data_may_become(now, next, &err);
        assert_int_equal(good, rows[i].message == NULL);
        assert_string_equal(err.message, rows[i].message != NULL ? rows[i].message : "");
    }
}

static void a_megabyte_is_the_most(void **state)
{
    (void)state;
    struct error err;
    AUTO_FREE char *long_text = mem_alloc(1024 * 1024 + 2);
    memset(long_text, 'x', 1024 * 1024 + 1);
    AUTO_JSON struct json *json = json_new_object();
    json_set_text(json_set_object(json, "stringData"), "a", long_text);
    assert_null(secret_read(json, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
}

static void credentials_are_of_both_of_dockers_types(void **state)
{
    (void)state;
    AUTO_JSON struct json *auths = json_new_array();
    AUTO_JSON struct json *newer = taken("{\"type\":\"kubernetes.io/dockerconfigjson\",\"stringData\":{"
                                         "\".dockerconfigjson\":\"{\\\"auths\\\":{\\\"a\\\":{}}}\"}}");
    AUTO_JSON struct json *older = taken("{\"type\":\"kubernetes.io/dockercfg\",\"stringData\":{"
                                         "\".dockercfg\":\"{\\\"b\\\":{}}\"}}");
    AUTO_JSON struct json *other = taken("{\"stringData\":{\"c\":\"{}\"}}");
    assert_true(secret_add_auths(newer, auths));
    assert_true(secret_add_auths(older, auths));
    assert_false(secret_add_auths(other, auths));
    AUTO_FREE char *text = json_print(auths);
    assert_string_equal(text, "[{\"auths\":{\"a\":{}}},{\"auths\":{\"b\":{}}}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_put_over_data),
        cmocka_unit_test(what_is_wrong_is_named_and_not_repeated),
        cmocka_unit_test(what_is_immutable_stays),
        cmocka_unit_test(a_megabyte_is_the_most),
        cmocka_unit_test(credentials_are_of_both_of_dockers_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
