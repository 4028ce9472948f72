/* Documents by table: reading, hashing, writing and freeing agree. */
#include <string.h>

#include "unit.h"

#include "base/memory.h"
#include "protocol/fields.h"

struct inner {
    char *word;
    int64_t number;
};

struct outer {
    char *text;
    struct text_list texts;
    bool flag, on;
    int64_t count;
    int64_t colour;
    struct inner *inner;
    struct item_list list; /* struct inner */
};

static bool is_word(const char *text)
{
    return strchr(text, ' ') == NULL;
}

static const char *const colours[] = { "red", "green", "blue", NULL };

static const struct field_table inner_table = { sizeof(struct inner), (const struct field[]){
    { .name = "word", .type = FIELD_TEXT, .offset = offsetof(struct inner, word), .required = true, .check = is_word,
      .expected = "word" },
    { .name = "number", .type = FIELD_INTEGER, .offset = offsetof(struct inner, number), .min = -5, .max = 5 },
    { 0 } } };

static const struct field_table outer_table = { sizeof(struct outer), (const struct field[]){
    { .name = "text", .type = FIELD_TEXT, .offset = offsetof(struct outer, text) },
    { .name = "texts", .type = FIELD_TEXTS, .offset = offsetof(struct outer, texts), .max = 3 },
    { .name = "flag", .type = FIELD_BOOL, .offset = offsetof(struct outer, flag) },
    { .name = "on", .type = FIELD_BOOL, .offset = offsetof(struct outer, on), .fallback = true },
    { .name = "count", .type = FIELD_INTEGER, .offset = offsetof(struct outer, count), .fallback = 30, .max = 100 },
    { .name = "colour", .type = FIELD_WORD, .offset = offsetof(struct outer, colour), .words = colours, .fallback = 1 },
    { .name = "inner", .type = FIELD_OBJECT, .offset = offsetof(struct outer, inner), .nested = &inner_table },
    { .name = "list", .type = FIELD_OBJECTS, .offset = offsetof(struct outer, list), .max = 2, .nested = &inner_table },
    { 0 } } };

static const char full[] =
    "{\"text\":\"t\",\"texts\":[\"a\",\"\"],\"flag\":true,\"on\":false,\"count\":7,\"colour\":\"blue\","
    "\"inner\":{\"word\":\"w\",\"number\":-5},\"list\":[{\"word\":\"x\"},{\"word\":\"y\",\"number\":5}]}";

static bool read_text(const char *text, struct outer *out, struct ignored_fields *ignored, struct error *err)
{
    AUTO_JSON struct json *json = json_parse(text, strlen(text), err);
    assert_non_null(json);
    memset(out, 0, sizeof(*out));
    return fields_read(&outer_table, json, "spec", out, ignored, err);
}

static void hash_of(const char *text, char hex[DIGEST_HEX_BYTES])
{
    struct outer outer;
    struct ignored_fields ignored = { 0 };
    struct error err = { 0 };
    struct digest digest;
    if (!read_text(text, &outer, &ignored, &err))
        fail_msg("%s: %s", text, err.message);
    digest_init(&digest);
    fields_hash(&outer_table, &outer, &digest);
    digest_hex(&digest, hex);
    fields_free(&outer_table, &outer);
    ignored_free(&ignored);
}

static void everything_is_read_and_written_again(void **state)
{
    (void)state;
    struct outer outer;
    struct ignored_fields ignored = { 0 };
    struct error err;
    assert_true(read_text(full, &outer, &ignored, &err));
    assert_string_equal(outer.text, "t");
    assert_int_equal(outer.texts.count, 2);
    assert_true(outer.flag);
    assert_false(outer.on);
    assert_int_equal(outer.count, 7);
    assert_int_equal(outer.colour, 2);
    assert_int_equal(outer.inner->number, -5);
    assert_int_equal(outer.list.count, 2);
    assert_string_equal(((struct inner *)outer.list.items)[1].word, "y");
    AUTO_JSON struct json *written = fields_write(&outer_table, &outer);
    AUTO_FREE char *text = json_print(written);
    assert_string_equal(text, full);
    fields_free(&outer_table, &outer);
    const struct outer nothing = { 0 };
    assert_memory_equal(&outer, &nothing, sizeof(outer));
    assert_int_equal(ignored.count, 0);
}

