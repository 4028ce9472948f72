/* davit describe node: all that a node says about itself, and what is on it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/describe.h"
#include "cli/node_view.h"
#include "cli/pod_view.h"
#include "cli/status.h"
#include "protocol/names.h"
#include "protocol/topic.h"

#define INDENT 2
#define LINE_BYTES 8192

static void print_groups(const struct json *object)
{
    AUTO_STRBUF struct strbuf line;
    strbuf_init(&line, LINE_BYTES);
    JSON_EACH(group, json_get(json_get(object, "status"), "groups"))
        strbuf_printf(&line, "%s%s", line.len > 0 ? " " : "", json_text(group) != NULL ? json_text(group) : "?");
    describe_field(0, "Groups", line.data);
}

/* "davit/drain:NoExecute" */
static void print_taints(const struct json *spec)
{
    JSON_EACH(taint, json_get(spec, "taints")) {
        const char *key = json_get_text(taint, "key"), *value = json_get_text(taint, "value"), *effect = json_get_text(taint, "effect");
        AUTO_FREE char *line = mem_printf("%s%s%s:%s", key != NULL ? key : "?", value != NULL ? "=" : "", value != NULL ? value : "",
                                          effect != NULL ? effect : "?");
        describe_field(0, "Taint", line);
    }
}

static void print_system(const struct json *status)
{
    static const char *const fields[][2] = {{"Agent", "kubeletVersion"},      {"Runtime", "containerRuntimeVersion"},
                                            {"Kernel", "kernelVersion"},      {"Architecture", "architecture"},
                                            {"Boot ID", "bootID"}};
    const struct json *info = json_get(status, "nodeInfo");
    if (json_size(info) > 0)
        (void)puts("System:");
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        describe_field(INDENT, fields[i][0], json_get_text(info, fields[i][1]));
    describe_map(0, "Capacity", json_get(status, "capacity"));
    describe_map(0, "Allocatable", json_get(status, "allocatable"));
}

static void print_workloads(const struct board *board, const char *node)
{
    const char *heading = "Workloads:";
    for (const struct entry *entry = board->entries; entry != NULL; entry = entry->hh.next) {
        struct pod_view view;
        if (!entry->is_object || !entry_is_there(entry) || strcmp(entry->node, node) != 0)
            continue;
        if (heading != NULL)
            (void)puts(heading);
        heading = NULL;
        const struct resource *resource = resource_by_plural(entry->id.resource);
        pod_view_of(entry, FLEET_ONLINE, &view); /* whether the node is reached stands above */
        AUTO_FREE char *name = mem_printf("%s/%s/%s", entry->id.namespace, resource->singular, entry->id.name);
        describe_field(INDENT, name, view.status);
    }
}

static void print_node(const struct board *board, const struct entry *entry)
{
    char word[CELL_BYTES];
    enum fleet_reach reach = board_reach(board, entry->node);
    AUTO_JSON struct json *object = node_object(entry, reach);
    const struct json *spec = json_get(object, "spec"), *status = json_get(object, "status");
    node_word(entry, reach, word);
    describe_field(0, "Name", entry->node);
    describe_field(0, "Status", word);
    if (reach == FLEET_OFFLINE)
        describe_text(INDENT, "It is offline: this is what it said last.");
    if (reach == FLEET_UNKNOWN)
        describe_text(INDENT, "The bridge of its site is down: this is what it said before.");
    describe_field(0, "Message", json_get_text(entry->state, "message"));
    describe_field(0, "Site", json_get_text(entry->presence, "site"));
    describe_map(0, "Labels", json_get(json_get(object, "metadata"), "labels"));
    print_groups(object);
    if (json_get_boolean(spec, "unschedulable", false))
        describe_field(0, "Unschedulable", json_get(status, "manifest") == NULL ? "True" : "True (said on the device: uncordon it there)");
    print_taints(spec);
    print_system(status);
    describe_conditions(status, NULL);
    print_workloads(board, entry->node);
}

enum exit_code describe_nodes(const struct options *options, const char *const *names, size_t count, struct error *err)
{
    const struct object_id pods = {.namespace = "+", .resource = "pods", .name = "+"};
    const struct object_id vms = {.namespace = "+", .resource = "virtualmachines", .name = "+"};
    for (size_t i = 0; i < count; i++) {
        AUTO_BOARD struct board board = {.root = options->root};
        AUTO_FREE char *sites = mem_printf("?%s/sites/+/presence", options->root);
        AUTO_FREE char *presence = topic_node(options->root, names[i], "presence", NULL);
        AUTO_FREE char *state = topic_node(options->root, names[i], "state", NULL);
        AUTO_FREE char *status = topic_node(options->root, names[i], "status", NULL);
        AUTO_FREE char *of_pods = topic_node(options->root, names[i], "state", &pods);
        AUTO_FREE char *of_vms = topic_node(options->root, names[i], "state", &vms);
        const char *topics[] = {sites, presence, state, status, of_pods, of_vms};
        AUTO_SESSION struct session *session = session_open(options, topics, 6, board_take, &board, err);
        if (session == NULL || !session_sync(session, err))
            return exit_code_of(err);
        board_sort(&board);
        const struct entry *entry = board_node(&board, names[i]);
        if (entry == NULL || !entry_is_there(entry)) {
            (void)error_set(err, ERROR_NOT_FOUND, "nodes \"%s\" not found: no node of this name was ever seen at %s. `davit get nodes` lists them", names[i],
                            options->broker);
            return EXIT_CODE_NOT_FOUND;
        }
        if (i > 0)
            (void)puts("\n");
        print_node(&board, entry);
    }
    return EXIT_CODE_OK;
}
