/* A node as the tables and `describe` show it, and what is on it as `get -o yaml` does. */
#ifndef CLI_NODE_VIEW_H
#define CLI_NODE_VIEW_H

#include "cli/board.h"
#include "cli/columns.h"

extern const struct column NODE_COLUMNS[];

/* Ready, NotReady, Offline or Unknown; behind it what else there is to know. Fills CELL_BYTES. */
void node_word(const struct entry *entry, enum fleet_reach reach, char *out);
/* The v1 Node it has published; of one that is not reached nobody knows whether it is Ready, and that is what it says.
 * Of a node that has published none: its name. The caller frees.
 */
struct json *node_object(const struct entry *entry, enum fleet_reach reach);
/* The status of an object as it was published, with the node beside it, for one pod may be on many, and with the rest of the document
 * that rules it, where the board has it. The caller frees.
 */
struct json *workload_object(const struct board *board, const struct entry *entry);

#endif
