/* davit top: what pods and the machine use now, with kubectl's columns. davitd samples it when asked. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/fleet.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "cli/top.h"
#include "cli/verbs.h"
#include "protocol/names.h"

struct row {
    const char *namespace, *pod, *container; /* container NULL: the pod as a whole */
    const struct json *use, *shared; /* shared: where network and disk are told; NULL: nowhere */
};

struct rows {
    struct row *list;
    size_t count;
};

/* ---- pods */

static int by_name(const void *a, const void *b)
{
    const struct row *one = a, *other = b;
    int order = strcmp(one->namespace, other->namespace);
    order = order != 0 ? order : strcmp(one->pod, other->pod);
    if (order != 0 || one->container == NULL || other->container == NULL)
        return order;
    return strcmp(one->container, other->container);
}

static int by_number(const void *a, const void *b, const char *key)
{
    double one = top_number(((const struct row *)a)->use, key), other = top_number(((const struct row *)b)->use, key);
    if (one > other)
        return -1;
    return one < other ? 1 : by_name(a, b);
}

static int by_cpu(const void *a, const void *b)
{
    return by_number(a, b, "cpu_cores");
}

static int by_memory(const void *a, const void *b)
{
    return by_number(a, b, "memory_bytes");
}

static void row_add(struct rows *rows, const struct json *pod, const struct json *container)
{
    const char *namespace = json_get_text(pod, "namespace"), *name = json_get_text(pod, "name");
    const char *own = json_get_text(container, "name");
    rows->list = mem_resize(rows->list, rows->count + 1, sizeof(*rows->list));
    rows->list[rows->count++] = (struct row){ .namespace = namespace != NULL ? namespace : "",
                                              .pod = name != NULL ? name : "",
                                              .container = container != NULL ? own != NULL ? own : "" : NULL,
                                              .use = container != NULL ? container : pod,
                                              .shared = container != NULL ? NULL : pod };
}

static void rows_fill(const struct options *options, const struct json *pods, struct rows *rows)
{
    JSON_EACH(pod, pods) {
        if (!options->containers)
            row_add(rows, pod, NULL);
        JSON_EACH(container, options->containers ? json_get(pod, "containers") : NULL)
            row_add(rows, pod, container);
    }
    if (rows->count == 0)
        return;
    const char *key = options->sort_by;
    qsort(rows->list, rows->count, sizeof(*rows->list),
          key == NULL ? by_name : strcmp(key, "cpu") == 0 ? by_cpu : by_memory);
}

static void row_print(const struct options *options, const struct row *row, bool wide, struct table *table)
{
    const char *cells[TABLE_COLUMNS];
    char cpu[TOP_CELL_BYTES], memory[TOP_CELL_BYTES], pids[TOP_CELL_BYTES], net[TOP_CELL_BYTES], io[TOP_CELL_BYTES], disk[TOP_CELL_BYTES];
    size_t count = 0;
    if (options->all_namespaces)
        cells[count++] = row->namespace;
    cells[count++] = row->pod;
    if (options->containers)
        cells[count++] = row->container;
    cells[count++] = top_cpu_cell(row->use, cpu);
    cells[count++] = top_size_cell(row->use, "memory_bytes", memory);
    if (wide) {
        (void)snprintf(pids, sizeof(pids), "%" PRId64, json_get_integer(row->use, "pids", 0));
        cells[count++] = pids;
        cells[count++] = top_pair_cell(row->shared, "network_rx_bytes", "network_tx_bytes", net);
        cells[count++] = top_pair_cell(row->use, "io_read_bytes", "io_write_bytes", io);
        cells[count++] = top_size_cell(row->use, "disk_bytes", disk);
    }
    table_row(table, cells);
}

static void pods_print(const struct options *options, const struct json *pods, bool wide)
{
    static const char *const wide_headings[] = { "PIDS", "NET(rx/tx)", "IO(read/write)", "DISK(bytes)" };
    struct rows rows = { 0 };
    AUTO_TABLE struct table table;
    table_init(&table);
    if (options->all_namespaces)
        table_column(&table, "NAMESPACE");
    table_column(&table, options->containers ? "POD" : "NAME");
    if (options->containers)
        table_column(&table, "NAME");
    table_column(&table, "CPU(cores)");
    table_column(&table, "MEMORY(bytes)");
    for (size_t i = 0; wide && i < sizeof(wide_headings) / sizeof(wide_headings[0]); i++)
        table_column(&table, wide_headings[i]);
    rows_fill(options, pods, &rows);
    for (size_t i = 0; i < rows.count; i++)
        row_print(options, &rows.list[i], wide, &table);
    table_print(&table);
    free(rows.list);
}

static enum exit_code top_workloads(const struct options *options, const char *resource, const char *name, enum output output,
                                    const struct json *answer, struct error *err)
{
    const struct json *pods = json_get(answer, "pods");
    if (json_size(pods) == 0 && name != NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "%s \"%s\" not found, or nothing of it runs, in namespace \"%s\"",
                        resource, name, options->ns);
        return EXIT_CODE_NOT_FOUND;
    }
    if (output == OUTPUT_JSON || output == OUTPUT_YAML)
        output_objects(output, pods, name != NULL);
    else if (json_size(pods) > 0)
        pods_print(options, pods, output == OUTPUT_WIDE);
    else if (options->all_namespaces)
        (void)fprintf(stderr, "No %s run on this device.\n", resource);
    else
        (void)fprintf(stderr, "No %s run in namespace \"%s\".\n", resource, options->ns);
    return EXIT_CODE_OK;
}

/* ---- the node */

