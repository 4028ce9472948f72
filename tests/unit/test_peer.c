#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "wire/peer.h"

/* --- the child: this program again, with what it shall do as its argument */

static void child_say(const char *op)
{
    struct error err;
    AUTO_JSON struct json *head = json_new_texts("op", op, NULL);

    if (!frame_send(FRAME_CHILD_FD, head, NULL, 0, NULL, 0, &err))
        exit(90);
}

/* Its world: open descriptors, environment, signals. */
static void child_describe(void)
{
    AUTO_JSON struct json *head = json_new_texts("op", "world", NULL);
    struct error err;
    struct sigaction action;
    sigset_t mask;
    int64_t open_fds = 0;
    int64_t odd_signals = 0;
    char input[16] = "";

    for (int fd = 4; fd < 1024; fd++)
        open_fds += fcntl(fd, F_GETFD) >= 0;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2, SIGALRM};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], NULL, &action);
        odd_signals += action.sa_handler != SIG_DFL || sigismember(&mask, signals[i]);
    }
    if (read(STDIN_FILENO, input, sizeof(input) - 1) < 0)
        exit(91);
    json_set_integer(head, "fds", open_fds);
    json_set_integer(head, "signals", odd_signals);
    json_set_text(head, "secret", getenv("DAVIT_TEST_SECRET"));
    json_set_text(head, "path", getenv("PATH"));
    json_set_text(head, "stdin", input);
    if (!frame_send(FRAME_CHILD_FD, head, NULL, 0, NULL, 0, &err))
        exit(92);
}

static int child_main(const char *task)
{
    struct frame frame;
    struct error err;

    if (strcmp(task, "world") == 0)
        child_describe();
    if (strcmp(task, "last-words") == 0) {
        for (int i = 0; i < 100; i++)
            child_say("word");
        return 3;
    }
    if (strcmp(task, "crash") == 0)
        raise(SIGKILL);
    if (strcmp(task, "garbage") == 0 && write(FRAME_CHILD_FD, "garbage", 7) != 7)
        return 93;
    if (strcmp(task, "stubborn") == 0) {
        child_say("ready");
        for (;;)
            pause();
    }
    struct frame_reader *reader = frame_reader_new();
    while (frame_receive(FRAME_CHILD_FD, reader, &frame, &err)) {
        bool asked = strcmp(task, "pong") == 0 && strcmp(json_get_text(frame.head, "op"), "ping") == 0;
        child_say(asked ? "pong" : "echo");
        frame_free(&frame);
    }
    frame_reader_free(reader);
    return 0;
}

/* --- the test's side */

struct watch {
    uv_loop_t loop;
    uv_timer_t limit;
    struct peer *peer;
    unsigned ups;
    unsigned downs;
    unsigned frames;
    unsigned downs_wanted; /* the loop stops there */
    unsigned frames_wanted;
    bool late;
    bool pause; /* from its start on */
    uint64_t up_ms[8];
    struct json *head; /* of the first frame */
    struct error why;
};

static char self[4096];

static void on_up(void *ctx)
{
    struct watch *watch = ctx;

    if (watch->ups < 8)
        watch->up_ms[watch->ups] = clock_boot_ms();
    watch->ups++;
    if (watch->pause)
        peer_pause(watch->peer, true);
    peer_send(watch->peer, json_new_texts("op", "hello", NULL), NULL, 0);
}

static void on_frame(void *ctx, struct frame *frame)
{
    struct watch *watch = ctx;

    if (watch->frames++ == 0)
        watch->head = mem_steal(&frame->head);
    if (watch->frames == watch->frames_wanted)
        uv_stop(&watch->loop);
}

static void on_down(void *ctx, const struct error *why)
{
    struct watch *watch = ctx;

    watch->downs++;
    watch->why = *why;
    if (watch->downs == watch->downs_wanted)
        uv_stop(&watch->loop);
}

static void on_limit(uv_timer_t *timer)
{
    struct watch *watch = timer->data;

    watch->late = true;
    uv_stop(&watch->loop);
}

static void watch_open_asking(struct watch *watch, const char *program, const char *task, bool once, int stdin_fd,
                              uint64_t rest_ms)
{
    const char *const argv[] = {program, task, NULL};
    struct peer_options options = {.name = "child",
                                   .argv = argv,
                                   .stdin_fd = stdin_fd,
                                   .once = once,
                                   .rest_ms = rest_ms,
                                   .answer_ms = 3 * rest_ms,
                                   .on_up = on_up,
                                   .on_frame = on_frame,
                                   .on_down = on_down};

    memset(watch, 0, sizeof(*watch));
    assert_int_equal(uv_loop_init(&watch->loop), 0);
    uv_timer_init(&watch->loop, &watch->limit);
    watch->limit.data = watch;
    watch->peer = peer_new(&watch->loop, &options, watch);
}