static void what_is_absent_stands_at_its_fallback_and_is_not_written(void **state)
{
    (void)state;
    struct outer outer;
    struct ignored_fields ignored = { 0 };
    struct error err;
    assert_true(read_text("{}", &outer, &ignored, &err));
    assert_true(outer.on);
    assert_int_equal(outer.count, 30);
    assert_int_equal(outer.colour, 1);
    assert_null(outer.inner);
    AUTO_JSON struct json *written = fields_write(&outer_table, &outer);
    assert_int_equal(json_size(written), 0);
    fields_free(&outer_table, &outer);
}

static void absent_null_empty_and_default_hash_alike(void **state)
{
    (void)state;
    static const char *const alike[] = {
        "{}", "{\"text\":null,\"texts\":null,\"inner\":null,\"list\":null,\"colour\":null,\"count\":null}",
        "{\"text\":\"\",\"texts\":[],\"list\":[]}", "{\"on\":true,\"count\":30,\"colour\":\"green\",\"flag\":false}",
        "{\"new\":1,\"field\":{}}" };
    char empty[DIGEST_HEX_BYTES], hex[DIGEST_HEX_BYTES];
    hash_of("{}", empty);
    for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++) {
        hash_of(alike[i], hex);
        if (strcmp(hex, empty) != 0)
            fail_msg("%s hashes to something", alike[i]);
    }
}

static void different_documents_hash_differently(void **state)
{
    (void)state;
    static const char *const different[] = {
        "{}", full, "{\"text\":\"a\"}", "{\"text\":\"b\"}", "{\"texts\":[\"a\"]}", "{\"texts\":[\"a\",\"b\"]}",
        "{\"texts\":[\"ab\"]}", "{\"texts\":[\"b\",\"a\"]}", "{\"texts\":[\"a\",\"\"]}", "{\"flag\":true}",
        "{\"on\":false}", "{\"count\":0}", "{\"count\":31}", "{\"colour\":\"red\"}", "{\"inner\":{\"word\":\"a\"}}",
        "{\"inner\":{\"word\":\"a\",\"number\":1}}", "{\"list\":[{\"word\":\"a\"}]}",
        "{\"list\":[{\"word\":\"a\"},{\"word\":\"b\"}]}", "{\"list\":[{\"word\":\"b\"},{\"word\":\"a\"}]}",
        "{\"texts\":[\"}\",\"flag\",\"1\"]}", "{\"texts\":[\"a\",\"}\",\"flag\"]}",
        /* The end of one list and the next field must not look like words of a longer list. */
        "{\"texts\":[\"x\"],\"flag\":true}", "{\"texts\":[\"x\",\"}\",\"flag\"]}" };
    enum { COUNT = sizeof(different) / sizeof(different[0]) };
    char hex[COUNT][DIGEST_HEX_BYTES];
    for (size_t i = 0; i < COUNT; i++) {
        hash_of(different[i], hex[i]);
        for (size_t j = 0; j < i; j++)
            if (strcmp(hex[i], hex[j]) == 0)
                fail_msg("%s and %s hash alike", different[i], different[j]);
    }
}

static void a_list_cannot_swallow_the_field_behind_it(void **state)
{
    (void)state;
    char split[DIGEST_HEX_BYTES], whole[DIGEST_HEX_BYTES];
    struct field fields[] = { { .name = "a", .type = FIELD_TEXTS, .offset = 0, .max = 9 },
                              { .name = "b", .type = FIELD_TEXTS, .offset = sizeof(struct text_list), .max = 9 },
                              { 0 } };
    const struct field_table table = { 2 * sizeof(struct text_list), fields };
    char *words[] = { "x", "}", "b", "y" };
    struct text_list two[2] = { { words, 1 }, { words + 3, 1 } };
    struct text_list one[2] = { { words, 4 }, { NULL, 0 } };
    struct digest digest;
    digest_init(&digest);
    fields_hash(&table, two, &digest);
    digest_hex(&digest, split);
    digest_init(&digest);
    fields_hash(&table, one, &digest);
    digest_hex(&digest, whole);
    assert_string_not_equal(split, whole);
}

static void the_order_of_keys_means_nothing(void **state)
{
    (void)state;
    char a[DIGEST_HEX_BYTES], b[DIGEST_HEX_BYTES];
    hash_of("{\"text\":\"t\",\"count\":3,\"inner\":{\"number\":1,\"word\":\"w\"}}", a);
    hash_of("{\"inner\":{\"word\":\"w\",\"number\":1},\"count\":3,\"text\":\"t\"}", b);
    assert_string_equal(a, b);
}

