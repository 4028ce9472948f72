/* davit describe TYPE NAME: everything a node says about it, for a person. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/address.h"
#include "cli/board.h"
#include "cli/describe.h"
#include "cli/pod_view.h"
#include "cli/remote.h"
#include "cli/service_view.h"
#include "cli/status.h"
#include "cli/verbs.h"
#include "cli/vm_view.h"
#include "protocol/topic.h"

#define INDENT 2
#define ANY "+" /* every name */
#define EVENTS_MS 3000 /* for a node to tell its events; the rest has been said by then */

static void print_ending(int indent, const struct json *terminated)
{
    const struct json *signal = json_get(terminated, "signal");
    describe_field(indent, "Reason", json_get_text(terminated, "reason"));
    describe_field(indent, "Message", json_get_text(terminated, "message"));
    describe_integer(indent, "Exit Code", json_get_integer(terminated, "exitCode", -1));
    if (signal != NULL)
        describe_integer(indent, "Signal", json_get_integer(terminated, "signal", 0));
    describe_time(indent, "Started", json_get_text(terminated, "startedAt"));
    describe_time(indent, "Finished", json_get_text(terminated, "finishedAt"));
}

static void print_state(int indent, const char *label, const struct json *state)
{
    const struct json *running = json_get(state, "running");
    const struct json *waiting = json_get(state, "waiting");
    const struct json *terminated = json_get(state, "terminated");
    if (running != NULL) {
        describe_field(indent, label, "Running");
        describe_time(indent + INDENT, "Started", json_get_text(running, "startedAt"));
    } else if (waiting != NULL) {
        describe_field(indent, label, "Waiting");
        describe_field(indent + INDENT, "Reason", json_get_text(waiting, "reason"));
        describe_field(indent + INDENT, "Message", json_get_text(waiting, "message"));
    } else if (terminated != NULL) {
        describe_field(indent, label, "Terminated");
        print_ending(indent + INDENT, terminated);
    }
}

static void print_mounts(const struct json *mounts)
{
    bool first = true;
    JSON_EACH(mount, mounts) {
        const char *path = json_get_text(mount, "mountPath"), *name = json_get_text(mount, "name");
        AUTO_FREE char *line = mem_printf("%s from %s (%s)", path != NULL ? path : "?", name != NULL ? name : "?",
                                          json_get_boolean(mount, "readOnly", false) ? "ro" : "rw");
        if (first)
            describe_text(2 * INDENT, "Mounts:");
        first = false;
        describe_text(3 * INDENT, line);
    }
}

static void print_containers(const struct json *status, const char *key, const char *heading)
{
    const struct json *list = json_get(status, key);
    if (json_size(list) == 0)
        return;
    (void)puts(heading);
    JSON_EACH(container, list) {
        const char *name = json_get_text(container, "name");
        AUTO_FREE char *title = mem_printf("%s:", name != NULL ? name : "?");
        describe_text(INDENT, title);
        describe_field(2 * INDENT, "Container ID", json_get_text(container, "containerID"));
        describe_field(2 * INDENT, "Image", json_get_text(container, "image"));
        describe_field(2 * INDENT, "Image ID", json_get_text(container, "imageID"));
        print_state(2 * INDENT, "State", json_get(container, "state"));
        print_state(2 * INDENT, "Last State", json_get(container, "lastState"));
        describe_field(2 * INDENT, "Ready", json_get_boolean(container, "ready", false) ? "True" : "False");
        describe_integer(2 * INDENT, "Restart Count", json_get_integer(container, "restartCount", 0));
        describe_map(2 * INDENT, "Limits", json_get(json_get(container, "resources"), "limits"));
        describe_map(2 * INDENT, "Requests", json_get(json_get(container, "resources"), "requests"));
        print_mounts(json_get(container, "volumeMounts"));
    }
}

static void print_refusal(const struct entry *entry)
{
    const struct json *refusal = status_refusal(entry->status);
    if (refusal == NULL)
        return;
    (void)puts("Refused Document:");
    if (json_get(refusal, "refusedGeneration") != NULL)
        describe_integer(INDENT, "Generation", json_get_integer(refusal, "refusedGeneration", 0));
    describe_field(INDENT, "Reason", json_get_text(refusal, "reason"));
    describe_field(INDENT, "Message", json_get_text(refusal, "message"));
}

static void print_ignored(const struct entry *entry)
{
    const struct json *condition = status_condition(entry->status, "IgnoredFields");
    if (condition == NULL)
        return;
    (void)puts("Ignored Fields:");
    JSON_EACH(field, json_get(condition, "fields"))
        describe_text(INDENT, json_text(field) != NULL ? json_text(field) : "?");
    if (json_size(json_get(condition, "fields")) == 0)
        describe_text(INDENT, json_get_text(condition, "message") != NULL ? json_get_text(condition, "message") : "?");
}

