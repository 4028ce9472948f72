/* Samples that nobody could be told: in memory, under a quota, and as lines of a file. Pure. */
#ifndef MODEL_HISTORY_H
#define MODEL_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define HISTORY_BOOT_CHARS 8 /* of the boot id: enough to tell this boot from others */

struct history_sample {
    uint64_t wall_ms; /* 0: the clock was not set */
    uint64_t boot_ms; /* of the boot that it was taken in */
    char boot[HISTORY_BOOT_CHARS + 1];
    char *of;      /* "NS/RES/NAME"; "": the node. Owned */
    char *payload; /* the message without its `ts`. Owned */
    struct history_sample *prev, *next;
};

/* Takes `of` and `payload`. */
struct history_sample *history_sample_new(uint64_t wall_ms, uint64_t boot_ms, const char *boot, char *of_taken,
                                          char *payload_taken);
void history_sample_free(struct history_sample *sample);
/* When it was taken, by a clock that is set now; 0: nobody knows. */
uint64_t history_sample_ms(const struct history_sample *sample, const char *boot, uint64_t now_boot_ms, uint64_t now_wall_ms);

struct history {
    struct history_sample *samples; /* the oldest first */
    size_t count, bytes;
    size_t leaving; /* the first so many are on their way to the disk */
    uint64_t lost;
};

/* Takes the sample. Over `quota` bytes the oldest go, and are counted as lost unless they are leaving. */
void history_add(struct history *history, struct history_sample *sample, size_t quota);
struct history_sample *history_take(struct history *history); /* the oldest, the caller's now; NULL: none */
void history_clear(struct history *history);

/* A line of a file: it begins with a checksum of the rest. */
void history_write_line(const struct history_sample *sample, struct strbuf *out);
/* Appends what the lines of `text` say. How many lines say nothing: a torn end, a bit that fell over. */
size_t history_read_lines(const char *text, size_t len, struct history *out);

#endif
