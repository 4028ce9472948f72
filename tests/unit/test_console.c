/* The crun plugin's terminal: sizes that come in as lines, bytes that go to and fro, and the ends of trees of processes. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/flow.h"
#include "plugins/crun/console.h"
#include "plugins/crun/tree.h"
#include "unit.h"

static void sizes_are_read_and_nothing_else(void **state)
{
    static const char *const bad[] = { "",           "resize",        "resize 80",       "resize 80 24 1", "resize 0 24",  "resize 80 -1",
                                       "resize a b", "resize 80 24x", "resize 80 40000", "size 80 24",     "resize 80 24 " };
    int64_t columns = 1, rows = 1;
    (void)state;
    assert_true(console_read_resize("resize 132 43", &columns, &rows));
    assert_int_equal(columns, 132);
    assert_int_equal(rows, 43);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(console_read_resize(bad[i], &columns, &rows));
    assert_int_equal(columns, 132);
}

static void make_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
}

static void bytes_wait_for_a_reader_and_none_is_lost(void **state)
{
    int in[2], out[2], from, to;
    char data[4096], seen[4096];
    size_t put = 0, got = 0;
    (void)state;
    make_pipe(in);
    make_pipe(out);
    assert_true(fcntl(out[1], F_SETPIPE_SZ, 4096) >= 0);
    struct flow flow = { .from = in[0], .to = out[1] };
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i % 251);
    for (int turn = 0; turn < 20; turn++) {
        put += write(in[1], data, sizeof(data)) > 0 ? sizeof(data) : 0;
        flow_move(&flow);
    }
    flow_waits(&flow, &from, &to);
    assert_int_equal(from, -1); /* full: it waits for the reader alone */
    assert_int_equal(to, out[1]);
    close(in[1]);
    for (int turn = 0; turn < 1000 && (flow.from >= 0 || flow.used < flow.len || got < put); turn++) {
        ssize_t some = read(out[0], seen, 1000);
        for (ssize_t i = 0; i < some; i++)
            assert_int_equal(seen[i], data[(got + (size_t)i) % sizeof(data)]);
        got += some > 0 ? (size_t)some : 0;
        flow_move(&flow);
    }
    assert_int_equal(got, put);
    assert_int_equal(flow.from, -1);
    assert_false(flow.broken);
    close(in[0]);
    close(out[0]);
    close(out[1]);
}

static void a_reader_that_went_is_noticed_and_the_rest_is_thrown_away(void **state)
{
    int in[2], out[2];
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    make_pipe(in);
    make_pipe(out);
    struct flow flow = { .from = in[0], .to = out[1] };
    close(out[0]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write(in[1], "abc", 3), 3);
        flow_move(&flow);
    }
    assert_true(flow.broken);
    assert_int_equal(flow.to, -1);
    assert_int_equal(flow.used, flow.len);
    close(in[0]);
    close(in[1]);
    close(out[1]);
}

/* A process with a child and a grandchild, which all hold the pipe open. */
static void a_tree_is_killed_to_its_last_leaf(void **state)
{
    int ends[2];
    char byte;
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() == 0)
            (void)fork();
        (void)signal(SIGHUP, SIG_IGN);
        (void)!write(ends[1], "x", 1);
        for (;;)
            pause();
    }
    close(ends[1]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(read(ends[0], &byte, 1), 1);
    tree_signal_children(pid, SIGHUP); /* which they do not care about */
    tree_kill(pid);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* nobody has it any more */
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read_and_nothing_else),
        cmocka_unit_test(bytes_wait_for_a_reader_and_none_is_lost),
        cmocka_unit_test(a_reader_that_went_is_noticed_and_the_rest_is_thrown_away),
        cmocka_unit_test(a_tree_is_killed_to_its_last_leaf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
