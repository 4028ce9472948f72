#include "core/services.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/report.h"
#include "core/service_entry.h"
#include "protocol/service_fields.h"

#define NODE_PORT_FIRST 30000 /* Kubernetes' range */
#define NODE_PORTS 2768

static struct service_entry *find(const struct core *core, const struct object_id *id)
{
    struct service_entry *entry = NULL;
    HASH_FIND(hh, core->services.table, id, sizeof(*id), entry);
    return entry;
}

const struct json *services_endpoints(const struct core *core, const struct object_id *id)
{
    const struct service_entry *entry = find(core, id);
    return entry != NULL ? json_get(entry->endpoints, "endpoints") : NULL;
}

static struct service_entry *make(struct core *core, const struct object_id *id)
{
    struct service_entry *entry = find(core, id);
    if (entry != NULL)
        return entry;
    entry = mem_alloc(sizeof(*entry));
    entry->id = *id;
    entry->ports = json_new_object();
    HASH_ADD(hh, core->services.table, id, sizeof(entry->id), entry);
    return entry;
}

static void drop(struct services *services, struct service_entry *entry)
{
    HASH_DEL(services->table, entry);
    service_free(entry->spec);
    json_free(entry->ports);
    json_free(entry->given);
    json_free(entry->endpoints);
    free(entry);
}

void services_free(struct services *services)
{
    struct service_entry *entry, *next;
    HASH_ITER(hh, services->table, entry, next)
        drop(services, entry);
}

void services_load(struct core *core, const struct service_row *row)
{
    struct error err;
    struct in_addr in = { 0 };
    struct object_id id = { .resource = "services" };
    snprintf(id.namespace, sizeof(id.namespace), "%s", row->namespace);
    snprintf(id.name, sizeof(id.name), "%s", row->name);
    struct service_entry *entry = make(core, &id);
    struct json *ports = json_parse(row->ports, strlen(row->ports), &err);
    if (ports != NULL) {
        json_free(entry->ports);
        entry->ports = ports;
    }
    if (inet_pton(AF_INET, row->address, &in) == 1)
        entry->address = ntohl(in.s_addr);
    if ((entry->address & core->network.mask) != core->network.base)
        entry->address = 0; /* the subnet is another one now */
    entry->stored = true;
    core->services.owed = true;
}

void services_loaded(struct core *core)
{
    struct service_entry *entry, *next;
    struct store_txn *txn = NULL;
    HASH_ITER(hh, core->services.table, entry, next) {
        if (objects_find(&core->objects, &entry->id) != NULL)
            continue;
        txn = txn != NULL ? txn : store_begin(core->store);
        store_delete_service(txn, entry->id.namespace, entry->id.name);
        drop(&core->services, entry);
    }
    if (txn != NULL)
        store_commit(txn, NULL, NULL);
}

bool services_has(const struct core *core, uint32_t address)
{
    for (const struct service_entry *entry = core->services.table; entry != NULL; entry = entry->hh.next)
        if (entry->address == address)
            return true;
    return false;
}

bool services_is_one(const struct object *object)
{
    return strcmp(object->id.resource, "services") == 0;
}

/* ---- what it is given */

struct storing {
    struct core *core;
    struct object *object;
};

static void stored(void *ctx, const struct error *err)
{
    struct storing *storing = ctx;
    struct core *core = storing->core;
    struct object *object = storing->object;
    struct service_entry *entry = find(core, &object->id);
    object->saving = false;
    if (err != NULL) {
        core_store_failed(core, err);
        object->wait_boot_ms = core_boot_ms(core) + CORE_DISK_RETRY_MS;
        core_wake_object(core, object, object->wait_boot_ms);
    } else {
        core_store_worked(core);
        if (entry != NULL)
            entry->stored = true;
    }
    core->services.owed = true;
    core_touch(core, object);
    free(storing);
}

static void store(struct core *core, struct object *object, const struct service_entry *entry)
{
    struct storing *storing = mem_alloc(sizeof(*storing));
    char text[NETWORK_TEXT_BYTES] = "", text6[NETWORK_TEXT_BYTES];
    struct store_txn *txn = store_begin(core->store);
    *storing = (struct storing){ .core = core, .object = object };
    object->saving = true;
    if (entry == NULL) {
        store_delete_service(txn, object->id.namespace, object->id.name);
    } else {
        AUTO_FREE char *ports = json_print(entry->ports);
        if (entry->address != 0)
            network_text(&core->network, entry->address, text, text6);
        store_put_service(txn, &(struct service_row){ .namespace = entry->id.namespace, .name = entry->id.name,
                                                      .address = text, .ports = ports });
    }
    store_commit(txn, stored, storing);
}

static const char *protocol_of(const struct service_port *port)
{
    static const char *const words[] = { "TCP", "UDP", "SCTP" };
    return words[port->protocol];
}

static bool node_port_is_taken(const struct core *core, int64_t number)
{
    for (const struct service_entry *entry = core->services.table; entry != NULL; entry = entry->hh.next)
        JSON_EACH(port, entry->ports) {
            int64_t taken = 0;
            if (json_integer(port, &taken) && taken == number)
                return true;
        }
    return false;
}

/* The same one after the same history, as far as it is free. */
static int64_t choose_node_port(const struct core *core, const struct object_id *id, int64_t port)
{
    uint32_t seed = 2166136261u; /* FNV-1a */
    for (const char *c = id->name; *c != '\0'; c++)
        seed = (seed ^ (unsigned char)*c) * 16777619u;
    seed = (seed ^ (uint32_t)port) * 16777619u;
    for (uint32_t i = 0; i < NODE_PORTS; i++) {
        int64_t number = NODE_PORT_FIRST + (seed + i) % NODE_PORTS;
        if (!node_port_is_taken(core, number))
            return number;
    }
    return 0;
}

