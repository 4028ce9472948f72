/* What a broker that takes small packets only is told. */
#include "unit.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "protocol/trim.h"

static struct json *parsed(char *text_taken)
{
    AUTO_FREE char *text = text_taken;
    struct error err = {0};
    assert_non_null(text);
    struct json *json = json_parse(text, strlen(text), &err);
    assert_non_null(json);
    return json;
}

static char *status_with(size_t containers, const char *message)
{
    AUTO_JSON struct json *whole = json_new_texts("apiVersion", "v1", "kind", "Pod", NULL);
    struct json *metadata = json_set_object(whole, "metadata");
    json_set_text(metadata, "name", "hello");
    json_set_text(json_set_object(metadata, "labels"), "a", "b");
    struct json *status = json_set_object(whole, "status");
    json_set_text(status, "phase", "Running");
    json_set_integer(status, "observedGeneration", 17);
    struct json *conditions = json_set_array(status, "conditions");
    struct json *accepted = json_add_object(conditions);
    json_set_text(accepted, "type", "Accepted");
    json_set_text(accepted, "message", message);
    json_set_text(json_add_object(conditions), "type", "IgnoredFields");
    struct json *list = json_set_array(status, "containerStatuses");
    for (size_t i = 0; i < containers; i++)
        json_set_text(json_add_object(list), "name", "a container with a long name");
    return json_print(whole);
}

static void a_status_keeps_what_matters_and_says_that_it_was_cut(void **state)
{
    (void)state;
    AUTO_FREE char *payload = status_with(100, "fine");
    AUTO_JSON struct json *small = parsed(trim_message(payload, 1000));
    const struct json *status = json_get(small, "status");
    assert_string_equal(json_get_text(small, "kind"), "Pod");
    assert_string_equal(json_get_text(json_get(small, "metadata"), "name"), "hello");
    assert_string_equal(json_get_text(status, "phase"), "Running");
    assert_int_equal(json_get_integer(status, "observedGeneration", 0), 17);
    assert_null(json_get(status, "containerStatuses"));
    const struct json *first = json_first(json_get(status, "conditions"));
    assert_string_equal(json_get_text(first, "type"), "Truncated");
    assert_string_equal(json_get_text(first, "reason"), "PacketTooLarge");
    assert_non_null(strstr(json_get_text(first, "message"), "takes 1000"));
    assert_string_equal(json_get_text(json_next(first), "type"), "Accepted");
    assert_int_equal(json_size(json_get(status, "conditions")), 2);
}

static void long_texts_are_cut_at_a_character(void **state)
{
    char message[401];
    (void)state;
    for (size_t i = 0; i < 400; i += 2)
        memcpy(message + i, "ä", 2);
    memmove(message + 1, message, 399);
    message[0] = 'x';
    message[399] = '\0'; /* odd bytes: a cut at an even one would halve a character */
    AUTO_FREE char *payload = status_with(1, message);
    AUTO_JSON struct json *small = parsed(trim_message(payload, 2000));
    const struct json *accepted = json_next(json_first(json_get(json_get(small, "status"), "conditions")));
    const char *text = json_get_text(accepted, "message");
    assert_in_range(strlen(text), 100, 165);
    assert_null(strstr(text, "\xef\xbf\xbd"));
}

static void an_answer_becomes_a_failure_with_its_id(void **state)
{
    (void)state;
    AUTO_FREE char *text = mem_alloc(5001);
    memset(text, 'x', 5000);
    AUTO_FREE char *payload = mem_printf("{\"id\":\"7\",\"ok\":true,\"text\":\"%s\",\"status\":{\"a\":1}}", text);
    AUTO_JSON struct json *small = parsed(trim_message(payload, 400));
    assert_string_equal(json_get_text(small, "id"), "7");
    assert_false(json_get_boolean(small, "ok", true));
    assert_string_equal(json_get_text(small, "reason"), "AnswerTooLarge");
    assert_null(json_get(small, "status"));
    assert_null(json_get(small, "text"));
    assert_null(json_get(small, "last"));
}

static void a_chunk_that_is_too_large_ends_its_stream(void **state)
{
    (void)state;
    AUTO_JSON struct json *small = parsed(trim_message("{\"id\":8,\"seq\":3,\"stream\":\"stdout\",\"text\":\"abc\"}", 300));
    assert_int_equal(json_get_integer(small, "seq", 0), 3);
    assert_true(json_get_boolean(small, "last", false));
    assert_string_equal(json_get_text(small, "reason"), "AnswerTooLarge");
}

static void what_cannot_be_made_so_small_is_left(void **state)
{
    (void)state;
    AUTO_FREE char *payload = status_with(100, "fine");
    assert_null(trim_message(payload, 60));
    assert_null(trim_message("4f1c-nonce", 60));
    assert_null(trim_message("[1]", 60));
    assert_null(trim_message("", 60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_keeps_what_matters_and_says_that_it_was_cut),
        cmocka_unit_test(long_texts_are_cut_at_a_character),
        cmocka_unit_test(an_answer_becomes_a_failure_with_its_id),
        cmocka_unit_test(a_chunk_that_is_too_large_ends_its_stream),
        cmocka_unit_test(what_cannot_be_made_so_small_is_left),
    };
    return cmocka_run_group_tests_name("trim", tests, NULL, NULL);
}
