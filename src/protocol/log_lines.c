#include "protocol/log_lines.h"

#include <string.h>
#include <time.h>

#define TIME_BYTES 64
#define LINE_BYTES (1024 * 1024) /* no line of conmon is nearly so long; what is, is no log */

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

/* "+02:00", behind the fraction; conmon writes the time of the place. */
static int64_t zone_ms(const char *at)
{
    at += *at == '.' ? 1 + strspn(at + 1, "0123456789") : 0;
    if ((*at != '+' && *at != '-') || strlen(at) < 6)
        return 0;
    int64_t minutes = ((at[1] - '0') * 10 + at[2] - '0') * 60 + (at[4] - '0') * 10 + at[5] - '0';
    return (*at == '-' ? -minutes : minutes) * 60000;
}

static uint64_t time_of(const char *line, size_t len)
{
    char text[TIME_BYTES];
    struct tm broken_down = { 0 };
    const char *space = memchr(line, ' ', len);
    size_t kept = space != NULL && space - line < TIME_BYTES ? (size_t)(space - line) : 0;
    memcpy(text, line, kept);
    text[kept] = '\0';
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &broken_down);
    if (end == NULL)
        return 0;
    int64_t fraction = 0;
    for (int i = 1, scale = 100; end[0] == '.' && i <= 3 && end[i] >= '0' && end[i] <= '9'; i++, scale /= 10)
        fraction += (end[i] - '0') * scale;
    int64_t ms = (int64_t)timegm(&broken_down) * 1000 + fraction - zone_ms(end);
    return ms > 0 ? (uint64_t)ms : 0;
}

bool log_line_pick(struct log_pick *pick, const char *line, size_t len, struct strbuf *out)
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
        strbuf_add_bytes(out, line, (size_t)((const char *)memchr(line, ' ', len) - line) + 1);
    int64_t room = pick->limit_bytes - pick->printed;
    if (pick->limit_bytes > 0 && (int64_t)count + 1 > room) {
        strbuf_add_bytes(out, words, room > 0 ? (size_t)room : 0);
        return false;
    }
    strbuf_add_bytes(out, words, count);
    if (!partial)
        strbuf_add_bytes(out, "\n", 1);
    pick->printed += (int64_t)count + 1;
    return true;
}

bool log_line_ends(const char *line, size_t len)
{
    bool partial = false;
    return words_of(line, len, &partial) != NULL && !partial;
}

bool log_line_is_any(const char *line, size_t len)
{
    (void)line;
    (void)len;
    return true;
}

void log_cutter_init(struct log_cutter *cutter)
{
    *cutter = (struct log_cutter){ .full = false };
    strbuf_init(&cutter->rest, LINE_BYTES);
}

static void add_raw(struct log_cutter *cutter, const char *data, size_t len, struct strbuf *out)
{
    struct log_pick *pick = &cutter->pick;
    size_t room = pick->limit_bytes > pick->printed ? (size_t)(pick->limit_bytes - pick->printed) : 0;
    size_t count = pick->limit_bytes == 0 || len < room ? len : room;
    strbuf_add_bytes(out, data, count);
    pick->printed += (int64_t)count;
    cutter->full = pick->limit_bytes > 0 && pick->printed >= pick->limit_bytes;
}

void log_cutter_add(struct log_cutter *cutter, const char *data, size_t len, struct strbuf *out)
{
    const char *end = data + len;
    if (cutter->pick.raw) {
        add_raw(cutter, data, len, out);
        return;
    }
    for (const char *newline; !cutter->full && (newline = memchr(data, '\n', (size_t)(end - data))) != NULL; data = newline + 1) {
        const char *line = data;
        size_t line_len = (size_t)(newline - data);
        if (cutter->rest.len > 0) {
            strbuf_add_bytes(&cutter->rest, data, line_len);
            line = cutter->rest.data;
            line_len = cutter->rest.len;
        }
        cutter->full = !log_line_pick(&cutter->pick, line, line_len, out);
        cutter->rest.len = 0;
        cutter->rest.overflow = false;
    }
    if (!cutter->full)
        strbuf_add_bytes(&cutter->rest, data, (size_t)(end - data));
}

void log_cutter_free(struct log_cutter *cutter)
{
    strbuf_free(&cutter->rest);
}