/* Of kinds other than pods: the numbers and times of the status, under their own names. */
static void print_numbers(const struct json *status)
{
    JSON_EACH(field, status) {
        enum json_type type = json_type(field);
        AUTO_FREE char *number = type == JSON_NUMBER || type == JSON_BOOL ? json_print(field) : NULL;
        if (strcmp(json_key(field), "observedGeneration") == 0 || strcmp(json_key(field), "source") == 0)
            continue;
        if (number != NULL || type == JSON_STRING)
            describe_field(INDENT, json_key(field), number != NULL ? number : json_text(field));
    }
}

/* What an App means, what of a CronJob runs. */
static void print_references(const char *title, const struct json *list)
{
    if (json_size(list) > 0)
        printf("%s:\n", title);
    JSON_EACH(object, list) {
        const char *kind = json_get_text(object, "kind"), *name = json_get_text(object, "name");
        name = name != NULL ? name : json_get_text(json_get(object, "metadata"), "name");
        describe_field(INDENT, kind != NULL ? kind : "?", name);
    }
}

static void print_object(const struct entry *entry, enum fleet_reach reach)
{
    const struct json *metadata = json_get(entry->status, "metadata");
    const struct json *status = json_get(entry->status, "status");
    const struct json *shadows = json_get(status, "shadows");
    struct pod_view view;
    pod_view_of(entry, reach, &view);
    describe_field(0, "Name", entry->id.name);
    describe_field(0, "Namespace", entry->id.namespace);
    describe_field(0, "Node", entry->node);
    if (reach != FLEET_ONLINE)
        describe_text(INDENT, reach == FLEET_OFFLINE ? "The node is offline: this is what it said last."
                                                     : "The site's bridge is down: this is what the node said last.");
    describe_field(0, "Status", view.status);
    bool is_pod = strcmp(entry->id.resource, "pods") == 0, is_vm = strcmp(entry->id.resource, "virtualmachines") == 0;
    if (is_pod)
        describe_field(0, "Ready", view.ready);
    describe_field(0, "Message", json_get_text(entry->state, "message"));
    describe_time(0, "Start Time", json_get_text(status, "startTime"));
    describe_field(0, "IP", json_get_text(status, "podIP"));
    describe_field(0, "QoS Class", json_get_text(status, "qosClass"));
    describe_map(0, "Labels", json_get(metadata, "labels"));
    describe_field(0, "UID", json_get_text(metadata, "uid"));
    if (json_get(status, "observedGeneration") != NULL)
        describe_integer(0, "Generation", status_observed_generation(entry->status));
    describe_field(0, "Source", json_get_text(status, "source"));
    JSON_EACH(shadow, shadows)
        describe_field(0, "Shadows", json_text(shadow));
    if (is_vm)
        describe_vm(status);
    bool is_data = strcmp(entry->id.resource, "configmaps") == 0 || strcmp(entry->id.resource, "secrets") == 0;
    if (!is_pod && !is_vm && !is_data && json_size(status) > 0) {
        (void)puts("State:");
        print_numbers(status);
        print_references("Active", json_get(status, "active"));
        print_references("Expansion", json_get(status, "expansion"));
    }
    print_containers(status, "initContainerStatuses", "Init Containers:");
    print_containers(status, "containerStatuses", "Containers:");
    describe_conditions(status, status_refusal(entry->status));
    print_refusal(entry);
    print_ignored(entry);
}

/* Of a node that is there: its davitd remembers the newest. */
static void print_events(const struct options *given, const struct entry *entry, enum fleet_reach reach)
{
    struct options options = *given;
    struct error err = {0};
    AUTO_JSON struct json *args = json_new_object();
    AUTO_FREE char *object = mem_printf("%s/%s", entry->id.resource, entry->id.name);
    options.node = entry->node;
    options.node_given = true;
    options.control_given = false;
    json_set_text(args, "object", object);
    json_set_text(args, "namespace", entry->id.namespace);
    AUTO_JSON struct json *answer = reach == FLEET_ONLINE ? remote_ask_for(&options, "events", args, EVENTS_MS, &err) : NULL;
    (void)puts("Events:");
    JSON_EACH(event, json_get(answer, "events")) {
        const char *reason = json_get_text(event, "reason"), *type = json_get_text(event, "type");
        AUTO_FREE char *title = mem_printf("%s %s", type != NULL ? type : "?", reason != NULL ? reason : "?");
        describe_time(INDENT, title, json_get_text(event, "lastTimestamp"));
        describe_text(2 * INDENT, json_get_text(event, "message") != NULL ? json_get_text(event, "message") : "");
    }
    if (answer == NULL)
        describe_text(INDENT, reach == FLEET_ONLINE ? "The node did not tell them." : "The node is not reached.");
    else if (json_size(json_get(answer, "events")) == 0)
        describe_text(INDENT, "None since davitd started, or none that it remembers.");
}