static void watch_open(struct watch *watch, const char *program, const char *task, bool once, int stdin_fd)
{
    watch_open_asking(watch, program, task, once, stdin_fd, 0);
}

/* Until what is wanted has come; fails after 15 s. */
static void watch_run(struct watch *watch)
{
    uv_timer_start(&watch->limit, on_limit, 15000, 0);
    uv_run(&watch->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&watch->limit);
    assert_false(watch->late);
}

static void watch_close(struct watch *watch)
{
    peer_free(watch->peer);
    uv_close((uv_handle_t *)&watch->limit, NULL);
    uv_run(&watch->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&watch->loop), 0);
    json_free(watch->head);
}

static void a_child_sees_only_what_is_meant_for_it(void **state)
{
    struct watch watch;
    int leak = open("/dev/null", O_RDONLY); /* as a careless library would */
    sigset_t mask;

    (void)state;
    setenv("DAVIT_TEST_SECRET", "secret", 1);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN);
    watch_open(&watch, self, "world", false, -1);
    watch.frames_wanted = 1;
    watch_run(&watch);
    assert_int_equal(json_get_integer(watch.head, "fds", -1), 0);
    assert_int_equal(json_get_integer(watch.head, "signals", -1), 0);
    assert_null(json_get_text(watch.head, "secret"));
    assert_string_equal(json_get_text(watch.head, "path"), getenv("PATH"));
    assert_string_equal(json_get_text(watch.head, "stdin"), "");
    watch_close(&watch);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    close(leak);
}

static void a_child_reads_the_standard_input_it_was_given(void **state)
{
    struct watch watch;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "layer", 5), 5);
    watch_open(&watch, self, "world", true, ends[0]);
    close(ends[0]);
    close(ends[1]);
    watch.frames_wanted = 1;
    watch_run(&watch);
    assert_string_equal(json_get_text(watch.head, "stdin"), "layer");
    watch_close(&watch);
}

static void all_last_words_come_before_the_end(void **state)
{
    struct watch watch;

    (void)state;
    watch_open(&watch, self, "last-words", true, -1);
    watch.downs_wanted = 1;
    watch_run(&watch);
    assert_int_equal(watch.frames, 100);
    assert_string_equal(watch.why.message, "child: it exited with status 3");
    assert_false(peer_is_up(watch.peer));
    assert_int_equal(peer_pid(watch.peer), 0);
    watch_close(&watch);
    assert_int_equal(watch.ups, 1);
    assert_int_equal(watch.downs, 1);
}

static void a_paused_child_that_ends_is_still_heard(void **state)
{
    struct watch watch;

    (void)state;
    watch_open(&watch, self, "last-words", true, -1);
    watch.pause = true;
    watch.downs_wanted = 1;
    watch_run(&watch);
    assert_int_equal(watch.frames, 100);
    watch_close(&watch);
}

static void a_crashing_child_comes_back_with_a_growing_pause(void **state)
{
    struct watch watch;

    (void)state;
    watch_open(&watch, self, "crash", false, -1);
    watch.downs_wanted = 4;
    watch_run(&watch);
    assert_int_equal(watch.ups, 4);
    assert_string_equal(watch.why.message, "child: it was killed by signal 9 (Killed)");
    assert_true(watch.up_ms[1] - watch.up_ms[0] >= 100);
    assert_true(watch.up_ms[2] - watch.up_ms[1] >= 200);
    assert_true(watch.up_ms[3] - watch.up_ms[2] >= 400);
    watch_close(&watch);
}

static void a_broken_frame_ends_the_child_and_says_why(void **state)
{
    struct watch watch;

    (void)state;
    watch_open(&watch, self, "garbage", false, -1);
    watch.downs_wanted = 1;
    watch_run(&watch);
    assert_non_null(strstr(watch.why.message, "broke the frame format"));
    assert_int_equal(watch.why.code, ERROR_INVALID);
    watch_close(&watch);
}

