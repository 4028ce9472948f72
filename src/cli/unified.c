#include "config.h"

#include "cli/unified.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

#define CONTEXT 3
/* Of the table below; where the two texts have more, all between their common ends is shown as replaced. */
#define CELLS 4000000

struct lines {
    char *text; /* cut into lines */
    const char **items;
    size_t count;
};

struct edits {
    char *signs; /* ' ', '-', '+' */
    const char **items;
    size_t count;
};

static struct lines split(const char *text)
{
    struct lines lines = {.text = mem_strdup(text)};
    size_t most = 1;
    for (const char *c = text; *c != '\0'; c++)
        most += *c == '\n' ? 1 : 0;
    lines.items = mem_array(most, sizeof(*lines.items));
    for (char *at = lines.text; *at != '\0';) {
        char *end = at + strcspn(at, "\n");
        lines.items[lines.count++] = at;
        at = *end != '\0' ? end + 1 : end;
        *end = '\0';
    }
    return lines;
}

static void lines_free(struct lines *lines)
{
    free(lines->text);
    free(lines->items);
}

static void edit_add(struct edits *edits, char sign, const char *item)
{
    edits->signs[edits->count] = sign;
    edits->items[edits->count++] = item;
}

/* table[i][j] is the length of the longest common subsequence of what comes from there on. The caller frees. */
static uint32_t *common_lengths(const char **a, size_t a_count, const char **b, size_t b_count)
{
    size_t wide = b_count + 1;
    uint32_t *table = mem_array((a_count + 1) * wide, sizeof(*table));
    for (size_t row = a_count; row-- > 0;)
        for (size_t column = b_count; column-- > 0;) {
            uint32_t below = table[(row + 1) * wide + column], right = table[row * wide + column + 1];
            table[row * wide + column] = strcmp(a[row], b[column]) == 0 ? table[(row + 1) * wide + column + 1] + 1
                                         : below >= right              ? below
                                                                       : right;
        }
    return table;
}

/* What stands between the common ends. */
static void compare_middle(const char **a, size_t a_count, const char **b, size_t b_count, struct edits *edits)
{
    size_t i = 0, j = 0, wide = b_count + 1;
    AUTO_FREE uint32_t *table = a_count < CELLS / wide ? common_lengths(a, a_count, b, b_count) : NULL;
    while (table != NULL && i < a_count && j < b_count) {
        if (strcmp(a[i], b[j]) == 0) {
            edit_add(edits, ' ', a[i++]);
            j++;
        } else if (table[(i + 1) * wide + j] >= table[i * wide + j + 1]) {
            edit_add(edits, '-', a[i++]);
        } else {
            edit_add(edits, '+', b[j++]);
        }
    }
    while (i < a_count)
        edit_add(edits, '-', a[i++]);
    while (j < b_count)
        edit_add(edits, '+', b[j++]);
}

static void compare(const struct lines *a, const struct lines *b, struct edits *edits)
{
    size_t head = 0, tail = 0, least = a->count < b->count ? a->count : b->count;
    while (head < least && strcmp(a->items[head], b->items[head]) == 0)
        edit_add(edits, ' ', a->items[head++]);
    while (tail < least - head && strcmp(a->items[a->count - 1 - tail], b->items[b->count - 1 - tail]) == 0)
        tail++;
    compare_middle(a->items + head, a->count - head - tail, b->items + head, b->count - head - tail, edits);
    for (size_t i = a->count - tail; i < a->count; i++)
        edit_add(edits, ' ', a->items[i]);
}

/* Where the hunk that begins at `from` ends: behind it come more than 2 * CONTEXT lines that are the same, or none. */
static size_t hunk_end(const struct edits *edits, size_t from)
{
    size_t end = from, same = 0;
    for (size_t i = from; i < edits->count && same <= 2 * CONTEXT; i++) {
        same = edits->signs[i] == ' ' ? same + 1 : 0;
        end = edits->signs[i] == ' ' ? end : i + 1;
    }
    return end + CONTEXT < edits->count ? end + CONTEXT : edits->count;
}

static size_t count_sides(const struct edits *edits, size_t from, size_t to, char other)
{
    size_t count = 0;
    for (size_t i = from; i < to; i++)
        count += edits->signs[i] != other ? 1 : 0;
    return count;
}

static void add_hunk(const struct edits *edits, size_t begin, size_t end, struct strbuf *out)
{
    size_t old_count = count_sides(edits, begin, end, '+'), new_count = count_sides(edits, begin, end, '-');
    size_t old_first = count_sides(edits, 0, begin, '+') + (old_count > 0 ? 1 : 0);
    size_t new_first = count_sides(edits, 0, begin, '-') + (new_count > 0 ? 1 : 0);
    strbuf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", old_first, old_count, new_first, new_count);
    for (size_t i = begin; i < end; i++)
        strbuf_printf(out, "%c%s\n", edits->signs[i], edits->items[i]);
}

bool unified_diff(const char *old_name, const char *new_name, const char *old_text, const char *new_text, struct strbuf *out)
{
    if (strcmp(old_text, new_text) == 0)
        return false;
    struct lines a = split(old_text), b = split(new_text);
    struct edits edits = {.signs = mem_alloc(a.count + b.count + 1),
                          .items = mem_array(a.count + b.count + 1, sizeof(*edits.items))};
    compare(&a, &b, &edits);
    strbuf_printf(out, "--- %s\n+++ %s\n", old_name, new_name);
    for (size_t i = 0; i < edits.count;) {
        if (edits.signs[i] == ' ') {
            i++;
            continue;
        }
        size_t end = hunk_end(&edits, i);
        add_hunk(&edits, i > CONTEXT ? i - CONTEXT : 0, end, out);
        i = end;
    }
    free(edits.signs);
    free(edits.items);
    lines_free(&a);
    lines_free(&b);
    return true;
}