/* Those that the document names; for type NodePort also those that it leaves to us. */
static struct json *choose_ports(const struct core *core, const struct service_entry *entry)
{
    const struct service_port *ports = entry->spec->ports.items;
    bool any = entry->spec->type == SERVICE_NODE_PORT || entry->spec->type == SERVICE_LOAD_BALANCER;
    struct json *chosen = json_new_object();
    for (size_t i = 0; any && i < entry->spec->ports.count; i++) {
        AUTO_FREE char *key = mem_printf("%s/%" PRId64, protocol_of(&ports[i]), ports[i].port);
        int64_t number = ports[i].node_port;
        if (number == 0 && entry->spec->type == SERVICE_NODE_PORT)
            number = json_get_integer(entry->ports, key, 0);
        if (number == 0 && entry->spec->type == SERVICE_NODE_PORT)
            number = choose_node_port(core, &entry->id, ports[i].port);
        if (number != 0)
            json_set_integer(chosen, key, number);
    }
    return chosen;
}

static bool read_document(struct core *core, struct service_entry *entry, const struct slot *ruling)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    if (entry->spec != NULL && strcmp(entry->content, ruling->content) == 0)
        return true;
    struct service *spec = service_read(ruling->data, &ignored, &err);
    ignored_free(&ignored);
    if (spec == NULL) {
        log_error("service %s/%s cannot be read any more: %s", entry->id.namespace, entry->id.name, err.message);
        return entry->spec != NULL;
    }
    service_free(entry->spec);
    entry->spec = spec;
    entry->created_ms = ruling->created_ms;
    memcpy(entry->content, ruling->content, sizeof(entry->content));
    core->services.owed = true;
    return true;
}

void services_step(struct core *core, struct object *object)
{
    const struct slot *ruling = object_ruling(object);
    struct service_entry *entry = find(core, &object->id);
    if (object->committing || object->saving || object->wait_boot_ms > core_boot_ms(core))
        return;
    if (ruling == NULL || ruling->data == NULL) {
        if (entry == NULL)
            return;
        drop(&core->services, entry);
        core->services.owed = true;
        store(core, object, NULL);
        return;
    }
    entry = make(core, &object->id);
    if (!read_document(core, entry, ruling))
        return;
    struct json *ports = choose_ports(core, entry);
    AUTO_FREE char *before = json_print(entry->ports);
    AUTO_FREE char *after = json_print(ports);
    uint32_t address = entry->address;
    if (!service_wants_address(entry->spec) || !core->network.enabled)
        entry->address = 0;
    else if (address == 0)
        entry->address = network_service_free(core, entry->spec->cluster_ip);
    entry->stored = entry->stored && entry->address == address && strcmp(before, after) == 0;
    json_free(entry->ports);
    entry->ports = ports;
    if (!entry->stored)
        store(core, object, entry);
}

/* ---- names */

bool services_has_name(const struct core *core, const char *namespace, const char *name)
{
    struct object_id id = { .resource = "services" };
    snprintf(id.namespace, sizeof(id.namespace), "%s", namespace);
    snprintf(id.name, sizeof(id.name), "%s", name);
    return find(core, &id) != NULL;
}

void services_add_records(const struct core *core, struct json *out)
{
    for (const struct service_entry *entry = core->services.table; entry != NULL; entry = entry->hh.next)
        if (entry->spec != NULL && entry->given != NULL)
            service_add_records(&entry->id, entry->spec, entry->endpoints, entry->given, out);
}

/* ---- what is told */

bool services_is_told(const struct object *object)
{
    const struct slot *ruling = object_ruling(object);
    return services_is_one(object) && ruling != NULL && ruling->data != NULL;
}

/* An address that was asked for and is not the one it has is not honoured. */
static void add_ignored(const struct service_entry *entry, const struct ignored_fields *said, struct ignored_fields *out)
{
    const char *wanted = entry->spec->cluster_ip;
    const struct json *has = json_first(json_get(entry->given, "addresses"));
    for (size_t i = 0; i < said->paths.count; i++)
        ignored_add(out, said->paths.items[i]);
    out->count = said->count;
    if (wanted != NULL && wanted[0] != '\0' && has != NULL && strcmp(wanted, json_text(has)) != 0)
        ignored_add(out, "spec.clusterIP");
}

void services_report(struct core *core, struct object *object, struct json **described)
{
    const struct slot *ruling = object_ruling(object);
    const struct service_entry *entry = find(core, &object->id);
    struct ignored_fields ignored = { 0 };
    if (entry == NULL || entry->spec == NULL || entry->endpoints == NULL || strcmp(entry->content, ruling->content) != 0)
        return; /* it is told of when it was looked at */
    add_ignored(entry, &ruling->ignored, &ignored);
    AUTO_FREE char *source = slot_name(ruling);
    struct service_report report = { .id = &object->id, .generation = ruling->generation, .source = source,
                                     .created_ms = ruling->created_ms, .service = entry->spec, .given = entry->given,
                                     .endpoints = entry->endpoints, .host_address = core->network.host_address,
                                     .problem = entry->problem[0] != '\0' ? entry->problem : NULL,
                                     .message = entry->message, .ignored = &ignored,
                                     .refusal = object->refused ? &object->refusal : NULL };
    report_both(core, object, service_state_write(&report), service_status_write(&report), described);
    ignored_free(&ignored);
}
