#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "davit/limits.h"

#define LATE_MS 5000 /* a search for each key takes several times as long, sorting them a tenth of a second */
#define TEXT(literal) {literal, sizeof(literal) - 1}

struct sample {
    const char *text;
    size_t len;
};

static const struct sample refused[] = {
    TEXT(""), TEXT(" "), TEXT("\xef\xbb\xbf{}"), TEXT("{"), TEXT("}"), TEXT("["), TEXT("]"), TEXT("[1"), TEXT("[1,"),
    TEXT("[1,]"), TEXT("[,1]"), TEXT("[1 2]"), TEXT("[1,,2]"), TEXT("[1]]"), TEXT("[}"), TEXT("{]"), TEXT("{\"a\"}"),
    TEXT("{\"a\":}"), TEXT("{\"a\":1,}"), TEXT("{,\"a\":1}"), TEXT("{\"a\" 1}"), TEXT("{\"a\"::1}"), TEXT("{a:1}"),
    TEXT("{'a':1}"), TEXT("{1:1}"), TEXT("{null:1}"), TEXT("{\"a\":1;\"b\":2}"), TEXT("{\"a\":1}}"), TEXT("{} {}"),
    TEXT("{}x"), TEXT("{}\0"), TEXT("{}//"), TEXT("/**/{}"), TEXT("{}#"),
    /* words */
    TEXT("True"), TEXT("TRUE"), TEXT("tru"), TEXT("nul"), TEXT("nulll"), TEXT("NaN"), TEXT("Infinity"),
    TEXT("-Infinity"),
    TEXT("undefined"), TEXT("\vtrue"), TEXT("\ftrue"), TEXT("\xc2\xa0true"), TEXT("true\0"),
    /* strings */
    TEXT("\""), TEXT("\"a"), TEXT("'a'"), TEXT("\"\\\""), TEXT("\"\\x41\""), TEXT("\"\\a\""), TEXT("\"\\'\""),
    TEXT("\"\\u\""), TEXT("\"\\u00\""), TEXT("\"\\u00g0\""), TEXT("\"\\U0041\""), TEXT("\"\\u 041\""),
    TEXT("\"\\u0000\""),
    TEXT("\"a\\u0000b\""), TEXT("\"\\ud800\""), TEXT("\"\\ud800x\""), TEXT("\"\\udc00\""), TEXT("\"\\ud800\\ud800\""),
    TEXT("\"\\ud800\\u0041\""), TEXT("\"\\udc00\\ud800\""), TEXT("\"\\ud83d\\\""), TEXT("\"\t\""), TEXT("\"\n\""),
    TEXT("\"\r\""), TEXT("\"\x01\""), TEXT("\"\x1f\""), TEXT("\"a\0b\""), TEXT("\"\\\n\""), TEXT("{\"a\0\":1}"),
    /* UTF-8 */
    TEXT("\"\x80\""), TEXT("\"\xbf\""), TEXT("\"\xc0\xaf\""), TEXT("\"\xc1\xbf\""), TEXT("\"\xe0\x80\xaf\""),
    TEXT("\"\xf0\x80\x80\xaf\""), TEXT("\"\xed\xa0\x80\""), TEXT("\"\xed\xbf\xbf\""), TEXT("\"\xf4\x90\x80\x80\""),
    TEXT("\"\xf5\x80\x80\x80\""), TEXT("\"\xff\""), TEXT("\"\xfe\""), TEXT("\"\xc3\""), TEXT("\"\xe2\x82\""),
    TEXT("\"\xe2\x28\xa1\""), TEXT("\"\xf0\x9f\x98\""), TEXT("\"\xc3\xc3\""), TEXT("{\"\xff\":1}"), TEXT("\"caf\xe9\""),
    TEXT("\xff"), TEXT("{\0\"\0a\0\"\0"),
    /* number grammar */
    TEXT("-"), TEXT("+1"), TEXT(".5"), TEXT("5."), TEXT("-.5"), TEXT("01"), TEXT("-01"), TEXT("00"), TEXT("1e"),
    TEXT("1e+"),
    TEXT("1e1.5"), TEXT("1.e1"), TEXT("0x10"), TEXT("1_000"), TEXT("--1"), TEXT("1-"), TEXT("1e1e1"), TEXT("- 1"),
    TEXT("\xef\xbc\x91"), TEXT("1a"), TEXT("1.2.3"), TEXT("[1 000]"), TEXT("-e1"),
    /* numbers that a double would change */
    TEXT("9007199254740993"), TEXT("-9007199254740993"), TEXT("18446744073709551615"), TEXT("9223372036854775807"),
    TEXT("100000000000000000000"), TEXT("9007199254740994"), TEXT("1e400"), TEXT("-1e400"), TEXT("1e-400"),
    TEXT("1e999999999999999999999"), TEXT("1e-999999999999999999999"), TEXT("0.1000000000000000055511151231257827"),
    TEXT("3.141592653589793238"), TEXT("9007199254740993.0"), TEXT("9007199254740993e0"),
    TEXT("1.7976931348623159e308"),
    TEXT("123456789012345678901234567890e-30"), TEXT("2e-324"), TEXT("0.30000000000000001e1"),
    /* a key twice */
    TEXT("{\"a\":1,\"a\":1}"), TEXT("{\"a\":1,\"b\":2,\"a\":3}"), TEXT("{\"a\":1,\"\\u0061\":2}"),
    TEXT("{\"\\u00e9\":1,\"\xc3\xa9\":2}"), TEXT("{\"\":1,\"\":2}"), TEXT("[{\"x\":{\"k\":1,\"k\":null}}]"),
    TEXT("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"), TEXT("{\"a\\/b\":1,\"a/b\":2}"),
    TEXT("{\"a\":{\"b\":1},\"c\":1,\"a\":{}}"), TEXT("{\"\\n\":1,\"\\u000A\":2}"),
};

