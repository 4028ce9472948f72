#include "config.h"

#include "cli/table.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/text.h"

#define GAP 3

void table_init(struct table *table)
{
    *table = (struct table){0};
}

void table_for_terminal(struct table *table)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    table->is_coloured = isatty(STDOUT_FILENO) != 0 && (no_color == NULL || *no_color == '\0') &&
                         (term == NULL || strcmp(term, "dumb") != 0);
}

void table_no_heading(struct table *table)
{
    table->has_no_heading = table->heading_printed = true;
    memset(table->widths, 0, sizeof(table->widths));
}

static void drop_rows(struct table *table)
{
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->rows = 0;
}

void table_free(struct table *table)
{
    drop_rows(table);
}

/* Characters, not bytes: UTF-8's continuation bytes take no place. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        if (((unsigned char)*text & 0xC0) != 0x80)
            width++;
    return width;
}

void table_column(struct table *table, const char *heading)
{
    if (table->columns == TABLE_COLUMNS)
        return;
    table->widths[table->columns] = table->has_no_heading ? 0 : width_of(heading);
    table->headings[table->columns++] = heading;
}

static char *cell_new(const char *text)
{
    return text_clean(mem_strdup(text != NULL && *text != '\0' ? text : "<none>"));
}

void table_row(struct table *table, const char *const *cells)
{
    if (table->rows % 64 == 0)
        table->cells = mem_resize(table->cells, (table->rows + 64) * table->columns, sizeof(*table->cells));
    for (size_t i = 0; i < table->columns; i++) {
        char *cell = cell_new(cells[i]);
        size_t width = width_of(cell);
        if (width > table->widths[i])
            table->widths[i] = width;
        table->cells[table->rows * table->columns + i] = cell;
    }
    table->rows++;
}

/* A word of STATUS: all is well, something is wrong, or it is on its way. */
static const char *colour_of(const char *word)
{
    static const char *const good[] = {"Ready", "Running", "Succeeded", "Completed", "Complete", "Bound", "Available", "Stored"};
    static const char *const bad[] = {"Err", "BackOff", "Fail", "NotReady", "Offline", "Refused", "Invalid", "Evicted", "OOMKilled"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (strstr(word, bad[i]) != NULL)
            return "\033[31m";
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (strcmp(word, good[i]) == 0)
            return "\033[32m";
    return "\033[33m";
}

static void print_line(const struct table *table, const char *const *cells)
{
    for (size_t i = 0; i < table->columns; i++) {
        bool coloured = table->is_coloured && cells != table->headings && strcmp(table->headings[i], "STATUS") == 0;
        if (coloured)
            printf("%s%s\033[0m", colour_of(cells[i]), cells[i]);
        else
            (void)fputs(cells[i], stdout);
        if (i + 1 < table->columns)
            printf("%*s", (int)(table->widths[i] + GAP - width_of(cells[i])), "");
    }
    putchar('\n');
}

void table_print(struct table *table)
{
    if (!table->heading_printed)
        print_line(table, table->headings);
    table->heading_printed = true;
    for (size_t i = 0; i < table->rows; i++)
        print_line(table, (const char *const *)table->cells + i * table->columns);
    (void)fflush(stdout);
    drop_rows(table);
}

/* Kubernetes: apimachinery's HumanDuration, where it changes its two units. */
static const struct {
    uint64_t below_s;
    uint64_t big_s;
    const char *big;
    uint64_t small_s;
    const char *small; /* NULL: the big unit alone */
} AGES[] = {
    {120, 1, "s", 1, NULL},          {600, 60, "m", 1, "s"},           {10800, 60, "m", 1, NULL},
    {28800, 3600, "h", 60, "m"},     {172800, 3600, "h", 1, NULL},     {691200, 86400, "d", 3600, "h"},
    {63072000, 86400, "d", 1, NULL}, {252288000, 31536000, "y", 86400, "d"}, {UINT64_MAX, 31536000, "y", 1, NULL},
};

const char *table_age(uint64_t since_ms, uint64_t now_ms, char *out)
{
    uint64_t seconds = now_ms > since_ms ? (now_ms - since_ms) / 1000 : 0;
    size_t i = 0;
    while (seconds >= AGES[i].below_s)
        i++;
    unsigned long long big = seconds / AGES[i].big_s;
    unsigned long long small = seconds % AGES[i].big_s / AGES[i].small_s;
    if (since_ms == 0)
        (void)snprintf(out, TABLE_AGE_BYTES, "<unknown>");
    else if (AGES[i].small == NULL || small == 0)
        (void)snprintf(out, TABLE_AGE_BYTES, "%llu%s", big, AGES[i].big);
    else
        (void)snprintf(out, TABLE_AGE_BYTES, "%llu%s%llu%s", big, AGES[i].big, small, AGES[i].small);
    return out;
}
