/* A stream's window: what waits for its acknowledgement, what is said again, and the order of input. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"
#include "protocol/chunks.h"
#include "unit.h"

static void add(struct chunks *chunks, uint64_t now_ms)
{
    chunks_add(chunks, mem_printf("%d", (int)chunks->last_seq + 1), now_ms);
}

static void collect(void *ctx, const char *text)
{
    strncat(ctx, text, 8);
    strncat(ctx, " ", 2);
}

static void the_window_closes_and_opens(void **state)
{
    struct chunks chunks;
    char said[256] = "";
    (void)state;
    chunks_init(&chunks, 0);
    for (int i = 0; i < LIMIT_CHUNKS; i++) {
        assert_true(chunks_has_room(&chunks));
        add(&chunks, 1);
    }
    assert_false(chunks_has_room(&chunks));
    assert_true(chunks_ack(&chunks, LIMIT_CHUNKS - 2, 2));
    assert_true(chunks_has_room(&chunks));
    chunks_each(&chunks, collect, said);
    assert_string_equal(said, "31 32 ");
    /* An old one changes nothing, one that was never sent is no acknowledgement. */
    assert_true(chunks_ack(&chunks, 3, 3));
    assert_false(chunks_ack(&chunks, LIMIT_CHUNKS + 1, 9));
    assert_false(chunks_ack(&chunks, -1, 9));
    assert_int_equal(chunks.acked, LIMIT_CHUNKS - 2);
    assert_int_equal(chunks.heard_ms, 3);
    assert_int_equal(chunks.count, 2);
    chunks_free(&chunks);
    assert_int_equal(chunks.bytes, 0);
}

static void large_chunks_close_it_sooner(void **state)
{
    struct chunks chunks;
    (void)state;
    chunks_init(&chunks, 0);
    char *large = mem_alloc(LIMIT_CHUNKS_BYTES + 1);
    memset(large, 'x', LIMIT_CHUNKS_BYTES);
    chunks_add(&chunks, large, 1);
    assert_false(chunks_has_room(&chunks));
    chunks_free(&chunks);
}

static void time_passes(void **state)
{
    struct chunks chunks;
    (void)state;
    chunks_init(&chunks, 1000);
    assert_false(chunks_is_idle(&chunks, 20999, 60000));
    assert_true(chunks_is_idle(&chunks, 21000, 60000));
    add(&chunks, 21000);
    assert_false(chunks_is_idle(&chunks, 40999, 60000));
    assert_true(chunks_is_lost(&chunks, 61000, 60000));
    assert_true(chunks_ack(&chunks, 1, 30000));
    assert_false(chunks_is_lost(&chunks, 89999, 60000));
    assert_true(chunks_is_lost(&chunks, 90000, 60000));
    chunks_free(&chunks);
}

static void input_is_taken_in_order_once(void **state)
{
    struct chunks chunks;
    (void)state;
    chunks_init(&chunks, 0);
    assert_false(chunks_take_input(&chunks, 2));
    assert_true(chunks_take_input(&chunks, 1));
    assert_false(chunks_take_input(&chunks, 1));
    assert_true(chunks_take_input(&chunks, 2));
    assert_true(chunks_take_input(&chunks, 0)); /* typed by hand */
    assert_int_equal(chunks.input, 3);
    chunks_free(&chunks);
}

static void text_is_cut_where_it_may(void **state)
{
    (void)state;
    AUTO_FREE char *data = mem_alloc(2 * LIMIT_CHUNK_BYTES);
    memset(data, 'x', 2 * LIMIT_CHUNK_BYTES);
    assert_int_equal(chunks_cut(data, 100), 100);
    assert_int_equal(chunks_cut(data, 2 * LIMIT_CHUNK_BYTES), LIMIT_CHUNK_BYTES);
    data[1000] = '\n';
    assert_int_equal(chunks_cut(data, 2 * LIMIT_CHUNK_BYTES), 1001);
    data[1000] = 'x';
    memcpy(data + LIMIT_CHUNK_BYTES - 2, "\xe2\x82\xac", 3);
    assert_int_equal(chunks_cut(data, 2 * LIMIT_CHUNK_BYTES), LIMIT_CHUNK_BYTES - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_closes_and_opens), cmocka_unit_test(large_chunks_close_it_sooner),
        cmocka_unit_test(time_passes), cmocka_unit_test(input_is_taken_in_order_once),
        cmocka_unit_test(text_is_cut_where_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
