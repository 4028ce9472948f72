/* conmon's lines: picked, put together and cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/log_lines.h"
#include "unit.h"

static const char text[] = "2026-11-24T10:00:00.5+00:00 stdout F one\n"
                           "2026-11-24T10:00:01.5+00:00 stdout P half \n"
                           "2026-11-24T10:00:02.5+00:00 stdout F line\n"
                           "2026-11-24T10:00:03.5+00:00 stderr F \n"
                           "2026-11-24T10:00:04.5+00:00 stdout F last\n";

static void prints(struct log_pick pick, const char *wanted)
{
    char *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&out, &size);
    bool more = true;
    for (const char *line = text; more && *line != '\0'; line = strchr(line, '\n') + 1)
        more = log_line_print(&pick, line, (size_t)(strchr(line, '\n') - line), file);
    fclose(file);
    assert_string_equal(out, wanted);
    free(out);
}

static void lines_are_put_together_and_picked(void **state)
{
    (void)state;
    prints((struct log_pick){ 0 }, "one\nhalf line\n\nlast\n");
    prints((struct log_pick){ .timestamps = true, .since_ms = 1795514404000 }, "2026-11-24T10:00:04.5+00:00 last\n");
    prints((struct log_pick){ .limit_bytes = 6 }, "one\nha");
}

static void the_tail_counts_whole_lines(void **state)
{
    (void)state;
    size_t len = strlen(text);
    assert_int_equal(log_tail_offset(text, len, 0), len);
    assert_string_equal(text + log_tail_offset(text, len, 1), strstr(text, "2026-11-24T10:00:04"));
    assert_string_equal(text + log_tail_offset(text, len, 3), strstr(text, "2026-11-24T10:00:01"));
    assert_int_equal(log_tail_offset(text, len, 100), 0);
    assert_int_equal(log_tail_offset(text, 0, 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_are_put_together_and_picked),
                                        cmocka_unit_test(the_tail_counts_whole_lines) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
