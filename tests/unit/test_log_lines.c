/* conmon's lines: picked, put together and cut, over files that are rotated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/rotated.h"
#include "protocol/log_lines.h"
#include "unit.h"

static const char text[] = "2026-11-24T10:00:00.5+00:00 stdout F one\n"
                           "2026-11-24T10:00:01.5+00:00 stdout P half \n"
                           "2026-11-24T10:00:02.5+00:00 stdout F line\n"
                           "2026-11-24T10:00:03.5+00:00 stderr F \n"
                           "2026-11-24T10:00:04.5+00:00 stdout F last\n";

/* In pieces of every size: the same comes out. */
static void prints(struct log_pick pick, const char *wanted)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct log_cutter cutter;
        AUTO_STRBUF struct strbuf out;
        strbuf_init(&out, 4096);
        log_cutter_init(&cutter);
        cutter.pick = pick;
        for (size_t at = 0; at < strlen(text); at += piece)
            log_cutter_add(&cutter, text + at, strlen(text) - at < piece ? strlen(text) - at : piece, &out);
        assert_string_equal(out.data, wanted);
        log_cutter_free(&cutter);
    }
}

static void lines_are_put_together_and_picked(void **state)
{
    (void)state;
    prints((struct log_pick){ 0 }, "one\nhalf line\n\nlast\n");
    prints((struct log_pick){ .timestamps = true, .since_ms = 1795514404000 }, "2026-11-24T10:00:04.5+00:00 last\n");
    prints((struct log_pick){ .limit_bytes = 6 }, "one\nha");
}

static void times_are_of_their_zone(void **state)
{
    static const char here[] = "2026-11-24T12:00:00.250000000+02:00 stdout F words";
    struct log_pick pick = { .since_ms = 1795514400251 };
    (void)state;
    AUTO_STRBUF struct strbuf out;
    strbuf_init(&out, 100);
    assert_true(log_line_pick(&pick, here, strlen(here), &out));
    assert_int_equal(out.len, 0);
    pick.since_ms--;
    assert_true(log_line_pick(&pick, here, strlen(here), &out));
    assert_string_equal(out.data, "words\n");
}

static char folder[] = "/tmp/davit-rotated-XXXXXX";
static char *path;

static void append(const char *words)
{
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    (void)fprintf(file, "2026-11-24T10:00:00+00:00 stdout F %s\n", words);
    fclose(file);
}

static void put_aside(void)
{
    struct error err;
    assert_true(rotated_put_aside(path, 4, &err));
}

static void take(struct rotated *log)
{
    int fds[ROTATED_FILES];
    size_t count = rotated_open(path, fds);
    rotated_take(log, fds, count);
}

static void reads_as(struct rotated *log, bool raw, const char *wanted)
{
    char data[7];
    struct log_cutter cutter;
    AUTO_STRBUF struct strbuf out;
    strbuf_init(&out, 4096);
    log_cutter_init(&cutter);
    cutter.pick.raw = raw;
    for (ssize_t got; (got = rotated_read(log, data, sizeof(data))) > 0;)
        log_cutter_add(&cutter, data, (size_t)got, &out);
    assert_string_equal(out.data != NULL ? out.data : "", wanted);
    log_cutter_free(&cutter);
}

static void reads(struct rotated *log, const char *wanted)
{
    reads_as(log, false, wanted);
}

static void a_rotated_log_is_read_in_order_once(void **state)
{
    struct rotated log = { .count = 0 }, whole = { .count = 0 };
    (void)state;
    append("1");
    take(&log);
    reads(&log, "1\n");
    append("2");
    put_aside(); /* whoever writes goes on in it */
    take(&log);
    reads(&log, "2\n");
    append("3");
    take(&log);
    append("4");
    put_aside();
    append("5");
    reads(&log, "3\n4\n");
    take(&log);
    take(&log);
    reads(&log, "5\n");
    reads(&log, "");
    assert_false(log.gap);
    take(&whole);
    reads(&whole, "1\n2\n3\n4\n5\n");
    /* It goes on although its file is gone, and says that something is missing. */
    for (int i = 6; i < 20; i++) {
        char words[16];
        (void)snprintf(words, sizeof(words), "%d", i);
        put_aside();
        append(words);
    }
    take(&log);
    reads(&log, "15\n16\n17\n18\n19\n");
    assert_true(log.gap);
    rotated_close(&log);
    rotated_close(&whole);
}

