/* kubectl's -l. */
#include "unit.h"

#include <string.h>

#include "cli/label_query.h"

static bool fits(const char *text, const char *labels)
{
    struct error err = {0};
    AUTO_JSON struct json *query = label_query_parse(text, &err);
    AUTO_JSON struct json *json = json_parse(labels, strlen(labels), &err);
    if (query == NULL)
        fail_msg("%s", err.message);
    return label_query_fits(query, json);
}

#define LABELS "{\"site\":\"hamburg\",\"davit.dev/line\":\"3\",\"empty\":\"\"}"

static void equality_and_sets_fit_as_in_kubectl(void **state)
{
    (void)state;
    static const char *const good[] = {"site=hamburg", "site==hamburg", " site = hamburg , davit.dev/line=3", "site!=berlin",
                                       "site in (berlin, hamburg)", "site notin (berlin)", "site", "!plant", "empty=",
                                       "plant!=x", "plant notin (x,y)", "site,!plant"};
    static const char *const bad[] = {"site=berlin", "site!=hamburg", "site in (berlin)", "site notin (hamburg,berlin)",
                                      "plant", "!site", "site=hamburg,line=3", "plant=", "site="};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!fits(good[i], LABELS))
            fail_msg("does not fit: %s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (fits(bad[i], LABELS))
            fail_msg("fits: %s", bad[i]);
}

static void an_object_without_labels_fits_only_what_asks_for_none(void **state)
{
    (void)state;
    struct error err = {0};
    AUTO_JSON struct json *absent = label_query_parse("!site", &err);
    AUTO_JSON struct json *present = label_query_parse("site", &err);
    assert_true(label_query_fits(absent, NULL));
    assert_false(label_query_fits(present, NULL));
}

static void what_is_no_selector_is_named(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"", "no label's name"},          {"site=hamburg,", "no label's name"},
                                         {"site in hamburg", "brackets"},  {"site in (a", "not closed"},
                                         {"site like (a)", "like"},        {"site=a b", "comma"},
                                         {"si$te=a", "si$te"},             {"site=a/#", "a/#"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {0};
        AUTO_JSON struct json *query = label_query_parse(bad[i][0], &err);
        assert_null(query);
        if (strstr(err.message, bad[i][1]) == NULL)
            fail_msg("%s: %s", bad[i][0], err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_and_sets_fit_as_in_kubectl),
        cmocka_unit_test(an_object_without_labels_fits_only_what_asks_for_none),
        cmocka_unit_test(what_is_no_selector_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