static enum exit_code top_node(enum output output, const struct json *answer)
{
    static const char *const headings[] = { "NAME",      "CPU(cores)",   "CPU(%)", "MEMORY(bytes)",
                                            "MEMORY(%)", "DISK(bytes)", "DISK(%)" };
    const struct json *node = json_get(answer, "node");
    char cpu[TOP_CELL_BYTES], cpu_share[TOP_CELL_BYTES], memory[TOP_CELL_BYTES], memory_share[TOP_CELL_BYTES], disk[TOP_CELL_BYTES];
    char disk_share[TOP_CELL_BYTES];
    if (output == OUTPUT_JSON || output == OUTPUT_YAML) {
        AUTO_JSON struct json *list = json_new_array();
        json_add(list, json_copy(node));
        output_objects(output, list, true);
        return EXIT_CODE_OK;
    }
    AUTO_TABLE struct table table;
    table_init(&table);
    for (size_t i = 0; i < (output == OUTPUT_WIDE ? 7 : 5); i++)
        table_column(&table, headings[i]);
    AUTO_JSON struct json *used = json_new_object();
    double whole = top_number(node, "disk_bytes"), left = top_number(node, "disk_free_bytes");
    if (whole >= 0 && left >= 0)
        json_set_integer(used, "bytes", (int64_t)(whole - left));
    const char *const cells[] = { json_get_text(node, "name"),
                                  top_cpu_cell(node, cpu),
                                  top_share_cell(top_number(node, "cpu_cores"), top_number(node, "cpu_capacity_cores"), cpu_share),
                                  top_size_cell(node, "memory_bytes", memory),
                                  top_share_cell(top_number(node, "memory_bytes"), top_number(node, "memory_capacity_bytes"),
                                             memory_share),
                                  top_size_cell(used, "bytes", disk),
                                  top_share_cell(whole - left, whole, disk_share) };
    table_row(&table, cells);
    table_print(&table);
    return EXIT_CODE_OK;
}

/* ---- */

static bool is_word_of(const char *word, const char *singular)
{
    size_t len = strlen(singular);
    return strncmp(word, singular, len) == 0 && (word[len] == '\0' || strcmp(word + len, "s") == 0);
}

/* What of the device: NODE is all of it. */
enum what { PODS, VMS, ALL, NODE };

static const char *const resources[] = { [PODS] = "pods", [VMS] = "virtualmachines" };

static struct json *ask(const struct options *options, const char *name, enum what what, bool wide, struct error *err)
{
    AUTO_JSON struct json *request = json_new_object();
    if (what != NODE && !options->all_namespaces)
        json_set_text(request, "namespace", options->ns);
    AUTO_FREE char *object = name != NULL ? mem_printf("%s/%s", resources[what], name) : NULL;
    json_set_text(request, "object", object);
    if (what == PODS || what == VMS)
        json_set_text(request, "resource", resources[what]);
    json_set_boolean(request, "disk", what != NODE && wide);
    return remote_ask(options, "top", request, err);
}

static enum what what_of(const char *type)
{
    const struct resource *resource = resource_by_word(type);
    for (size_t i = PODS; resource != NULL && i <= VMS; i++)
        if (strcmp(resource->plural, resources[i]) == 0)
            return (enum what)i;
    return is_word_of(type, "node") || strcmp(type, "no") == 0 ? NODE : ALL;
}

/* What is meant: pods or virtual machines, one of them, all of both, or the node. */
static bool read_words(const struct options *options, enum what *what, const char **name, struct error *err)
{
    const char *word = options->word_count > 0 ? options->words[0] : "";
    const char *slash = strchr(word, '/');
    *name = slash != NULL ? slash + 1 : options->word_count > 1 ? options->words[1] : NULL;
    AUTO_FREE char *type = mem_strndup(word, slash != NULL ? (size_t)(slash - word) : strlen(word));
    *what = what_of(type);
    if (*what == ALL && options->word_count > 0)
        return error_set(err, ERROR_INVALID, "top of what? pods, vms, one POD, vm/NAME, or node");
    if (options->word_count > (slash != NULL ? 1 : 2) || (*name != NULL && (*what == NODE || options->all_namespaces)))
        return error_set(err, ERROR_INVALID, "top takes pods, vms, the name of one of them in a namespace, or node");
    if (*name != NULL && !name_is_subdomain(*name))
        return error_set(err, ERROR_INVALID, "\"%s\" is no name: a-z, 0-9, - and .", *name);
    return true;
}

/* `top nodes` is of all of them, where `top node` is of one. */
static bool is_of_many(const struct options *options)
{
    bool is_listed = options->word_count > 0 && strcmp(options->words[0], "nodes") == 0;
    return fleet_is_meant(options) || (is_listed && !options->node_given && !options->control_given);
}

enum exit_code verb_top(const struct options *options, struct error *err)
{
    const char *key = options->sort_by, *name = NULL;
    enum what what;
    enum output output;
    if (!output_parse(options, &output, err) || !read_words(options, &what, &name, err))
        return EXIT_CODE_USAGE;
    if (key != NULL && strcmp(key, "cpu") != 0 && strcmp(key, "memory") != 0)
        return usage_error(err, "--sort-by=%s: cpu or memory", key);
    if (is_of_many(options))
        return top_fleet(options, what == NODE ? NULL : what == VMS ? "virtualmachines" : "pods", name, output, err);
    AUTO_JSON struct json *answer = ask(options, name, what, output == OUTPUT_WIDE, err);
    if (answer == NULL)
        return exit_code_of(err);
    if (what == NODE)
        return top_node(output, answer);
    return top_workloads(options, what == VMS ? "virtualmachines" : "pods", name, output, answer, err);
}
