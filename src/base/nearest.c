#include "base/nearest.h"

#include <string.h>

#define WORD_BYTES 24 /* longer ones have no near neighbour */
#define NEAR_EDITS 2

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, by rows. */
static size_t word_edits(const char *a, const char *b)
{
    size_t row[WORD_BYTES + 1];
    size_t b_len = strlen(b);
    if (strlen(a) > WORD_BYTES || b_len > WORD_BYTES)
        return WORD_BYTES;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            size_t changed = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = smaller(smaller(above, row[j - 1]) + 1, changed);
            corner = above;
        }
    }
    return row[b_len];
}

const char *nearest_word(const char *word, const void *first, size_t count, size_t size)
{
    const char *best = NULL;
    size_t best_edits = NEAR_EDITS + 1;
    for (size_t i = 0; i < count; i++) {
        const char *text = *(const char *const *)(const void *)((const char *)first + i * size);
        size_t edits = word_edits(word, text);
        if (edits < best_edits && edits < strlen(text)) {
            best = text;
            best_edits = edits;
        }
    }
    return best;
}