static enum exit_code describe_all(const struct options *options, struct board *board, const struct object_id *id,
                                   struct error *err)
{
    const char *node = options->node;
    bool found = false;
    board_sort(board);
    for (const struct entry *entry = board->entries; entry != NULL; entry = entry->hh.next) {
        if (!entry->is_object || !entry_is_there(entry))
            continue;
        if (found)
            (void)puts("\n");
        found = true;
        if (strcmp(id->resource, "services") == 0)
            describe_service(entry);
        else
            print_object(entry, board_reach(board, entry->node));
        print_events(options, entry, board_reach(board, entry->node));
    }
    AUTO_FREE char *name = strcmp(id->name, ANY) == 0 ? mem_strdup("") : mem_printf("\"%s\" ", id->name);
    if (!found)
        (void)error_set(err, ERROR_NOT_FOUND, "%s %snot found in namespace \"%s\"%s%s", id->resource, name, id->namespace,
                        node != NULL ? " on node " : "", node != NULL ? node : "");
    return exit_code_of(err);
}

static enum exit_code describe_object(const struct options *options, const struct object_id *id, struct error *err)
{
    const char *node = options->node != NULL ? options->node : "+";
    AUTO_BOARD struct board board = {.root = options->root};
    AUTO_FREE char *presence = topic_node(options->root, node, "presence", NULL);
    AUTO_FREE char *state = topic_node(options->root, node, "state", id);
    AUTO_FREE char *status = topic_node(options->root, node, "status", id);
    AUTO_FREE char *sites = mem_printf("?%s/sites/+/presence", options->root);
    const char *topics[] = {presence, state, status, sites};
    AUTO_SESSION struct session *session = session_open(options, topics, 4, board_take, &board, err);
    if (session == NULL || !session_sync(session, err))
        return exit_code_of(err);
    return describe_all(options, &board, id, err);
}

/* Those with these names, else all of the namespace. */
static enum exit_code describe_objects(const struct options *options, const struct resource *resource, const struct address *address,
                                       struct error *err)
{
    struct object_id id;
    enum exit_code worst = EXIT_CODE_OK;
    for (size_t i = 0; i < address->count; i++) {
        struct error why = {0};
        if (!address_object(options, resource, address->names[i], &id, err))
            return EXIT_CODE_USAGE;
        if (i > 0)
            (void)puts("\n");
        enum exit_code code = describe_object(options, &id, &why);
        *err = err->code == ERROR_NONE ? why : *err;
        worst = worst == EXIT_CODE_OK ? code : worst;
    }
    if (address->count > 0)
        return worst;
    id = (struct object_id){.name = ANY};
    (void)snprintf(id.namespace, sizeof(id.namespace), "%s", options->ns);
    (void)snprintf(id.resource, sizeof(id.resource), "%s", resource->plural);
    return describe_object(options, &id, err);
}

/* Without a name the one of --node or DAVIT_NODE. */
static enum exit_code describe_named_nodes(const struct options *options, const struct address *address, struct error *err)
{
    const char *const own[] = {options->node};
    if (address->count == 0 && options->node == NULL)
        return usage_error(err, "which node? As: davit describe node press-7");
    for (size_t i = 0; i < address->count; i++)
        if (!name_is_node(address->names[i]))
            return usage_error(err, "\"%.80s\" is no node's name: a-z, 0-9, - and .", address->names[i]);
    return describe_nodes(options, address->count > 0 ? address->names : own, address->count > 0 ? address->count : 1, err);
}

enum exit_code verb_describe(const struct options *options, struct error *err)
{
    AUTO_ADDRESS struct address address = {0};
    if (options->word_count == 0)
        return usage_error(err, "describe what? As: davit describe pod NAME");
    if (!address_check(options, err) || !address_words(options, &address, err))
        return EXIT_CODE_USAGE;
    const struct resource *resource = resource_by_word(address.type);
    if (strcmp(address.type, "node") == 0 || strcmp(address.type, "nodes") == 0 || strcmp(address.type, "no") == 0)
        return describe_named_nodes(options, &address, err);
    if (resource == NULL)
        return usage_error(err, "%s is no type of object: as davit describe pod %s; `davit api-resources` lists them", address.type, address.type);
    return describe_objects(options, resource, &address, err);
}