static void wrong_documents_are_refused_with_their_path(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        { "[]", "spec must be an object, not array" },
        { "{\"text\":1}", "spec.text must be a string, not number" },
        { "{\"texts\":\"a\"}", "spec.texts must be an array of strings, not string" },
        { "{\"texts\":[\"a\",1]}", "spec.texts must be an array of strings, not number" },
        { "{\"texts\":[\"a\",null]}", "spec.texts must be an array of strings, not null" },
        { "{\"texts\":[\"a\",\"b\",\"c\",\"d\"]}", "spec.texts has more than 3 elements" },
        { "{\"flag\":\"true\"}", "spec.flag must be true or false, not string" },
        { "{\"flag\":1}", "spec.flag must be true or false, not number" },
        { "{\"count\":\"1\"}", "spec.count must be a whole number, not string" },
        { "{\"count\":1.5}", "spec.count must be a whole number, not number" },
        { "{\"count\":101}", "spec.count: Invalid value: 101: must be between 0 and 100, inclusive" },
        { "{\"count\":-1}", "spec.count: Invalid value: -1: must be greater than or equal to 0" },
        { "{\"colour\":\"grey\"}", "spec.colour: Unsupported value: \"grey\": supported values: \"red\", \"green\", \"blue\"" },
        { "{\"colour\":1}", "spec.colour must be a string, not number" },
        { "{\"inner\":[]}", "spec.inner must be an object, not array" },
        { "{\"inner\":{}}", "spec.inner.word: Required value" },
        { "{\"inner\":{\"word\":null}}", "spec.inner.word: Required value" },
        { "{\"inner\":{\"word\":\"\"}}", "spec.inner.word: Required value" },
        { "{\"inner\":{\"word\":\"a b\"}}", "spec.inner.word: Invalid value: \"a b\": must be a word" },
        { "{\"inner\":{\"word\":\"a\",\"number\":6}}", "spec.inner.number: Invalid value: 6: must be between -5 and 5, inclusive" },
        { "{\"list\":{}}", "spec.list must be an array, not object" },
        { "{\"list\":[{\"word\":\"a\"},{\"word\":1}]}", "spec.list[1].word must be a string, not number" },
        { "{\"list\":[{\"word\":\"a\"},null]}", "spec.list[1] must be an object, not null" },
        { "{\"list\":[{\"word\":\"a\"},{\"word\":\"b\"},{\"word\":\"c\"}]}", "spec.list has more than 2 elements" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct outer outer;
        struct ignored_fields ignored = { 0 };
        struct error err = { 0 };
        if (read_text(rows[i].text, &outer, &ignored, &err))
            fail_msg("%s was taken", rows[i].text);
        assert_string_equal(err.message, rows[i].message);
        ignored_free(&ignored);
    }
}

static void unknown_fields_are_named_up_to_a_cap_and_counted_beyond(void **state)
{
    (void)state;
    struct outer outer;
    struct ignored_fields ignored = { 0 };
    struct error err;
    assert_true(read_text("{\"x\":{\"y\":1},\"list\":[{\"word\":\"a\"},{\"word\":\"b\",\"z\":[]}],\"inner\":{\"q\":1,\"word\":\"w\"}}",
                          &outer, &ignored, &err));
    assert_int_equal(ignored.count, 3);
    assert_string_equal(ignored.paths.items[0], "spec.x");
    assert_string_equal(ignored.paths.items[1], "spec.list[1].z");
    assert_string_equal(ignored.paths.items[2], "spec.inner.q");
    fields_free(&outer_table, &outer);
    for (size_t i = 3; i < LIMIT_IGNORED_FIELDS + 10; i++)
        ignored_add(&ignored, "more");
    assert_int_equal(ignored.paths.count, LIMIT_IGNORED_FIELDS);
    assert_int_equal(ignored.count, LIMIT_IGNORED_FIELDS + 10);
    ignored_free(&ignored);
    assert_int_equal(ignored.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read_and_written_again),
        cmocka_unit_test(what_is_absent_stands_at_its_fallback_and_is_not_written),
        cmocka_unit_test(absent_null_empty_and_default_hash_alike),
        cmocka_unit_test(different_documents_hash_differently),
        cmocka_unit_test(a_list_cannot_swallow_the_field_behind_it),
        cmocka_unit_test(the_order_of_keys_means_nothing),
        cmocka_unit_test(wrong_documents_are_refused_with_their_path),
        cmocka_unit_test(unknown_fields_are_named_up_to_a_cap_and_counted_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
