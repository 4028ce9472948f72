/* davit top: its cells, and what of it is of many nodes. */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include "base/json.h"
#include "cli/output.h"
#include "cli/verbs.h"

#define TOP_CELL_BYTES 64

const char *top_cpu_cell(const struct json *use, char out[TOP_CELL_BYTES]);
const char *top_size_cell(const struct json *use, const char *key, char out[TOP_CELL_BYTES]);
/* "12Mi/3Mi"; a dash where it is not known, as of a pod in the host's network. */
const char *top_pair_cell(const struct json *use, const char *first, const char *second, char out[TOP_CELL_BYTES]);
const char *top_share_cell(double part, double whole, char out[TOP_CELL_BYTES]);
double top_number(const struct json *object, const char *key); /* -1: there is none */

/* Of many nodes: what they told last of themselves, or (`resource`, "pods") of what is on them. Nobody is asked. */
enum exit_code top_fleet(const struct options *options, const char *resource, const char *name, enum output output,
                         struct error *err);

#endif
