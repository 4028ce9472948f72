/* kubectl's tables: a heading in capitals, columns aligned, three spaces between them, nothing behind the last one. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_COLUMNS 16
#define TABLE_AGE_BYTES 48

struct table {
    size_t columns;
    size_t widths[TABLE_COLUMNS]; /* kept from print to print, so that the lines of -w stand under the heading */
    char **cells;                 /* rows of `columns` */
    size_t rows;
    bool heading_printed;
    bool has_no_heading;
    bool is_coloured;
    const char *headings[TABLE_COLUMNS];
};

void table_init(struct table *table);
void table_free(struct table *table);
#define AUTO_TABLE __attribute__((cleanup(table_free)))
/* The column STATUS in colours, where stdout is a terminal and NO_COLOR is not set. */
void table_for_terminal(struct table *table);
void table_no_heading(struct table *table); /* rows only */
/* Before the first row. `heading` must live as long as the table. */
void table_column(struct table *table, const char *heading);
/* Cells of a new row, one for each column, in order; copied; NULL or "" shows as <none>. Cleaned
 * of control characters.
 */
void table_row(struct table *table, const char *const *cells);
/* Writes the heading, once, and the rows, which are then gone. */
void table_print(struct table *table);

/* kubectl's ages: 45s, 5m12s, 3h4m, 2d5h, 12d, 3y120d. `out` holds TABLE_AGE_BYTES. since_ms 0: <unknown>. Returns
 * out.
 */
const char *table_age(uint64_t since_ms, uint64_t now_ms, char *out);

#endif
