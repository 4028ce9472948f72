/* What waits for the broker: the window, the newest wins, what must arrive. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#include "base/file.h"
#include "base/memory.h"
#include "core/outbox.h"
#include "davit/limits.h"

static char folder[] = "/tmp/davit-outbox-XXXXXX";
static char *path;
static struct store *store;
static struct outbox *outbox;

/* What was sent: "ID topic=payload" in their order; a letter r behind what is retained. */
static char sent[16384];
static int64_t newest_id;

static void send(void *ctx, struct json *head, const void *payload, size_t len)
{
    (void)ctx;
    size_t used = strlen(sent);
    newest_id = json_get_integer(head, "id", 0);
    assert_string_equal(json_get_text(head, "op"), "publish");
    assert_int_equal(json_get_integer(head, "qos", 0), 1);
    snprintf(sent + used, sizeof(sent) - used, "%s=%.*s%s ", json_get_text(head, "topic"), (int)len,
             (const char *)payload, json_get_boolean(head, "retain", false) ? "" : "!");
    json_free(head);
}

static void sent_is(const char *expected)
{
    assert_string_equal(sent, expected);
    sent[0] = '\0';
}

static void open_outbox(void)
{
    struct error err;
    store = store_open(path, STORE_MANUAL, "b", &err);
    assert_non_null(store);
    outbox = outbox_new(store, send, NULL, &err);
    assert_non_null(outbox);
    sent[0] = '\0';
    newest_id = 0;
}

static void close_outbox(void)
{
    store_dispatch(store);
    outbox_free(outbox);
    store_close(store);
}

static int begin(void **state)
{
    struct error err;
    (void)state;
    free(path);
    if (!file_remove_tree(folder, &err) || !file_make_dirs(folder, 0700, &err))
        return 1;
    path = mem_printf("%s/davit.db", folder);
    open_outbox();
    return 0;
}

static int end(void **state)
{
    (void)state;
    close_outbox();
    return 0;
}

static void put_many(int from, int to)
{
    for (int i = from; i < to; i++) {
        AUTO_FREE char *topic = mem_printf("t%d", i);
        outbox_put(outbox, topic, "x");
    }
}

static size_t sent_count(void)
{
    size_t count = 0;
    for (const char *at = sent; *at != '\0'; at++)
        count += *at == ' ';
    sent[0] = '\0';
    return count;
}

static void nothing_is_sent_without_a_connection(void **state)
{
    (void)state;
    outbox_put(outbox, "a", "1");
    outbox_event(outbox, "e", "2");
    sent_is("");
    assert_int_equal(outbox_waiting(outbox), 2);
    outbox_connected(outbox, 20, 0);
    sent_is("a=1 e=2! ");
    outbox_published(outbox, 1, true);
    outbox_published(outbox, 2, true);
    assert_int_equal(outbox_waiting(outbox), 0);
    outbox_published(outbox, 2, true); /* again: nobody knows it any more */
    outbox_published(outbox, 99, false);
    sent_is("");
}

static void the_window_is_the_smaller_of_ours_and_the_brokers(void **state)
{
    (void)state;
    static const struct {
        int64_t maximum;
        size_t window;
    } rows[] = { { 20, LIMIT_INFLIGHT }, { 0, LIMIT_INFLIGHT }, { 65535, LIMIT_INFLIGHT }, { 4, 4 }, { 1, 1 } };
    put_many(0, 30);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        outbox_connected(outbox, rows[i].maximum, 0);
        assert_int_equal(sent_count(), rows[i].window);
        outbox_published(outbox, newest_id, true);
        assert_int_equal(sent_count(), 1);
        outbox_disconnected(outbox);
    }
}

static void what_is_larger_than_the_broker_takes_is_said_smaller(void **state)
{
    (void)state;
    AUTO_FREE char *long_text = mem_alloc(4001);
    memset(long_text, 'x', 4000);
    AUTO_FREE char *large = mem_printf("{\"state\":\"Running\",\"message\":\"%s\"}", long_text);
    outbox_put(outbox, "s", large);
    outbox_put(outbox, "t", "fits");
    outbox_connected(outbox, 20, 1000);
    assert_non_null(strstr(sent, "s={\"state\":\"Running\",\"message\":\"xxx"));
    assert_true(strlen(sent) < 300);
    assert_non_null(strstr(sent, "t=fits"));
    sent[0] = '\0';
    outbox_disconnected(outbox);
    outbox_connected(outbox, 20, 0); /* another broker, or another configuration: now it is said whole */
    assert_true(strlen(sent) > 1000);
    sent[0] = '\0';
}

static void of_one_topic_only_the_newest_waits(void **state)
{
    (void)state;
    outbox_put(outbox, "a", "1");
    outbox_put(outbox, "b", "1");
    outbox_put(outbox, "a", "2");
    assert_int_equal(outbox_waiting(outbox), 2);
    outbox_connected(outbox, 20, 0);
    sent_is("a=2 b=1 ");
}

