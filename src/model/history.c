#include "model/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/digest.h"
#include "base/memory.h"

#define CHECK_CHARS 8
#define FIELDS 5 /* behind the checksum: wall clock, boot, boot clock, of, payload */
#define OF_NODE "-" /* no field of a line is empty */

struct history_sample *history_sample_new(uint64_t wall_ms, uint64_t boot_ms, const char *boot, char *of_taken,
                                          char *payload_taken)
{
    struct history_sample *sample = mem_alloc(sizeof(*sample));
    *sample = (struct history_sample){ .wall_ms = wall_ms, .boot_ms = boot_ms, .of = of_taken, .payload = payload_taken };
    (void)snprintf(sample->boot, sizeof(sample->boot), "%.*s", HISTORY_BOOT_CHARS, boot);
    return sample;
}

void history_sample_free(struct history_sample *sample)
{
    free(sample->of);
    free(sample->payload);
    free(sample);
}

uint64_t history_sample_ms(const struct history_sample *sample, const char *boot, uint64_t now_boot_ms, uint64_t now_wall_ms)
{
    if (sample->wall_ms != 0)
        return sample->wall_ms;
    bool known = strncmp(sample->boot, boot, HISTORY_BOOT_CHARS) == 0 && sample->boot_ms <= now_boot_ms;
    return known ? now_wall_ms - (now_boot_ms - sample->boot_ms) : 0;
}

static size_t bytes_of(const struct history_sample *sample)
{
    return sizeof(*sample) + strlen(sample->of) + strlen(sample->payload) + 2;
}

static void append(struct history *history, struct history_sample *sample)
{
    DL_APPEND(history->samples, sample);
    history->count++;
    history->bytes += bytes_of(sample);
}

void history_add(struct history *history, struct history_sample *sample, size_t quota)
{
    append(history, sample);
    while (history->bytes > quota && history->samples != NULL) {
        bool leaving = history->leaving > 0;
        history_sample_free(history_take(history));
        history->lost += !leaving;
    }
}

struct history_sample *history_take(struct history *history)
{
    struct history_sample *oldest = history->samples;
    if (oldest == NULL)
        return NULL;
    DL_DELETE(history->samples, oldest);
    history->count--;
    history->bytes -= bytes_of(oldest);
    history->leaving -= history->leaving > 0;
    return oldest;
}

void history_clear(struct history *history)
{
    while (history->samples != NULL)
        history_sample_free(history_take(history));
}

/* ---- lines */

static void check_of(const char *text, size_t len, char out[DIGEST_HEX_BYTES])
{
    digest_of(text, len, out);
    out[CHECK_CHARS] = '\0';
}

void history_write_line(const struct history_sample *sample, struct strbuf *out)
{
    char check[DIGEST_HEX_BYTES];
    AUTO_FREE char *rest = mem_printf("%" PRIu64 " %s %" PRIu64 " %s %s", sample->wall_ms, sample->boot, sample->boot_ms,
                                      sample->of[0] != '\0' ? sample->of : OF_NODE, sample->payload);
    check_of(rest, strlen(rest), check);
    strbuf_printf(out, "%s %s\n", check, rest);
}

/* NULL: nobody can say what it was. */
static struct history_sample *read_line(const char *line, size_t len)
{
    char check[DIGEST_HEX_BYTES];
    if (len <= CHECK_CHARS + 1 || line[CHECK_CHARS] != ' ')
        return NULL;
    AUTO_FREE char *rest = mem_strndup(line + CHECK_CHARS + 1, len - CHECK_CHARS - 1);
    check_of(rest, strlen(rest), check);
    if (strncmp(check, line, CHECK_CHARS) != 0)
        return NULL;
    char *fields[FIELDS] = { NULL }, *at = rest;
    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = i + 1 < FIELDS ? strsep(&at, " ") : at;
    for (size_t i = 0; i < FIELDS; i++)
        if (fields[i] == NULL || fields[i][0] == '\0')
            return NULL;
    const char *of = strcmp(fields[3], OF_NODE) != 0 ? fields[3] : "";
    return history_sample_new(strtoull(fields[0], NULL, 10), strtoull(fields[2], NULL, 10), fields[1], mem_strdup(of),
                              mem_strdup(fields[4]));
}

size_t history_read_lines(const char *text, size_t len, struct history *out)
{
    size_t broken = 0;
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line_len = end != NULL ? (size_t)(end - text) - at : len - at;
        struct history_sample *sample = end != NULL ? read_line(text + at, line_len) : NULL;
        if (sample != NULL)
            append(out, sample);
        broken += sample == NULL;
        at += line_len + 1;
    }
    return broken;
}
