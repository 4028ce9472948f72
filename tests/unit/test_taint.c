/* Taints of a node, and who tolerates them. Kubernetes: Taints and Tolerations. */
#include <string.h>

#include "base/memory.h"
#include "model/taint.h"
#include "unit.h"

static struct json *parse(const char *text)
{
    struct error err;
    struct json *json = json_parse(text, strlen(text), &err);
    assert_non_null(json);
    return json;
}

static const char *const drain = "{\"key\":\"davit/drain\",\"value\":\"now\",\"effect\":\"NoExecute\"}";

static void tolerates(const char *tolerations, bool expected, int64_t expected_seconds)
{
    AUTO_JSON struct json *taint = parse(drain);
    AUTO_JSON struct json *list = parse(tolerations);
    int64_t seconds = 0;
    assert_int_equal(taint_is_tolerated(taint, list, &seconds), expected);
    assert_int_equal(seconds, expected_seconds);
}

static void a_toleration_matches_as_in_kubernetes(void **state)
{
    (void)state;
    tolerates("[]", false, TAINT_FOR_EVER);
    tolerates("[{\"operator\":\"Exists\"}]", true, TAINT_FOR_EVER);
    tolerates("[{\"key\":\"davit/drain\",\"operator\":\"Exists\"}]", true, TAINT_FOR_EVER);
    tolerates("[{\"key\":\"davit/drain\",\"operator\":\"Exists\",\"effect\":\"NoSchedule\"}]", false, TAINT_FOR_EVER);
    tolerates("[{\"key\":\"davit/drain\",\"value\":\"now\",\"effect\":\"NoExecute\"}]", true, TAINT_FOR_EVER);
    tolerates("[{\"key\":\"davit/drain\",\"operator\":\"Equal\",\"value\":\"later\"}]", false, TAINT_FOR_EVER);
    tolerates("[{\"key\":\"davit/drain\"}]", false, TAINT_FOR_EVER);
    tolerates("[{\"key\":\"other\",\"operator\":\"Exists\"}]", false, TAINT_FOR_EVER);
}

static void the_shortest_time_counts(void **state)
{
    (void)state;
    tolerates("[{\"operator\":\"Exists\",\"tolerationSeconds\":300}]", true, 300);
    tolerates("[{\"operator\":\"Exists\",\"tolerationSeconds\":-5}]", true, 0);
    tolerates("[{\"operator\":\"Exists\",\"tolerationSeconds\":300},{\"operator\":\"Exists\",\"tolerationSeconds\":20},"
              "{\"operator\":\"Exists\"}]", true, 20);
    tolerates("[{\"key\":\"other\",\"operator\":\"Exists\",\"tolerationSeconds\":1},{\"operator\":\"Exists\"}]", true, TAINT_FOR_EVER);
}

static void what_is_neither_is_refused(void **state)
{
    (void)state;
    static const char *const taints[] = { "{}", "[{}]", "[5]", "[{\"key\":\"a\"}]", "[{\"effect\":\"NoExecute\"}]",
                                          "[{\"key\":\"a\",\"effect\":\"No\"}]" };
    static const char *const tolerations[] = { "{}", "[5]", "[{}]", "[{\"key\":\"a\",\"operator\":\"Like\"}]",
                                               "[{\"key\":\"a\",\"effect\":\"No\"}]",
                                               "[{\"operator\":\"Exists\",\"tolerationSeconds\":\"5\"}]" };
    struct error err;
    for (size_t i = 0; i < sizeof(taints) / sizeof(taints[0]); i++) {
        AUTO_JSON struct json *json = parse(taints[i]);
        assert_false(taints_check(json, "spec.taints", &err));
        assert_non_null(strstr(err.message, "spec.taints"));
    }
    for (size_t i = 0; i < sizeof(tolerations) / sizeof(tolerations[0]); i++) {
        AUTO_JSON struct json *json = parse(tolerations[i]);
        assert_false(tolerations_check(json, "spec.tolerations", &err));
    }
    AUTO_JSON struct json *good = parse("[{\"key\":\"a\",\"effect\":\"NoSchedule\"}]");
    assert_true(taints_check(good, "spec.taints", &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_toleration_matches_as_in_kubernetes),
        cmocka_unit_test(the_shortest_time_counts),
        cmocka_unit_test(what_is_neither_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