static void the_tail_goes_over_files(void **state)
{
    static const struct {
        int64_t lines;
        const char *wanted;
    } tails[] = { { 0, "" }, { 1, "19\n" }, { 3, "17\n18\n19\n" }, { 100, "15\n16\n17\n18\n19\n" } };
    struct error err;
    (void)state;
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        struct rotated log = { .count = 0 };
        take(&log);
        assert_true(rotated_seek_tail(&log, tails[i].lines, log_line_ends, &err));
        reads(&log, tails[i].wanted);
        rotated_close(&log);
    }
    /* A file larger than a block, and a line that was cut. */
    for (int i = 0; i < 5000; i++)
        append("many words that fill it");
    FILE *file = fopen(path, "a");
    (void)fputs("2026-11-24T10:00:00+00:00 stdout P half \n2026-11-24T10:00:00+00:00 stdout F line\n", file);
    fclose(file);
    struct rotated log = { .count = 0 };
    take(&log);
    assert_true(rotated_seek_tail(&log, 2, log_line_ends, &err));
    reads(&log, "many words that fill it\nhalf line\n");
    rotated_close(&log);
    take(&log);
    assert_true(rotated_seek_tail(&log, 4999, log_line_ends, &err));
    assert_int_equal(log.count, 1);
    rotated_close(&log);
    rotated_remove(path);
    assert_int_equal(rotated_open(path, log.fds), 0);
}

static void a_raw_log_is_passed_on_as_it_is(void **state)
{
    (void)state;
    static const char boot[] = "[    0.0] Linux\r\n\033[32mlogin:\033[0m ";
    struct log_cutter cutter;
    AUTO_STRBUF struct strbuf out;
    strbuf_init(&out, 1024);
    log_cutter_init(&cutter);
    cutter.pick.raw = true;
    log_cutter_add(&cutter, boot, 9, &out); /* cut anywhere */
    log_cutter_add(&cutter, boot + 9, sizeof(boot) - 10, &out);
    assert_string_equal(out.data, boot);
    assert_false(cutter.full);
    cutter.pick.limit_bytes = cutter.pick.printed + 3;
    log_cutter_add(&cutter, "root\n", 5, &out);
    assert_true(cutter.full);
    assert_string_equal(out.data + sizeof(boot) - 1, "roo");
    log_cutter_free(&cutter);
}

static void put(const char *bytes)
{
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    (void)fputs(bytes, file);
    fclose(file);
}

static void reads_raw(struct rotated *log, const char *wanted)
{
    reads_as(log, true, wanted);
}

/* As virtlogd does it, with two that are put aside. */
static void shift(void)
{
    AUTO_FREE char *second = mem_printf("%s.1", path);
    AUTO_FREE char *first = mem_printf("%s.0", path);
    (void)rename(first, second);
    assert_int_equal(rename(path, first), 0);
}

static void take_shifted(struct rotated *log)
{
    int fds[ROTATED_FILES];
    size_t count = rotated_open_shifted(path, fds);
    rotated_take(log, fds, count);
}

static void a_log_whose_files_are_shifted_is_read_in_order_once(void **state)
{
    (void)state;
    struct rotated log = { .count = 0 };
    struct error err;
    put("one\n");
    take_shifted(&log);
    reads_raw(&log, "one\n");
    put("two\n");
    shift();
    put("three\n");
    shift();
    put("four\n");
    take_shifted(&log);
    reads_raw(&log, "two\nthree\nfour\n");
    assert_false(log.gap);
    shift(); /* one goes */
    put("five\n");
    shift();
    put("six\n");
    take_shifted(&log);
    reads_raw(&log, "five\nsix\n");
    rotated_close(&log);
    take_shifted(&log);
    assert_true(rotated_seek_tail(&log, 2, log_line_is_any, &err));
    reads_raw(&log, "five\nsix\n");
    rotated_close(&log);
    for (int i = 0; i < 2; i++) {
        AUTO_FREE char *name = mem_printf("%s.%d", path, i);
        (void)unlink(name);
    }
    rotated_remove(path);
}

static int make_folder(void **state)
{
    (void)state;
    path = mkdtemp(folder) != NULL ? mem_printf("%s/0.log", folder) : NULL;
    return path != NULL ? 0 : 1;
}

static int remove_folder(void **state)
{
    (void)state;
    free(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_are_put_together_and_picked),
                                        cmocka_unit_test(times_are_of_their_zone),
                                        cmocka_unit_test(a_rotated_log_is_read_in_order_once),
                                        cmocka_unit_test(the_tail_goes_over_files),
                                        cmocka_unit_test(a_raw_log_is_passed_on_as_it_is),
                                        cmocka_unit_test(a_log_whose_files_are_shifted_is_read_in_order_once) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
