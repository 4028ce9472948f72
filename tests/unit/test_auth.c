#include "config.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "image/auth.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void base64_goes_both_ways(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},         {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd", "//79"}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
    };
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zg=a", "Zm9-", "Zm 9", "=Zg="};
    char *out;
    size_t len;
    for (size_t i = 0; i < COUNT(table); i++) {
        AUTO_FREE char *text = base64_encode(table[i][0], strlen(table[i][0]));
        assert_string_equal(text, table[i][1]);
        assert_true(base64_decode(text, strlen(text), &out, &len));
        assert_int_equal(len, strlen(table[i][0]));
        assert_string_equal(out, table[i][0]);
        free(out);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(base64_decode(bad[i], strlen(bad[i]), &out, &len));
}

/* Every user that is found, in order; "token:X" for an identity token. */
static char *find(const char *document, const char *image, const char *host, bool expected)
{
    struct error err = {0};
    struct reference reference;
    struct strbuf out;
    AUTO_JSON struct json *json = json_parse(document, strlen(document), &err);
    AUTO_JSON struct json *found = json_new_array();
    assert_non_null(json);
    assert_true(reference_parse(image, &reference, &err));
    assert_int_equal(auth_find(json, &reference, host != NULL ? host : reference.domain, found, &err), expected);
    strbuf_init(&out, 1000);
    JSON_EACH(item, found) {
        if (json_get_text(item, "identityToken") != NULL)
            strbuf_printf(&out, "token:%s ", json_get_text(item, "identityToken"));
        else
            strbuf_printf(&out, "%s:%s ", json_get_text(item, "username"), json_get_text(item, "password"));
    }
    return strbuf_steal(&out);
}

static void the_most_specific_path_comes_first(void **state)
{
    (void)state;
    static const char document[] =
        "{\"auths\":{\"quay.io\":{\"auth\":\"aDoxCg==\"},\"quay.io/org\":{\"auth\":\"bzoy\"},"
        "\"quay.io/org/app\":{\"auth\":\"YToz\"},\"quay.io/or\":{\"auth\":\"eDo0\"},\"quay.io/org/app/sub\":{\"auth\":"
        "\"eDo0\"},\"other.io\":{\"auth\":\"eDo0\"},\"quay.io:443\":{\"auth\":\"eDo0\"}}}";
    static const char *const table[][2] = {
        {"quay.io/org/app:1", "a:3 o:2 h:1\n "}, {"quay.io/org/b", "o:2 h:1\n "},    {"quay.io/orgs/b", "h:1\n "},
        {"quay.io/org/apple", "o:2 h:1\n "},     {"example.org/org/app", ""}, {"quay.io:443/org/app", "x:4 "},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        AUTO_FREE char *got = find(document, table[i][0], NULL, true);
        assert_string_equal(got, table[i][1]);
    }
}

static void a_registry_has_many_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *key, *image, *host;
        bool fits;
    } table[] = {
        {"https://index.docker.io/v1/", "busybox", NULL, true},
        {"https://index.docker.io/v1/", "busybox", "registry-1.docker.io", true},
        {"docker.io", "index.docker.io/library/busybox", NULL, true},
        {"registry-1.docker.io", "busybox", NULL, true},
        {"docker.io/library", "busybox", NULL, true},
        {"docker.io/library/busybox", "busybox", NULL, true},
        {"https://reg.example/v2/", "reg.example/a", NULL, true},
        {"http://reg.example", "reg.example/a", NULL, true},
        {"REG.example", "reg.example/a", NULL, true},
        {"reg.example/", "reg.example/a", NULL, true},
        {"reg.example:5000", "reg.example:5000/a", NULL, true},
        {"reg.example", "reg.example:5000/a", NULL, false},
        {"reg.example", "busybox", "reg.example", true},
        {"reg.example", "busybox", NULL, false},
        {"*.example", "reg.example/a", NULL, true},
        {"*.example", "a.reg.example/a", NULL, false},
        {"*.*.example", "a.reg.example/a", NULL, true},
        {"r*g.example", "reg.example/a", NULL, true},
        {"*", "localhost/a", NULL, true},
        {"*", "reg.example/a", NULL, false},
        {"*.example", "reg.example:5000/a", NULL, false},
        {"reg.example.evil", "reg.example/a", NULL, false},
        {"evil-reg.example", "reg.example/a", NULL, false},
        {"", "reg.example/a", NULL, false},
        {"https://", "reg.example/a", NULL, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        AUTO_FREE char *document =
            mem_printf("{\"auths\":{\"%s\":{\"username\":\"u\",\"password\":\"p\"}}}", table[i].key);
        AUTO_FREE char *got = find(document, table[i].image, table[i].host, true);
        if (strcmp(got, table[i].fits ? "u:p " : "") != 0)
            fail_msg("%s for %s: %s", table[i].key, table[i].image, got);
    }
}

static void entries_say_who_in_several_ways(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *found;
        bool ok;
    } table[] = {
        {"{\"auth\":\"dTpwOnA=\"}", "u:p:p ", true},
        {"{\"auth\":\"dTpw\",\"username\":\"x\",\"password\":\"y\"}", "u:p ", true},
        {"{\"username\":\"x\",\"password\":\"y\",\"email\":\"z\"}", "x:y ", true},
        {"{\"identitytoken\":\"t\",\"auth\":\"dTo=\"}", "token:t ", true},
        {"{\"auth\":\"dTo=\"}", "u: ", true},
        {"{}", "", true},
        {"{\"auth\":\"\"}", "", true},
        {"7", "", true},
        {"{\"auth\":\"!\"}", "", false},
        {"{\"auth\":\"dXA=\"}", "", false},
        {"{\"auth\":\"AHU6cA==\"}", "", false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        AUTO_FREE char *document = mem_printf("{\"auths\":{\"r.io\":%s}}", table[i].entry);
        AUTO_FREE char *got = find(document, "r.io/a", NULL, table[i].ok);
        assert_string_equal(got, table[i].found);
    }
}

static void the_same_is_there_once_and_the_rest_is_told(void **state)
{
    (void)state;
    AUTO_FREE char *once =
        find("{\"auths\":{\"r.io\":{\"auth\":\"dTpw\"},\"https://r.io/v2/\":{\"username\":\"u\",\"password\":\"p\"},"
             "\"r.io/a\":{\"auth\":\"?\"}}}", "r.io/a", NULL, false);
    assert_string_equal(once, "u:p ");
    static const char *const problems[] = {
        "[]", "7", "{\"auths\":[]}", "{\"credHelpers\":{\"r.io\":\"ecr-login\"}}",
        "{\"auths\":{\"r.io\":{}},\"credsStore\":\"secretservice\"}",
    };
    for (size_t i = 0; i < COUNT(problems); i++) {
        AUTO_FREE char *none = find(problems[i], "r.io/a", NULL, false);
        assert_string_equal(none, "");
    }
    AUTO_FREE char *other = find("{\"credHelpers\":{\"s.io\":\"ecr-login\"}}", "r.io/a", NULL, true);
    AUTO_FREE char *nothing = find("{}", "r.io/a", NULL, true);
    assert_string_equal(other, "");
    assert_string_equal(nothing, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(the_most_specific_path_comes_first),
        cmocka_unit_test(a_registry_has_many_spellings),
        cmocka_unit_test(entries_say_who_in_several_ways),
        cmocka_unit_test(the_same_is_there_once_and_the_rest_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
