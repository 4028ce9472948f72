#include "config.h"

#include "cli/log_lines.h"

#include <string.h>

#include "cli/status.h"

#define TIME_BYTES 64

/* The words behind the third space; NULL: it is no such line. */
static const char *words_of(const char *line, size_t len, bool *partial)
{
    const char *at = line, *end = line + len;
    for (int spaces = 0; at < end; at++) {
        if (*at != ' ')
            continue;
        if (++spaces == 2)
            *partial = at + 1 < end && at[1] == 'P';
        if (spaces == 3)
            return at + 1;
    }
    return NULL;
}

static uint64_t time_of(const char *line, size_t len)
{
    char text[TIME_BYTES];
    size_t stop = strcspn(line, " ");
    size_t kept = stop < len && stop < sizeof(text) ? stop : 0;
    memcpy(text, line, kept);
    text[kept] = '\0';
    return status_time_ms(text);
}

bool log_line_print(struct log_pick *pick, const char *line, size_t len, FILE *out)
{
    bool partial = false;
    const char *words = words_of(line, len, &partial);
    if (words == NULL)
        return true;
    bool begins = !pick->open;
    pick->open = partial;
    if (begins)
        pick->within = pick->since_ms == 0 || time_of(line, len) >= pick->since_ms;
    if (!pick->within)
        return true;
    size_t count = (size_t)(line + len - words);
    if (begins && pick->timestamps)
        (void)fprintf(out, "%.*s ", (int)strcspn(line, " "), line);
    int64_t room = pick->limit_bytes - pick->printed;
    if (pick->limit_bytes > 0 && (int64_t)count + 1 > room) {
        (void)fwrite(words, 1, room > 0 ? (size_t)room : 0, out);
        return false;
    }
    (void)fwrite(words, 1, count, out);
    if (!partial)
        (void)fputc('\n', out);
    pick->printed += (int64_t)count + 1;
    return true;
}

/* A line ends where a newline stands behind "F words": partial ones belong to the next. */
static bool is_whole(const char *text, size_t begin, size_t end)
{
    bool partial = false;
    return words_of(text + begin, end - begin, &partial) != NULL && !partial;
}

size_t log_tail_offset(const char *text, size_t len, int64_t lines)
{
    size_t end = len > 0 && text[len - 1] == '\n' ? len - 1 : len;
    if (lines <= 0)
        return len;
    while (end > 0) {
        size_t begin = end;
        while (begin > 0 && text[begin - 1] != '\n')
            begin--;
        if (is_whole(text, begin, end) && lines-- == 0)
            return end + 1;
        end = begin > 0 ? begin - 1 : 0;
        if (begin == 0)
            return 0;
    }
    return 0;
}
