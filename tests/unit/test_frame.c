#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "wire/frame.h"
#include "wire/socket.h"

static char *encoded(const char *op, const void *body, size_t body_len, size_t *len)
{
    struct error err;
    AUTO_JSON struct json *head = json_new_texts("op", op, NULL);
    char *data = frame_encode(head, body, body_len, len, &err);

    assert_non_null(data);
    return data;
}

static bool reader_fails(const void *data, size_t len, enum error_code code)
{
    struct error err = {0};
    struct frame frame;
    struct frame_reader *reader = frame_reader_new();
    bool fails = !frame_reader_feed(reader, data, len, NULL, 0, &err) || !frame_reader_next(reader, &frame, &err);

    fails = fails && err.code == code;
    /* Broken is broken for good. */
    if (code != ERROR_NONE)
        fails = fails && !frame_reader_feed(reader, "x", 1, NULL, 0, &err) && !frame_reader_next(reader, &frame, &err);
    frame_reader_free(reader);
    return fails;
}

static void the_bytes_are_those_of_the_format(void **state)
{
    size_t len;
    AUTO_FREE char *data = encoded("x", "BODY", 4, &len);

    (void)state;
    assert_int_equal(len, 12 + 10 + 4);
    assert_memory_equal(data, "DVT1\x0a\0\0\0\x04\0\0\0{\"op\":\"x\"}BODY", len);
}

static void frames_come_whole_however_they_are_cut(void **state)
{
    size_t one_len;
    size_t two_len;
    AUTO_FREE char *one = encoded("one", "\0\xff", 2, &one_len);
    AUTO_FREE char *two = encoded("two", NULL, 0, &two_len);
    AUTO_FREE char *both = mem_alloc(one_len + two_len);

    (void)state;
    memcpy(both, one, one_len);
    memcpy(both + one_len, two, two_len);
    for (size_t step = 1; step <= one_len + two_len; step++) {
        struct frame_reader *reader = frame_reader_new();
        struct frame frame;
        struct error err;
        size_t count = 0;
        for (size_t at = 0; at < one_len + two_len; at += step) {
            size_t left = one_len + two_len - at;
            assert_true(frame_reader_feed(reader, both + at, left < step ? left : step, NULL, 0, &err));
            for (; frame_reader_next(reader, &frame, &err); count++) {
                assert_string_equal(json_get_text(frame.head, "op"), count == 0 ? "one" : "two");
                assert_int_equal(frame.body_len, count == 0 ? 2 : 0);
                if (count == 0)
                    assert_memory_equal(frame.body, "\0\xff", 3);
                frame_free(&frame);
            }
            assert_int_equal(err.code, ERROR_NONE);
        }
        assert_int_equal(count, 2);
        frame_reader_free(reader);
    }
}

static void a_wrong_frame_breaks_the_reader(void **state)
{
    (void)state;
    assert_true(reader_fails("DVT2", 4, ERROR_INVALID));
    assert_true(reader_fails("X", 1, ERROR_INVALID));
    assert_true(reader_fails("DVT1\x02\0\0\0\0\0\0\0[]", 14, ERROR_INVALID));
    assert_true(reader_fails("DVT1\x02\0\0\0\0\0\0\0{ ", 14, ERROR_INVALID));
    assert_true(reader_fails("DVT1\0\0\0\0\0\0\0\0", 12, ERROR_INVALID));
    assert_true(reader_fails("DVT1\x0d\0\0\0\0\0\0\0{\"a\":1,\"a\":2}", 25, ERROR_INVALID));
    /* Over a cap: known from the header, before a byte of it is kept. */
    assert_true(reader_fails("DVT1\x01\0\x04\0\0\0\0\0", 12, ERROR_LIMIT));
    assert_true(reader_fails("DVT1\x02\0\0\0\x01\0\x50\0", 12, ERROR_LIMIT));
    assert_true(reader_fails("DVT1\xff\xff\xff\xff\xff\xff\xff\xff", 12, ERROR_LIMIT));
    /* Only not whole yet. */
    assert_true(reader_fails("DVT", 3, ERROR_NONE));
    assert_true(reader_fails("DVT1\x02\0\0\0\0\0\0\0{", 13, ERROR_NONE));
}

