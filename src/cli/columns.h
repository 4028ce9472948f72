/* The columns of `davit get`, by kind: kubectl's, made of what a node says of an object. */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include "cli/board.h"

#define CELL_BYTES 256

/* The rest only with -o wide: before the node, and behind it. */
enum column_place { COLUMN_ALWAYS, COLUMN_WIDE, COLUMN_LAST };

struct column {
    const char *heading;
    /* Fills a cell of CELL_BYTES. */
    void (*cell)(const struct entry *entry, enum fleet_reach reach, char *out);
    enum column_place place;
    bool passes; /* it changes with time alone: no reason to print a line of -w */
};

/* Of a plural resource name; ends with heading NULL. Kinds without columns of their own have name, status and age. */
const struct column *columns_of(const char *resource);

#endif
