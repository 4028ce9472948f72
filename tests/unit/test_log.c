#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

/* stderr goes into a pipe while `write_lines` runs; what came out is returned. */
static const char *captured(void (*write_lines)(int pipe_end))
{
    static char text[16384];
    int ends[2];
    int saved = dup(STDERR_FILENO);

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    dup2(ends[1], STDERR_FILENO);
    write_lines(ends[1]);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t got = read(ends[0], text, sizeof(text) - 1);
    text[got > 0 ? got : 0] = '\0';
    close(ends[0]);
    close(ends[1]);
    return text;
}

static void lines_plain(int pipe_end)
{
    (void)pipe_end;
    log_init("davit-test", LOG_LEVEL_INFO);
    log_info("one %d", 1);
    log_debug("hidden");
    log_warn("two");
}

static void a_line_has_program_level_and_text(void **state)
{
    (void)state;
    assert_string_equal(captured(lines_plain), "davit-test: info: one 1\ndavit-test: warning: two\n");
}

static void lines_journal(int pipe_end)
{
    struct stat found;
    char stream[64];

    fstat(pipe_end, &found);
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)found.st_dev, (uintmax_t)found.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_init("davit-test", LOG_LEVEL_INFO);
    log_error("to the journal");
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_init("davit-test", LOG_LEVEL_INFO);
    log_error("not to the journal");
    unsetenv("JOURNAL_STREAM");
    log_init("davit-test", LOG_LEVEL_INFO);
}

static void the_journal_gets_a_priority_and_only_the_journal(void **state)
{
    (void)state;
    assert_string_equal(captured(lines_journal), "<3>to the journal\ndavit-test: error: not to the journal\n");
}

static void lines_repeated(int pipe_end)
{
    (void)pipe_end;
    for (int i = 0; i < 1000; i++)
        log_warn("again and again");
    log_warn("another");
}

static void the_same_text_is_written_once_a_minute(void **state)
{
    (void)state;
    assert_string_equal(captured(lines_repeated),
                        "davit-test: warning: again and again\ndavit-test: warning: another\n");
}

static void lines_forged(int pipe_end)
{
    (void)pipe_end;
    log_info("name: %s", "x\ndavitd: error: forged\x1b[2J");
}

static void a_line_from_outside_stays_one_line(void **state)
{
    (void)state;
    assert_string_equal(captured(lines_forged), "davit-test: info: name: x davitd: error: forged [2J\n");
}

static void lines_long(int pipe_end)
{
    AUTO_FREE char *text = mem_alloc(5001);

    (void)pipe_end;
    memset(text, 'x', 5000);
    log_info("%s", text);
}

static void a_long_line_is_cut_and_says_so(void **state)
{
    const char *line = captured(lines_long);

    (void)state;
    assert_true(strlen(line) < 2200);
    assert_string_equal(line + strlen(line) - 5, "x…\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_program_level_and_text),
        cmocka_unit_test(the_journal_gets_a_priority_and_only_the_journal),
        cmocka_unit_test(the_same_text_is_written_once_a_minute),
        cmocka_unit_test(a_line_from_outside_stays_one_line),
        cmocka_unit_test(a_long_line_is_cut_and_says_so),
    };

    unsetenv("JOURNAL_STREAM");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
