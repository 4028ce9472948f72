/* docs/protocol.md, Order: every row of it. */
#include "unit.h"

#include "protocol/order.h"

#define NONE (-1)

struct row {
    const char *what;
    bool filled;
    int64_t accepted;
    const char *has;
    int64_t arriving; /* NONE: no generation */
    const char *brings;
    bool live, superseded;
    enum order_verdict verdict;
    int64_t given; /* generation given back with NEWER */
};

static const struct row rows[] = {
    { "the first, numbered", false, 0, NULL, 7, "a", true, false, ORDER_NEWER, 7 },
    { "the first, numbered 0", false, 0, NULL, 0, "a", false, false, ORDER_NEWER, 0 },
    { "the first, numbered, retained", false, 0, NULL, 7, "a", false, false, ORDER_NEWER, 7 },
    { "higher", true, 7, "a", 8, "b", true, false, ORDER_NEWER, 8 },
    { "higher, the same content: the number moves on", true, 7, "a", 8, "a", false, false, ORDER_NEWER, 8 },
    { "higher, a content that was superseded: a roll back", true, 7, "a", 8, "b", false, true, ORDER_NEWER, 8 },
    { "lower", true, 7, "a", 6, "b", true, false, ORDER_STALE, 0 },
    { "lower, the same content", true, 7, "a", 6, "a", true, false, ORDER_STALE, 0 },
    { "equal, the same", true, 7, "a", 7, "a", true, false, ORDER_SAME, 0 },
    { "equal, another", true, 7, "a", 7, "b", true, false, ORDER_CONFLICT, 0 },
    { "equal, another, superseded, retained", true, 7, "a", 7, "b", false, true, ORDER_CONFLICT, 0 },
    { "by hand, the first", false, 0, NULL, NONE, "a", true, false, ORDER_NEWER, 1 },
    { "by hand, the first, retained", false, 0, NULL, NONE, "a", false, false, ORDER_NEWER, 1 },
    { "by hand, the same, live", true, 7, "a", NONE, "a", true, false, ORDER_SAME, 0 },
    { "by hand, the same, retained", true, 7, "a", NONE, "a", false, false, ORDER_SAME, 0 },
    { "by hand, another, live", true, 7, "a", NONE, "b", true, false, ORDER_NEWER, 8 },
    { "by hand, superseded, live: brought back", true, 7, "a", NONE, "b", true, true, ORDER_NEWER, 8 },
    { "by hand, another, retained: published while away", true, 7, "a", NONE, "b", false, false, ORDER_NEWER, 8 },
    { "by hand, superseded, retained: a restored broker", true, 7, "a", NONE, "b", false, true, ORDER_REPLAY, 0 },
};

static void every_row_of_the_order_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        const struct order_slot slot = { .filled = row->filled, .generation = row->accepted, .content = row->has };
        const struct order_arrival arrival = { .has_generation = row->arriving != NONE, .generation = row->arriving,
                                               .content = row->brings, .live = row->live,
                                               .superseded = row->superseded };
        int64_t generation = -7;
        enum order_verdict verdict = order_decide(&slot, &arrival, &generation);
        if (verdict != row->verdict || (verdict == ORDER_NEWER && generation != row->given))
            fail_msg("%s: verdict %d, generation %lld", row->what, (int)verdict, (long long)generation);
    }
}

static void refusals_have_a_reason_and_nothing_else_has(void **state)
{
    (void)state;
    assert_string_equal(order_reason(ORDER_STALE), "Stale");
    assert_string_equal(order_reason(ORDER_CONFLICT), "Conflict");
    assert_string_equal(order_reason(ORDER_REPLAY), "StaleReplay");
    assert_null(order_reason(ORDER_NEWER));
    assert_null(order_reason(ORDER_SAME));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_order_holds),
        cmocka_unit_test(refusals_have_a_reason_and_nothing_else_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