static void a_program_that_is_absent_is_named(void **state)
{
    struct watch watch;

    (void)state;
    watch_open(&watch, "/nonexistent/davit-link", "x", true, -1);
    watch.downs_wanted = 1;
    watch_run(&watch);
    assert_non_null(strstr(watch.why.message, "/nonexistent/davit-link"));
    assert_non_null(strstr(watch.why.message, "no such file"));
    assert_int_equal(watch.ups, 0);
    watch_close(&watch);
}

static void a_restart_kills_and_starts_again(void **state)
{
    struct watch watch;

    (void)state;
    watch_open(&watch, self, "stubborn", false, -1);
    watch.frames_wanted = 1;
    watch_run(&watch);
    pid_t first = peer_pid(watch.peer);
    peer_restart(watch.peer, "a call is over its deadline");
    peer_send(watch.peer, json_new_object(), NULL, 0); /* dropped */
    watch.frames_wanted = 2;
    watch_run(&watch);
    assert_int_equal(watch.downs, 1);
    assert_string_equal(watch.why.message, "child: ended: a call is over its deadline");
    assert_true(peer_pid(watch.peer) != first);
    assert_int_equal(kill(first, 0), -1);
    watch_close(&watch);
}

static void a_child_that_does_not_answer_is_another_one(void **state)
{
    struct watch watch;

    (void)state;
    watch_open_asking(&watch, self, "stubborn", false, -1, 100);
    watch.downs_wanted = 1;
    watch_run(&watch);
    assert_int_equal(watch.frames, 1);
    assert_string_equal(watch.why.message, "child: ended: it has not answered for 0 s");
    watch.frames_wanted = 2;
    watch_run(&watch);
    assert_int_equal(watch.ups, 2);
    watch_close(&watch);
}

static void on_second_limit(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void a_child_that_answers_lives_on_and_its_answers_are_nobody_elses(void **state)
{
    struct watch watch;

    (void)state;
    watch_open_asking(&watch, self, "pong", false, -1, 100);
    uv_timer_start(&watch.limit, on_second_limit, 1500, 0);
    uv_run(&watch.loop, UV_RUN_DEFAULT);
    assert_int_equal(watch.ups, 1);
    assert_int_equal(watch.downs, 0);
    assert_int_equal(watch.frames, 1); /* to the hello */
    watch_close(&watch);
}

static void a_freed_child_ends_by_itself_or_is_killed(void **state)
{
    struct watch watch;

    (void)state;
    watch_open(&watch, self, "echo", false, -1);
    watch.frames_wanted = 1;
    watch_run(&watch);
    pid_t quick = peer_pid(watch.peer);
    uint64_t start_ms = clock_boot_ms();
    watch_close(&watch);
    assert_true(clock_boot_ms() - start_ms < 4000);
    assert_int_equal(kill(quick, 0), -1);

    watch_open(&watch, self, "stubborn", false, -1);
    watch.frames_wanted = 1;
    watch_run(&watch);
    pid_t stubborn = peer_pid(watch.peer);
    start_ms = clock_boot_ms();
    watch_close(&watch);
    assert_true(clock_boot_ms() - start_ms >= 4900);
    assert_int_equal(kill(stubborn, 0), -1);
    assert_int_equal(watch.downs, 0);
}

static void a_peer_may_be_freed_before_it_ever_started(void **state)
{
    struct watch watch;

    (void)state;
    watch_open(&watch, self, "echo", false, -1);
    watch_close(&watch);
    assert_int_equal(watch.ups, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_sees_only_what_is_meant_for_it),
        cmocka_unit_test(a_child_reads_the_standard_input_it_was_given),
        cmocka_unit_test(all_last_words_come_before_the_end),
        cmocka_unit_test(a_paused_child_that_ends_is_still_heard),
        cmocka_unit_test(a_crashing_child_comes_back_with_a_growing_pause),
        cmocka_unit_test(a_broken_frame_ends_the_child_and_says_why),
        cmocka_unit_test(a_program_that_is_absent_is_named),
        cmocka_unit_test(a_restart_kills_and_starts_again),
        cmocka_unit_test(a_child_that_does_not_answer_is_another_one),
        cmocka_unit_test(a_child_that_answers_lives_on_and_its_answers_are_nobody_elses),
        cmocka_unit_test(a_freed_child_ends_by_itself_or_is_killed),
        cmocka_unit_test(a_peer_may_be_freed_before_it_ever_started),
    };

    if (argc > 1)
        return child_main(argv[1]);
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len < 0)
        return 1;
    log_init("test_peer", (enum log_level)0); /* what the children do is no news here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