static void what_changes_in_flight_is_sent_again_when_it_is_back(void **state)
{
    (void)state;
    outbox_connected(outbox, 20, 0);
    outbox_put(outbox, "a", "1");
    sent_is("a=1 ");
    outbox_put(outbox, "a", "2");
    outbox_put(outbox, "a", "3");
    sent_is("");
    outbox_published(outbox, 1, true);
    sent_is("a=3 ");
    outbox_published(outbox, newest_id, true);
    assert_int_equal(outbox_waiting(outbox), 0);
    sent_is("");
}

static void a_break_keeps_the_order(void **state)
{
    (void)state;
    outbox_connected(outbox, 3, 0);
    outbox_put(outbox, "a", "1");
    outbox_event(outbox, "e", "1");
    outbox_event(outbox, "e", "2");
    outbox_event(outbox, "e", "3");
    sent_is("a=1 e=1! e=2! ");
    outbox_disconnected(outbox);
    outbox_put(outbox, "a", "2");
    outbox_connected(outbox, 20, 0);
    sent_is("a=2 e=1! e=2! e=3! ");
}

static void what_the_link_lost_waits_for_the_next_connection_in_its_place(void **state)
{
    (void)state;
    outbox_connected(outbox, 2, 0);
    outbox_event(outbox, "e", "1");
    outbox_event(outbox, "e", "2");
    outbox_event(outbox, "e", "3");
    sent_is("e=1! e=2! ");
    outbox_published(outbox, 1, false); /* the link says so of each, then that the connection is gone */
    outbox_published(outbox, 2, false);
    sent_is("");
    outbox_disconnected(outbox);
    outbox_connected(outbox, 20, 0);
    sent_is("e=1! e=2! e=3! ");
}

static void events_over_their_cap_are_dropped_oldest_first_and_counted(void **state)
{
    (void)state;
    outbox_put(outbox, "a", "1");
    for (int i = 0; i < LIMIT_EVENTS + 3; i++) {
        AUTO_FREE char *text = mem_printf("%d", i);
        outbox_event(outbox, "e", text);
    }
    assert_int_equal(outbox_dropped(outbox), 3);
    assert_int_equal(outbox_waiting(outbox), LIMIT_EVENTS + 1);
    outbox_connected(outbox, 2, 0);
    sent_is("a=1 e=3! ");
}

static void the_nonce_goes_first_and_ends_with_its_connection(void **state)
{
    (void)state;
    put_many(0, 2);
    outbox_first(outbox, "sync", "n1");
    outbox_connected(outbox, 1, 0);
    sent_is("sync=n1! ");
    outbox_disconnected(outbox);
    outbox_first(outbox, "sync", "n2");
    outbox_connected(outbox, 20, 0);
    sent_is("sync=n2! t0=x t1=x ");
}

static size_t rows;

static void count_row(void *ctx, const struct outbox_row *row)
{
    (void)ctx;
    (void)row;
    rows++;
}

static void rows_are(size_t expected)
{
    struct error err;
    store_dispatch(store);
    rows = 0;
    assert_true(store_each_outbox(store, count_row, NULL, &err));
    assert_int_equal(rows, expected);
}

static void clear(const char *topic)
{
    struct store_txn *txn = store_begin(store);
    outbox_clear(outbox, txn, topic);
    store_commit(txn, NULL, NULL);
}

static void a_clear_is_a_row_until_it_is_acknowledged(void **state)
{
    (void)state;
    outbox_connected(outbox, 20, 0);
    clear("a");
    sent_is("a= ");
    rows_are(1);
    outbox_disconnected(outbox);
    rows_are(1);
    outbox_connected(outbox, 20, 0);
    sent_is("a= ");
    outbox_published(outbox, newest_id, true);
    rows_are(0);
    assert_int_equal(outbox_waiting(outbox), 0);
}

static void a_clear_outlives_a_restart(void **state)
{
    (void)state;
    clear("a");
    clear("b");
    clear("a"); /* the same row */
    rows_are(2);
    close_outbox();
    open_outbox();
    assert_int_equal(outbox_waiting(outbox), 2);
    clear("c"); /* its id is above those that were read */
    rows_are(3);
    outbox_connected(outbox, 20, 0);
    sent_is("a= b= c= ");
    for (int64_t id = 1; id <= 3; id++)
        outbox_published(outbox, id, true);
    rows_are(0);
}

static void a_new_status_takes_the_place_of_a_clear(void **state)
{
    (void)state;
    clear("a");
    rows_are(1);
    outbox_put(outbox, "a", "1");
    rows_are(0);
    outbox_connected(outbox, 20, 0);
    sent_is("a=1 ");
    clear("a"); /* and the other way round, in flight */
    rows_are(1);
    outbox_published(outbox, newest_id, true);
    sent_is("a= ");
    rows_are(1);
    outbox_published(outbox, newest_id, true);
    rows_are(0);
}

