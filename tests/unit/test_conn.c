#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "wire/conn.h"
#include "wire/socket.h"

/* One end is a connection on a loop, the other a plain socket in the test's hand. */
struct side {
    uv_loop_t loop;
    struct conn *conn;
    int other;
    size_t frames;
    size_t body_bytes;
    size_t fds;
    size_t pause_after;
    size_t free_after;
    unsigned closed;
    struct error why;
};

static void on_frame(void *ctx, struct frame *frame)
{
    struct side *side = ctx;

    side->frames++;
    side->body_bytes += frame->body_len;
    side->fds += frame->fd_count;
    if (side->frames == side->pause_after)
        conn_pause(side->conn, true);
    if (side->frames == side->free_after)
        conn_free(mem_steal(&side->conn));
}

static void on_closed(void *ctx, const struct error *why)
{
    struct side *side = ctx;

    side->closed++;
    side->why = *why;
    conn_free(mem_steal(&side->conn));
}

static const struct conn_handlers handlers = {on_frame, on_closed};

static void side_open(struct side *side)
{
    int ends[2];

    memset(side, 0, sizeof(*side));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(uv_loop_init(&side->loop), 0);
    side->conn = conn_new(&side->loop, ends[0], &handlers, side);
    side->other = ends[1];
}

static void side_close(struct side *side)
{
    conn_free(mem_steal(&side->conn));
    fd_close_at(&side->other);
    uv_run(&side->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&side->loop), 0); /* or a handle was left behind */
}

/* Turns the loop until nothing is to be done at once. */
static void side_turn(struct side *side)
{
    for (int i = 0; i < 50; i++)
        uv_run(&side->loop, UV_RUN_NOWAIT);
}

static void other_send(struct side *side, size_t body_len, const int *fds, size_t fd_count)
{
    struct error err;
    AUTO_JSON struct json *head = json_new_texts("op", "x", NULL);
    AUTO_FREE char *body = mem_alloc(body_len);

    if (!frame_send(side->other, head, body, body_len, fds, fd_count, &err))
        fail_msg("%s", err.message);
}

static void frames_come_in_and_go_out(void **state)
{
    struct side side;
    struct frame frame;
    struct error err;
    struct frame_reader *reader = frame_reader_new();

    (void)state;
    side_open(&side);
    other_send(&side, 5, NULL, 0);
    side_turn(&side);
    assert_int_equal(side.frames, 1);
    assert_int_equal(side.body_bytes, 5);
    for (int i = 0; i < 3; i++)
        conn_send_fds(side.conn, json_new_texts("op", "y", NULL), "ab", 2, &side.other, i == 1);
    side_turn(&side);
    for (size_t i = 0; i < 3; i++) {
        assert_true(frame_receive(side.other, reader, &frame, &err));
        assert_int_equal(frame.fd_count, i == 1);
        assert_string_equal(frame.body, "ab");
        frame_free(&frame);
    }
    frame_reader_free(reader);
    side_close(&side);
}

static void many_small_frames_share_few_sends(void **state)
{
    struct side side;
    struct error err;
    struct frame frame;
    struct frame_reader *reader = frame_reader_new();
    char buffer[64 * 1024];
    int fds[LIMIT_FRAME_FDS];
    size_t fd_count;

    (void)state;
    side_open(&side);
    for (int i = 0; i < 60; i++)
        conn_send(side.conn, json_new_texts("op", "y", NULL), NULL, 0);
    uv_run(&side.loop, UV_RUN_NOWAIT);
    /* The kernel keeps what was sent together in one piece: one look sees all. */
    ssize_t got = socket_receive(side.other, buffer, sizeof(buffer), fds, &fd_count);
    assert_int_equal(got, 60 * 22);
    assert_true(frame_reader_feed(reader, buffer, (size_t)got, NULL, 0, &err));
    int count = 0;
    for (; frame_reader_next(reader, &frame, &err); count++)
        frame_free(&frame);
    assert_int_equal(count, 60);
    assert_int_equal(conn_queued_bytes(side.conn), 0);
    frame_reader_free(reader);
    side_close(&side);
}

static void the_end_comes_after_the_last_words(void **state)
{
    struct side side;

    (void)state;
    side_open(&side);
    other_send(&side, 1, NULL, 0);
    conn_send(side.conn, json_new_object(), "unread", 6); /* makes the other end's close a reset */
    side_turn(&side);
    other_send(&side, 1, NULL, 0);
    fd_close_at(&side.other);
    for (int i = 0; i < 3 && side.conn != NULL; i++)
        conn_send(side.conn, json_new_object(), NULL, 0);
    side_turn(&side);
    assert_int_equal(side.frames, 2);
    assert_int_equal(side.closed, 1);
    assert_int_equal(side.why.code, ERROR_UNAVAILABLE);
    side_close(&side);
}