/* And what is printed for it. */
static const struct {
    const char *text;
    const char *printed;
} accepted[] = {
    {"{}", "{}"}, {"[]", "[]"}, {" \t\r\n{} \t\r\n", "{}"}, {"true", "true"}, {"false", "false"}, {"null", "null"},
    {"\"\"", "\"\""}, {"\"a\"", "\"a\""}, {"0", "0"}, {"-0", "0"}, {"-0.0", "0"}, {"0e5", "0"}, {"0.000e-9999999", "0"},
    {"1", "1"}, {"-1", "-1"}, {"2147483648", "2147483648"}, {"4294967296", "4294967296"},
    {"9007199254740992", "9007199254740992"}, {"-9007199254740992", "-9007199254740992"},
    {"9007199254740991", "9007199254740991"}, {"1234567890123456", "1234567890123456"}, {"1.5", "1.5"}, {"0.1", "0.1"},
    {"-0.1e1", "-1"}, {"1E2", "100"}, {"1e+2", "100"}, {"10e-1", "1"}, {"100.00", "100"}, {"1e20", "1e+20"},
    {"0.1e-6", "1e-07"}, {"3.141592653589793", "3.141592653589793"}, {"0.30000000000000004", "0.30000000000000004"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"}, {"5e-324", "5e-324"}, {"0.10000000000000001", "0.1"},
    {"1000000000000000000000000000000e-30", "1"}, {"\"\\u0041\\u00e9\"", "\"A\xc3\xa9\""},
    {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""}, {"\"\\b\\f\\n\\r\\t\\/\\\\\\\"\"", "\"\\b\\f\\n\\r\\t/\\\\\\\"\""},
    {"\"\\u001f\\u007f\"", "\"\\u001f\x7f\""}, {"\"\xef\xbf\xbf\"", "\"\xef\xbf\xbf\""},
    {"\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\""}, {"\"\xe2\x80\xa8\"", "\"\xe2\x80\xa8\""},
    {"{\"a\":1,\"A\":2}", "{\"a\":1,\"A\":2}"}, {"{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
    "{\"a\":{\"a\":1},\"b\":{\"a\":1}}"},
    {"{\"\":0}", "{\"\":0}"}, {"[[],{},[{}]]", "[[],{},[{}]]"}, {"{\"b\":1,\"a\":2}", "{\"b\":1,\"a\":2}"},
    {"[1,-2,3.5,\"x\",null,true]", "[1,-2,3.5,\"x\",null,true]"}, {"{\"__proto__\":1}", "{\"__proto__\":1}"},
    {"{\"a\":1,\"ab\":2,\"abc\":3}", "{\"a\":1,\"ab\":2,\"abc\":3}"},
};

static void wrong_text_is_refused_with_its_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct error err = {0};
        char *exact = mem_alloc(refused[i].len); /* so that a read behind the end is seen */
        memcpy(exact, refused[i].text, refused[i].len);
        struct json *json = json_parse(exact, refused[i].len, &err);
        free(exact);
        if (json != NULL)
            fail_msg("accepted: %s", refused[i].text);
        if (strstr(err.message, "byte ") == NULL || err.code != ERROR_INVALID)
            fail_msg("%s: %s", refused[i].text, err.message);
    }
}