static void what_is_over_a_cap_is_not_encoded(void **state)
{
    struct error err = {0};
    size_t len;
    AUTO_FREE char *text = mem_alloc(LIMIT_FRAME_HEAD_BYTES + 1);
    AUTO_FREE char *body = mem_alloc(LIMIT_FRAME_BODY_BYTES + 1);
    AUTO_JSON struct json *small = json_new_object();

    (void)state;
    memset(text, 'x', LIMIT_FRAME_HEAD_BYTES);
    AUTO_JSON struct json *large = json_new_texts("op", text, NULL);
    assert_null(frame_encode(large, NULL, 0, &len, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_null(frame_encode(small, body, LIMIT_FRAME_BODY_BYTES + 1, &len, &err));
    AUTO_FREE char *largest = frame_encode(small, body, LIMIT_FRAME_BODY_BYTES, &len, &err);
    assert_non_null(largest);
}

struct sender {
    int fd;
    char *body;
    size_t body_len;
};

static void *sender_run(void *arg)
{
    struct sender *sender = arg;
    struct error err;
    AUTO_JSON struct json *head = json_new_texts("op", "large", NULL);

    assert_true(frame_send(sender->fd, head, sender->body, sender->body_len, NULL, 0, &err));
    close(sender->fd);
    return NULL;
}

static void the_largest_frame_passes_and_the_end_is_said(void **state)
{
    int ends[2];
    pthread_t thread;
    struct frame frame;
    struct error err;
    struct frame_reader *reader = frame_reader_new();

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    struct sender sender = {ends[0], mem_alloc(LIMIT_FRAME_BODY_BYTES), LIMIT_FRAME_BODY_BYTES};
    sender.body[LIMIT_FRAME_BODY_BYTES - 1] = 'z';
    assert_int_equal(pthread_create(&thread, NULL, sender_run, &sender), 0);
    assert_true(frame_receive(ends[1], reader, &frame, &err));
    assert_int_equal(frame.body_len, LIMIT_FRAME_BODY_BYTES);
    assert_int_equal(frame.body[LIMIT_FRAME_BODY_BYTES - 1], 'z');
    frame_free(&frame);
    assert_false(frame_receive(ends[1], reader, &frame, &err));
    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    pthread_join(thread, NULL);
    frame_reader_free(reader);
    free(sender.body);
    close(ends[1]);
}

static bool same_file(int left, int right)
{
    struct stat a;
    struct stat b;

    return fstat(left, &a) == 0 && fstat(right, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static void descriptors_come_with_their_own_frame(void **state)
{
    int ends[2];
    int pipes[2];
    struct error err;
    struct frame frame;
    struct frame_reader *reader = frame_reader_new();
    AUTO_JSON struct json *head = json_new_texts("op", "x", NULL);

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_true(frame_send(ends[0], head, "a", 1, NULL, 0, &err));
    assert_true(frame_send(ends[0], head, "b", 1, pipes, 2, &err));
    assert_true(frame_send(ends[0], head, "c", 1, NULL, 0, &err));
    assert_true(frame_send(ends[0], head, "d", 1, pipes + 1, 1, &err));
    static const size_t counts[] = {0, 2, 0, 1};
    for (size_t i = 0; i < 4; i++) {
        assert_true(frame_receive(ends[1], reader, &frame, &err));
        assert_int_equal(frame.fd_count, counts[i]);
        if (i == 1) {
            AUTO_CLOSE int taken = frame_take_fd(&frame, 0);
            assert_true(same_file(taken, pipes[0]));
            assert_true((fcntl(taken, F_GETFD) & FD_CLOEXEC) != 0);
            assert_int_equal(frame_take_fd(&frame, 0), -1);
            assert_int_equal(frame_take_fd(&frame, 2), -1);
        }
        if (i == 3)
            assert_true(same_file(frame.fds[0], pipes[1]));
        frame_free(&frame);
    }
    frame_reader_free(reader);
    close(ends[0]);
    close(ends[1]);
    close(pipes[0]);
    close(pipes[1]);
}

static int lowest_free_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(fd);
    return fd;
}

static void descriptors_that_nobody_took_are_closed(void **state)
{
    int before = lowest_free_fd();
    int fds[2];
    struct error err;
    struct frame_reader *reader = frame_reader_new();

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_true(frame_reader_feed(reader, "DVT1", 4, fds, 2, &err));
    frame_reader_free(reader);
    assert_int_equal(lowest_free_fd(), before);
    reader = frame_reader_new();
    struct frame frame;
    assert_true(frame_reader_feed(reader, "no", 2, NULL, 0, &err));
    assert_false(frame_reader_next(reader, &frame, &err));
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_false(frame_reader_feed(reader, "DVT1", 4, fds, 2, &err));
    frame_reader_free(reader);
    assert_int_equal(lowest_free_fd(), before);
}

static void too_many_descriptors_break_the_connection(void **state)
{
    int before = lowest_free_fd();
    int ends[2];
    int many[LIMIT_FRAME_FDS];
    struct error err = {0};
    struct frame frame;
    struct frame_reader *reader = frame_reader_new();
    AUTO_JSON struct json *head = json_new_texts("op", "x", NULL);
    struct iovec part = {.iov_base = "D", .iov_len = 1};

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    for (size_t i = 0; i < LIMIT_FRAME_FDS; i++)
        many[i] = ends[0];
    assert_int_equal(socket_send(ends[0], &part, 1, many, LIMIT_FRAME_FDS), 1);
    part.iov_base = "VT1\x02\0\0\0\0\0\0\0{}";
    part.iov_len = 13;
    assert_int_equal(socket_send(ends[0], &part, 1, many, 1), 13);
    assert_false(frame_receive(ends[1], reader, &frame, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_false(frame_send(ends[0], head, NULL, 0, many, LIMIT_FRAME_FDS + 1, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
    frame_reader_free(reader);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(lowest_free_fd(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_the_format),
        cmocka_unit_test(frames_come_whole_however_they_are_cut),
        cmocka_unit_test(a_wrong_frame_breaks_the_reader),
        cmocka_unit_test(what_is_over_a_cap_is_not_encoded),
        cmocka_unit_test(the_largest_frame_passes_and_the_end_is_said),
        cmocka_unit_test(descriptors_come_with_their_own_frame),
        cmocka_unit_test(descriptors_that_nobody_took_are_closed),
        cmocka_unit_test(too_many_descriptors_break_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