static void a_broken_format_closes_once(void **state)
{
    struct side side;

    (void)state;
    side_open(&side);
    other_send(&side, 1, NULL, 0);
    assert_int_equal(write(side.other, "garbage", 7), 7);
    side_turn(&side);
    assert_int_equal(side.frames, 1);
    assert_int_equal(side.closed, 1);
    assert_int_equal(side.why.code, ERROR_INVALID);
    side_close(&side);
}

static void a_side_that_does_not_read_is_closed_at_the_cap(void **state)
{
    struct side side;
    AUTO_FREE char *body = mem_alloc(1024 * 1024);

    (void)state;
    side_open(&side);
    for (int i = 0; i < 31; i++)
        conn_send(side.conn, json_new_object(), body, 1024 * 1024);
    side_turn(&side);
    assert_int_equal(side.closed, 0);
    assert_true(conn_queued_bytes(side.conn) > 30 * 1024 * 1024);
    conn_send(side.conn, json_new_object(), body, 1024 * 1024);
    conn_send(side.conn, json_new_object(), body, 1024 * 1024);
    assert_int_equal(side.closed, 0); /* never from inside a send */
    side_turn(&side);
    assert_int_equal(side.closed, 1);
    assert_int_equal(side.why.code, ERROR_LIMIT);
    side_close(&side);
}

static void a_frame_over_the_cap_closes_the_sender_with_a_reason(void **state)
{
    struct side side;
    AUTO_FREE char *body = mem_alloc(LIMIT_FRAME_BODY_BYTES + 1);

    (void)state;
    side_open(&side);
    conn_pause(side.conn, true);
    conn_send(side.conn, json_new_object(), body, LIMIT_FRAME_BODY_BYTES + 1);
    side_turn(&side);
    assert_int_equal(side.closed, 1);
    assert_int_equal(side.why.code, ERROR_LIMIT);
    side_close(&side);
}

static void nothing_is_delivered_while_paused_and_nothing_lost(void **state)
{
    struct side side;

    (void)state;
    side_open(&side);
    side.pause_after = 3;
    for (int i = 0; i < 10; i++)
        other_send(&side, 1, NULL, 0);
    side_turn(&side);
    assert_int_equal(side.frames, 3);
    other_send(&side, 1, NULL, 0);
    side_turn(&side);
    assert_int_equal(side.frames, 3);
    conn_pause(side.conn, false);
    side_turn(&side);
    assert_int_equal(side.frames, 11);
    side_close(&side);
}

static void a_paused_connection_can_be_drained(void **state)
{
    struct side side;

    (void)state;
    side_open(&side);
    side.pause_after = 2;
    for (int i = 0; i < 5; i++)
        other_send(&side, 1, NULL, 0);
    side_turn(&side);
    assert_int_equal(side.frames, 2);
    other_send(&side, 1, NULL, 0);
    fd_close_at(&side.other);
    conn_drain(side.conn);
    assert_int_equal(side.frames, 6);
    assert_int_equal(side.closed, 1);
    side_close(&side);
}

static void a_connection_may_be_freed_from_its_own_callback(void **state)
{
    struct side side;

    (void)state;
    side_open(&side);
    side.free_after = 2;
    for (int i = 0; i < 5; i++)
        other_send(&side, 1, &side.other, 1);
    side_turn(&side);
    assert_int_equal(side.frames, 2);
    assert_int_equal(side.fds, 2);
    assert_int_equal(side.closed, 0);
    side_close(&side);
}

static void last_words_are_sent_before_it_is_freed(void **state)
{
    struct side side;
    struct frame frame;
    struct error err;
    struct frame_reader *reader = frame_reader_new();

    (void)state;
    side_open(&side);
    conn_send(side.conn, json_new_texts("op", "result", NULL), NULL, 0);
    conn_free(mem_steal(&side.conn));
    assert_true(frame_receive(side.other, reader, &frame, &err));
    assert_string_equal(json_get_text(frame.head, "op"), "result");
    frame_free(&frame);
    frame_reader_free(reader);
    side_close(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_in_and_go_out),
        cmocka_unit_test(many_small_frames_share_few_sends),
        cmocka_unit_test(the_end_comes_after_the_last_words),
        cmocka_unit_test(a_broken_format_closes_once),
        cmocka_unit_test(a_side_that_does_not_read_is_closed_at_the_cap),
        cmocka_unit_test(a_frame_over_the_cap_closes_the_sender_with_a_reason),
        cmocka_unit_test(nothing_is_delivered_while_paused_and_nothing_lost),
        cmocka_unit_test(a_paused_connection_can_be_drained),
        cmocka_unit_test(a_connection_may_be_freed_from_its_own_callback),
        cmocka_unit_test(last_words_are_sent_before_it_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