static void right_text_is_read_and_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        struct error err = {0};
        AUTO_JSON struct json *json = json_parse(accepted[i].text, strlen(accepted[i].text), &err);
        if (json == NULL)
            fail_msg("%s: %s", accepted[i].text, err.message);
        AUTO_FREE char *printed = json_print(json);
        assert_string_equal(printed, accepted[i].printed);
        AUTO_JSON struct json *again = json_parse(printed, strlen(printed), &err);
        AUTO_FREE char *reprinted = json_print(again);
        assert_string_equal(reprinted, printed);
    }
}

static void depth_ends_at_the_limit(void **state)
{
    char text[2 * (LIMIT_JSON_DEPTH + 1)];
    struct error err = {0};

    (void)state;
    memset(text, '[', LIMIT_JSON_DEPTH);
    memset(text + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
    AUTO_JSON struct json *json = json_parse(text, 2 * LIMIT_JSON_DEPTH, &err);
    assert_non_null(json);
    memset(text, '[', LIMIT_JSON_DEPTH + 1);
    memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
    assert_null(json_parse(text, sizeof(text), &err));
    assert_int_equal(err.code, ERROR_LIMIT);
}

static void a_hundred_thousand_brackets_are_refused(void **state)
{
    struct error err = {0};
    AUTO_FREE char *text = mem_alloc(100000);

    (void)state;
    memset(text, '[', 100000);
    assert_null(json_parse(text, 100000, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
}

static void every_cut_of_a_document_is_refused(void **state)
{
    static const char text[] = "{\"a\":[1,2.5e3,true,null,\"\\u00e9\\ud83d\\ude00\xc3\xa9\"],\"b\":{\"c\":\"d\"}}";
    struct error err = {0};

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *exact = mem_dup(text, len);
        struct json *json = json_parse(exact, len, &err);
        free(exact);
        assert_null(json);
    }
}

static void many_keys_are_checked_in_time(void **state)
{
    struct strbuf buf;
    struct error err = {0};

    (void)state;
    strbuf_init(&buf, LIMIT_DOCUMENT_BYTES);
    strbuf_add(&buf, "{\"k\":0");
    for (int i = 0; i < 60000; i++)
        strbuf_printf(&buf, ",\"k%d\":%d", i, i);
    strbuf_add(&buf, ",\"\\u006b59999\":1}");
    assert_false(buf.overflow);
    uint64_t start_ms = clock_boot_ms();
    assert_null(json_parse(buf.data, buf.len, &err));
    assert_true(clock_boot_ms() - start_ms < LATE_MS);
    assert_non_null(strstr(err.message, "second time"));
    strbuf_free(&buf);
}

static void the_second_of_two_equal_keys_is_named(void **state)
{
    struct error err = {0};

    (void)state;
    assert_null(json_parse("{\"a\":1, \"b\":2, \"a\":3}", 22, &err));
    assert_non_null(strstr(err.message, "byte 15:"));
}

static void keys_are_told_apart_by_case(void **state)
{
    struct error err = {0};
    AUTO_JSON struct json *json = json_parse("{\"Image\":1,\"image\":2}", 21, &err);

    (void)state;
    assert_int_equal(json_get_integer(json, "image", 0), 2);
    json_remove(json, "image");
    assert_null(json_get(json, "image"));
    assert_int_equal(json_get_integer(json, "Image", 0), 1);
}

static void a_look_at_another_type_says_so(void **state)
{
    struct error err = {0};
    AUTO_JSON struct json *json = json_parse("{\"t\":\"x\",\"n\":1.5,\"b\":true,\"i\":7,\"big\":1e300}", 44, &err);
    int64_t number;
    bool truth;

    (void)state;
    assert_null(json_get_text(json, "n"));
    assert_false(json_integer(json_get(json, "n"), &number));
    assert_false(json_integer(json_get(json, "big"), &number));
    assert_false(json_integer(json_get(json, "t"), &number));
    assert_false(json_boolean(json_get(json, "i"), &truth));
    assert_int_equal(json_get_integer(json, "absent", -5), -5);
    assert_true(json_get_boolean(json, "absent", true));
    assert_true(json_get_boolean(json, "b", false));
    assert_null(json_get(json_get(json, "t"), "x"));
    assert_int_equal(json_type(NULL), JSON_NULL);
    assert_int_equal(json_size(json), 5);
}

static void what_is_set_replaces_in_place(void **state)
{
    AUTO_JSON struct json *json = json_new_texts("op", "call", "lane", "x", NULL);

    (void)state;
    json_set_integer(json, "op", 9007199254740991);
    json_set_text(json, "absent", NULL);
    json_add_text(json_set_array(json, "list"), "a");
    json_set_boolean(json_set_object(json, "inner"), "yes", true);
    AUTO_FREE char *printed = json_print(json);
    assert_string_equal(printed, "{\"op\":9007199254740991,\"lane\":\"x\",\"list\":[\"a\"],\"inner\":{\"yes\":true}}");
    AUTO_JSON struct json *copy = json_copy(json);
    json_remove(json, "inner");
    assert_true(json_get_boolean(json_get(copy, "inner"), "yes", false));
}

static void equal_content_has_one_canonical_form(void **state)
{
    static const char left[] = "{\"b\":[{\"y\":1,\"x\":2}],\"a\":\"\\u0041\"}";
    static const char right[] = " {\"a\" : \"A\", \"b\":[ {\"x\":2.0,\"y\":1} ]}";
    struct error err = {0};
    AUTO_JSON struct json *one = json_parse(left, sizeof(left) - 1, &err);
    AUTO_JSON struct json *two = json_parse(right, sizeof(right) - 1, &err);
    AUTO_FREE char *one_text = json_print_canonical(one);
    AUTO_FREE char *two_text = json_print_canonical(two);

    (void)state;
    assert_string_equal(one_text, two_text);
    assert_string_equal(one_text, "{\"a\":\"A\",\"b\":[{\"x\":2,\"y\":1}]}");
}

static void pretty_text_is_indented_by_two(void **state)
{
    AUTO_JSON struct json *json = json_new_texts("a", "b", NULL);

    (void)state;
    json_set_array(json, "empty");
    json_add_text(json_set_array(json, "list"), "x");
    AUTO_FREE char *text = json_print_pretty(json);
    assert_string_equal(text, "{\n  \"a\": \"b\",\n  \"empty\": [],\n  \"list\": [\n    \"x\"\n  ]\n}");
}

static void what_a_broker_takes_in_a_topic_is_plain(void **state)
{
    static const struct {
        const char *text;
        bool plain;
    } cases[] = { { "", true }, { "davit/\xc3\xa4 \xf0\x9f\x98\x80", true }, { "\xef\xbf\xbd", true }, { "\xef\xb7\x8f", true },
                  { "\xc2\xa0", true }, { "\x1f", false }, { "\x7f", false }, { "\xc2\x9f", false }, { "\xef\xb7\x90", false },
                  { "\xef\xb7\xaf", false }, { "\xef\xb7\xb0", true }, { "\xef\xbf\xbe", false }, { "\xf0\x9f\xbf\xbf", false },
                  { "\xf4\x8f\xbf\xbe", false }, { "\xf0\x9e\xbf\xbf", true }, { "\xf0\x9f\xbe\xbf", true }, { "a\xff", false } };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (utf8_is_plain(cases[i].text, strlen(cases[i].text)) != cases[i].plain)
            fail_msg("case %zu", i);
}

static void bytes_that_are_no_utf8_are_printed_as_a_mark(void **state)
{
    struct error err = {0};
    AUTO_JSON struct json *json = json_new_texts("file", "caf\xe9 \xf0\x9f\x98", "k\xff", "v", NULL);
    AUTO_FREE char *text = json_print(json);
    AUTO_JSON struct json *again = json_parse(text, strlen(text), &err);

    (void)state;
    assert_non_null(again);
    assert_string_equal(json_get_text(again, "file"), "caf\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void random_doubles_survive_print_and_parse(void **state)
{
    uint64_t bits = 0x9e3779b97f4a7c15;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct error err = {0};
        double value;
        double back = 0;
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, &bits, sizeof(value));
        if (value != value || value - value != 0)
            continue;
        AUTO_JSON struct json *json = json_new_number(value);
        AUTO_FREE char *text = json_print(json);
        AUTO_JSON struct json *again = json_parse(text, strlen(text), &err);
        if (again == NULL)
            fail_msg("%s: %s", text, err.message);
        assert_true(json_number(again, &back));
        assert_true(back == value);
    }
}

static void what_strangers_say_is_tame(void **state)
{
    static const struct {
        const char *said, *tame;
    } cases[] = {
        { "Debian GNU/Linux 12", "Debian GNU/Linux 12" }, { "\033[2Jx\n\x7f", "?[2Jx??" }, { "a\xff\xc3", "a??" },
        { "\xc2\x9b" "31m", "?31m" }, { "Grün", "Grün" }, { "0123456789012345678ü", "0123456789012345678" }, { "", "" },
    };
    char out[21];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        utf8_tame(cases[i].said, out, sizeof(out));
        assert_string_equal(out, cases[i].tame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_text_is_refused_with_its_byte),
        cmocka_unit_test(right_text_is_read_and_printed),
        cmocka_unit_test(depth_ends_at_the_limit),
        cmocka_unit_test(a_hundred_thousand_brackets_are_refused),
        cmocka_unit_test(every_cut_of_a_document_is_refused),
        cmocka_unit_test(many_keys_are_checked_in_time),
        cmocka_unit_test(the_second_of_two_equal_keys_is_named),
        cmocka_unit_test(keys_are_told_apart_by_case),
        cmocka_unit_test(a_look_at_another_type_says_so),
        cmocka_unit_test(what_is_set_replaces_in_place),
        cmocka_unit_test(equal_content_has_one_canonical_form),
        cmocka_unit_test(pretty_text_is_indented_by_two),
        cmocka_unit_test(what_strangers_say_is_tame),
        cmocka_unit_test(what_a_broker_takes_in_a_topic_is_plain),
        cmocka_unit_test(bytes_that_are_no_utf8_are_printed_as_a_mark),
        cmocka_unit_test(random_doubles_survive_print_and_parse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
