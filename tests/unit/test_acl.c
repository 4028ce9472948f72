/* Mosquitto's access rules: what stands there, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/acl.h"

#define CAP_BYTES 65536

struct made {
    struct strbuf out;
    struct acl acl;
};

static int begin(void **state)
{
    struct made *made = mem_alloc(sizeof(*made));
    strbuf_init(&made->out, CAP_BYTES);
    made->acl = (struct acl){.root = "davit", .out = &made->out, .groups = json_new_object()};
    *state = made;
    return 0;
}

static int end(void **state)
{
    struct made *made = *state;
    strbuf_free(&made->out);
    json_free(made->acl.groups);
    free(made);
    return 0;
}

static size_t count(const struct made *made, const char *text)
{
    size_t met = 0;
    const char *at = made->out.data != NULL ? made->out.data : "";
    for (; (at = strstr(at, text)) != NULL; at += strlen(text))
        met++;
    return met;
}

static void has(const struct made *made, const char *line)
{
    AUTO_FREE char *whole = mem_printf("%s\n", line);
    if (count(made, whole) != 1)
        fail_msg("%zu times: %s", count(made, whole), line);
}

static void nodes_are_named_by_a_pattern(void **state)
{
    struct made *made = *state;
    struct error err = {0};
    made->acl.root = "acme/davit";
    assert_true(acl_begin(&made->acl, &err));
    has(made, "pattern read acme/davit/nodes/%u/desired/#");
    has(made, "pattern write acme/davit/nodes/%u/response/#");
    has(made, "pattern readwrite acme/davit/nodes/%u/sync");
    has(made, "pattern read acme/davit/groups/all/desired/#");
    assert_int_equal(count(made, "\nuser "), 0);
    assert_int_equal(count(made, "/+/"), 0); /* nothing of all nodes */
}

static void a_node_in_groups_reads_them_too(void **state)
{
    struct made *made = *state;
    struct error err = {0};
    assert_true(acl_node(&made->acl, "press-7 line-3,presses", &err));
    assert_string_equal(made->out.data, "user press-7\ntopic read davit/groups/line-3/desired/#\n"
                                        "topic read davit/groups/presses/desired/#\n");
}

static void a_node_without_groups_needs_no_line(void **state)
{
    struct made *made = *state;
    struct error err = {0};
    assert_true(acl_node(&made->acl, "press-8", &err));
    assert_true(acl_node(&made->acl, "press-9  all \r", &err));
    assert_true(acl_node(&made->acl, "", &err));
    assert_true(acl_node(&made->acl, "# a remark + with all", &err));
    assert_int_equal(count(made, "topic"), 0);
}

static void wild_names_are_refused(void **state)
{
    struct made *made = *state;
    struct error err = {0};
    static const char *const lines[] = {"+", "#x #", "press-7 +", "press-7 a,#", "a/b", "press-7 a/b", "Press", "nodes", "%u",
                                        "press-7 line-3\ntopic", "press-7\nuser root"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        bool remark = lines[i][0] == '#';
        assert_int_equal(acl_node(&made->acl, lines[i], &err), remark);
    }
    static const char *const users[] = {"", "+", "anna b", "anna#", "a/b", "anna\ntopic write #"};
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
        assert_false(acl_operator(&made->acl, users[i], false, &err));
    made->acl.site = "ham burg";
    assert_false(acl_begin(&made->acl, &err));
    assert_int_equal(count(made, "#\n#"), 0);
    assert_int_equal(count(made, "+"), 0);
}

static void an_operator_asks_in_her_own_name(void **state)
{
    struct made *made = *state;
    struct error err = {0};
    assert_true(acl_operator(&made->acl, "anna", false, &err));
    has(made, "user anna");
    has(made, "topic write davit/nodes/+/request/+/anna");
    has(made, "topic read davit/nodes/+/response/anna/#");
    has(made, "topic readwrite davit/nodes/+/desired/#");
    has(made, "topic readwrite davit/clients/+/sync");
}

static void who_only_reads_sees_no_secret_and_does_nothing(void **state)
{
    struct made *made = *state;
    struct error err = {0};
    assert_true(acl_operator(&made->acl, "bert", true, &err));
    has(made, "topic write davit/nodes/+/request/logs/bert");
    has(made, "topic read davit/nodes/+/state/#");
    assert_int_equal(count(made, "desired"), 0);
    assert_int_equal(count(made, "exec"), 0);
    assert_int_equal(count(made, "revisions"), 0); /* their answers have documents in them */
    assert_int_equal(count(made, "request/+"), 0);
    assert_int_equal(count(made, "readwrite davit/nodes"), 0);
}

static void a_revoked_node_may_nothing(void **state)
{
    struct made *made = *state;
    struct error err = {0};
    assert_true(acl_revoked(&made->acl, "gone", &err));
    assert_string_equal(made->out.data, "user gone\ntopic deny #\n");
    assert_false(acl_revoked(&made->acl, "#", &err));
}

static void a_site_may_what_its_nodes_may(void **state)
{
    struct made *made = *state;
    struct error err = {0};
    made->acl.site = "hamburg";
    assert_true(acl_begin(&made->acl, &err));
    assert_true(acl_node(&made->acl, "press-7 line-3", &err));
    assert_true(acl_node(&made->acl, "press-8 line-3", &err));
    has(made, "user hamburg");
    has(made, "topic write davit/sites/hamburg/presence");
    has(made, "topic read davit/nodes/press-7/desired/#");
    has(made, "topic write davit/nodes/press-8/presence");
    has(made, "topic read davit/groups/line-3/desired/#");
    has(made, "topic read davit/groups/all/desired/#");
    assert_int_equal(count(made, "sync"), 0); /* each broker has its own end of the flood */
    assert_int_equal(count(made, "pattern"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nodes_are_named_by_a_pattern, begin, end),
        cmocka_unit_test_setup_teardown(a_node_in_groups_reads_them_too, begin, end),
        cmocka_unit_test_setup_teardown(a_node_without_groups_needs_no_line, begin, end),
        cmocka_unit_test_setup_teardown(wild_names_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(an_operator_asks_in_her_own_name, begin, end),
        cmocka_unit_test_setup_teardown(who_only_reads_sees_no_secret_and_does_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_revoked_node_may_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_site_may_what_its_nodes_may, begin, end),
    };
    return cmocka_run_group_tests_name("acl", tests, NULL, NULL);
}
