/* What `davit top` writes into a cell. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/top.h"

#define MEBIBYTE 1048576

/* kubectl rounds CPU up and memory down. */
const char *top_cpu_cell(const struct json *use, char out[TOP_CELL_BYTES])
{
    double cores = 0;
    if (!json_number(json_get(use, "cpu_cores"), &cores))
        return "<unknown>";
    (void)snprintf(out, TOP_CELL_BYTES, "%.0fm", ceil(cores * 1000));
    return out;
}

const char *top_size_cell(const struct json *use, const char *key, char out[TOP_CELL_BYTES])
{
    int64_t bytes = json_get_integer(use, key, -1);
    if (bytes < 0)
        return "-";
    (void)snprintf(out, TOP_CELL_BYTES, "%" PRId64 "Mi", bytes / MEBIBYTE);
    return out;
}

/* "12Mi/3Mi"; a dash where it is not known, as of a pod in the host's network. */
const char *top_pair_cell(const struct json *use, const char *first, const char *second, char out[TOP_CELL_BYTES])
{
    char a[TOP_CELL_BYTES], b[TOP_CELL_BYTES];
    if (json_get(use, first) == NULL)
        return "-";
    (void)snprintf(out, TOP_CELL_BYTES, "%.30s/%.30s", top_size_cell(use, first, a), top_size_cell(use, second, b));
    return out;
}

const char *top_share_cell(double part, double whole, char out[TOP_CELL_BYTES])
{
    if (part < 0 || whole <= 0)
        return "<unknown>";
    (void)snprintf(out, TOP_CELL_BYTES, "%.0f%%", floor(part * 100 / whole));
    return out;
}

double top_number(const struct json *object, const char *key)
{
    double value = -1;
    return json_number(json_get(object, key), &value) ? value : -1;
}