static void a_clear_in_flight_that_is_replaced_is_no_row_any_more(void **state)
{
    (void)state;
    outbox_connected(outbox, 20, 0);
    clear("a");
    sent_is("a= ");
    outbox_put(outbox, "a", "1");
    rows_are(0);
    outbox_published(outbox, newest_id, true);
    sent_is("a=1 ");
    outbox_published(outbox, newest_id, true);
    assert_int_equal(outbox_waiting(outbox), 0);
}

static void a_clear_that_is_refused_is_kept_until_it_may_be_tried(void **state)
{
    (void)state;
    struct store_txn *txn = store_begin(store);
    outbox_connected(outbox, 16, 0);
    outbox_clear(outbox, txn, "n/status/a");
    outbox_clear(outbox, txn, "n/status/b");
    store_commit(txn, NULL, NULL);
    sent_is("n/status/a= n/status/b= ");
    outbox_refused(outbox, 1); /* some reason that may pass */
    outbox_deny(outbox, "n/status");
    outbox_refused(outbox, 2);
    assert_int_equal(outbox_waiting(outbox), 0); /* nothing that davitd's end would wait for */
    outbox_put(outbox, "n/status/b", "2"); /* it is there again: derived, and told anew after the ban */
    sent_is("");
    outbox_allow(outbox);
    sent_is("n/status/a= ");
    outbox_published(outbox, newest_id, true);
    outbox_event(outbox, "e", "1");
    outbox_refused(outbox, newest_id);
    assert_int_equal(outbox_waiting(outbox), 0);
    /* Of the two rows none is left. */
    close_outbox();
    open_outbox();
    outbox_connected(outbox, 16, 0);
    sent_is("");
    /* And over a death in between. */
    txn = store_begin(store);
    outbox_clear(outbox, txn, "n/status/c");
    store_commit(txn, NULL, NULL);
    outbox_refused(outbox, newest_id);
    close_outbox();
    open_outbox();
    outbox_connected(outbox, 16, 0);
    sent_is("n/status/c= ");
}

/* Topic and correlation data are as much of a flood as the payload. */
static void answers_are_counted_with_all_they_hold(void **state)
{
    char correlation[LIMIT_CORRELATION_BYTES + 1];
    (void)state;
    memset(correlation, 'A', LIMIT_CORRELATION_BYTES);
    correlation[LIMIT_CORRELATION_BYTES] = '\0';
    size_t count = 0;
    for (; !outbox_is_full(outbox) && count < LIMIT_ANSWERS; count++)
        outbox_answer(outbox, "a", "x", correlation);
    assert_int_equal(count, LIMIT_ANSWERS);
    for (; !outbox_is_overfull(outbox) && count < LIMIT_REFUSALS; count++) {
        char large[4 * LIMIT_CORRELATION_BYTES];
        memset(large, 'B', sizeof(large));
        large[sizeof(large) - 1] = '\0';
        outbox_answer(outbox, "a", "x", large);
    }
    assert_in_range(count * LIMIT_CORRELATION_BYTES, LIMIT_REFUSALS_BYTES / 8, LIMIT_REFUSALS_BYTES);
    outbox_connected(outbox, 16, 0);
    for (int64_t id = 1; outbox_is_overfull(outbox); id++)
        outbox_published(outbox, id, true);
    assert_true(outbox_is_full(outbox));
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    struct error err;
    (void)state;
    free(path);
    return !file_remove_tree(folder, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_sent_without_a_connection, begin, end),
        cmocka_unit_test_setup_teardown(the_window_is_the_smaller_of_ours_and_the_brokers, begin, end),
        cmocka_unit_test_setup_teardown(what_is_larger_than_the_broker_takes_is_said_smaller, begin, end),
        cmocka_unit_test_setup_teardown(of_one_topic_only_the_newest_waits, begin, end),
        cmocka_unit_test_setup_teardown(what_changes_in_flight_is_sent_again_when_it_is_back, begin, end),
        cmocka_unit_test_setup_teardown(a_break_keeps_the_order, begin, end),
        cmocka_unit_test_setup_teardown(what_the_link_lost_waits_for_the_next_connection_in_its_place, begin, end),
        cmocka_unit_test_setup_teardown(events_over_their_cap_are_dropped_oldest_first_and_counted, begin, end),
        cmocka_unit_test_setup_teardown(a_clear_that_is_refused_is_kept_until_it_may_be_tried, begin, end),
        cmocka_unit_test_setup_teardown(answers_are_counted_with_all_they_hold, begin, end),
        cmocka_unit_test_setup_teardown(the_nonce_goes_first_and_ends_with_its_connection, begin, end),
        cmocka_unit_test_setup_teardown(a_clear_is_a_row_until_it_is_acknowledged, begin, end),
        cmocka_unit_test_setup_teardown(a_clear_outlives_a_restart, begin, end),
        cmocka_unit_test_setup_teardown(a_new_status_takes_the_place_of_a_clear, begin, end),
        cmocka_unit_test_setup_teardown(a_clear_in_flight_that_is_replaced_is_no_row_any_more, begin, end),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
