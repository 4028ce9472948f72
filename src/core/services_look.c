/* Which pods answer for which Service, and what davit-net is told of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/service_entry.h"

#define RETRY_MS 5000u
#define SERVICES_A_FRAME 100

struct pods {
    struct service_pod *items;
    char (*texts)[2][NETWORK_TEXT_BYTES];
    size_t count;
};

/* A pod on the host's network answers on the device's own address on the bridge. */
static void see_pod(const struct core *core, const struct object *object, const struct pod *pod, struct pods *pods)
{
    struct service_pod *seen = &pods->items[pods->count];
    char (*texts)[NETWORK_TEXT_BYTES] = pods->texts[pods->count++];
    char *own[2];
    int64_t code = json_get_integer(object->summary, "stateCode", STATE_PENDING);
    size_t count = 0;
    *seen = (struct service_pod){ .id = &object->id, .pod = pod,
                                  .ready = json_get_integer(object->summary, "ready", 0) == 1,
                                  .over = code == STATE_SUCCEEDED || code == STATE_FAILED || code == STATE_TERMINATING };
    if (pod->host_network) {
        network_gateways(&core->network, texts[0], texts[1]);
        count = core->network.six ? 2 : 1;
    } else if (object->network.state == NETWORK_READY) {
        count = network_addresses(core, object->uid, own);
        for (size_t i = 0; i < count; i++)
            snprintf(texts[i], NETWORK_TEXT_BYTES, "%s", own[i]);
    }
    for (size_t i = 0; i < count; i++)
        seen->addresses[i] = texts[i];
}

static int by_name(const void *a, const void *b)
{
    return object_id_compare(((const struct service_pod *)a)->id, ((const struct service_pod *)b)->id);
}

static void see_pods(const struct core *core, struct pods *pods)
{
    size_t all = objects_count(&core->objects);
    pods->items = mem_array(all + 1, sizeof(*pods->items));
    pods->texts = mem_array(all + 1, sizeof(*pods->texts));
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        const struct pod *pod = object_wanted(object);
        if (pod != NULL && object->uid[0] != '\0')
            see_pod(core, object, pod, pods);
    }
    qsort(pods->items, pods->count, sizeof(*pods->items), by_name);
}

/* Host ports that pods hold, with whose they are. */
static struct json *ports_of_pods(const struct pods *pods)
{
    static const char *const words[] = { "TCP", "UDP", "SCTP" };
    struct json *taken = json_new_object();
    for (size_t i = 0; i < pods->count; i++)
        for (size_t j = 0; !pods->items[i].over && j < pod_count(pods->items[i].pod); j++) {
            const struct container *container = pod_container(pods->items[i].pod, j);
            const struct container_port *ports = container->ports.items;
            for (size_t k = 0; k < container->ports.count; k++) {
                AUTO_FREE char *key = mem_printf("%s/%" PRId64, words[ports[k].protocol], ports[k].host_port);
                AUTO_FREE char *owner = mem_printf("pod %s/%s", pods->items[i].id->namespace, pods->items[i].id->name);
                if (ports[k].host_port != 0)
                    json_set_text(taken, key, owner);
            }
        }
    return taken;
}

static void wait_for(struct service_entry *entry, const char *reason, const char *message)
{
    snprintf(entry->problem, sizeof(entry->problem), "%s", reason);
    snprintf(entry->message, sizeof(entry->message), "%s", message);
}

/* What stands in its way, whoever answers for it. */
static bool is_possible(const struct core *core, struct service_entry *entry)
{
    const struct network *network = &core->network;
    const struct service *spec = entry->spec;
    bool v4, v6;
    service_families(spec, true, &v4, &v6);
    entry->problem[0] = '\0';
    if (spec->type == SERVICE_EXTERNAL_NAME)
        wait_for(entry, "ExternalNameUnsupported", "the device's name server gives no names that lead elsewhere: use the name itself, or hostAliases");
    else if (!network->enabled)
        wait_for(entry, "NetworkNotReady", "[network] enabled=no in davitd.conf: pods have no addresses");
    else if (!network->open)
        wait_for(entry, "NetworkNotReady", network->problem[0] != '\0' ? network->problem : "the network of pods is being made");
    else if (!network->six && (spec->family_policy == FAMILIES_REQUIRE_DUAL || !v4))
        wait_for(entry, "FamilyUnavailable", "pods have no IPv6 here: [network] subnet6= in davitd.conf gives it to them");
    else if (service_wants_address(spec) && entry->address == 0)
        wait_for(entry, "NoAddress", "every address that [network] subnet= has for services is given");
    else if (core->services.problem[0] != '\0')
        wait_for(entry, "NetworkError", core->services.problem);
    return entry->problem[0] == '\0' || strcmp(entry->problem, "NetworkError") == 0;
}

/* The oldest has a host port. */
static void take_host_ports(struct service_entry *entry, struct json *taken)
{
    AUTO_JSON struct json *wanted = json_new_object();
    struct json *others = json_set_object(entry->given, "taken");
    AUTO_FREE char *owner = mem_printf("service %s/%s", entry->id.namespace, entry->id.name);
    service_host_ports(entry->spec, entry->given, wanted);
    JSON_EACH(port, wanted) {
        const char *key = json_key(port), *held = json_get_text(taken, key);
        if (held == NULL) {
            json_set_text(taken, key, owner);
            continue;
        }
        json_set_text(others, key, held);
        AUTO_FREE char *message = mem_printf("host port %s is held by %.150s; the service is reached by its address alone", key, held);
        wait_for(entry, "HostPortConflict", message);
    }
}

static void look_at(const struct core *core, struct service_entry *entry, const struct pods *pods, struct json *taken)
{
    char texts[2][NETWORK_TEXT_BYTES];
    bool families[2];
    const struct service *spec = entry->spec;
    json_free(mem_steal(&entry->given));
    json_free(entry->endpoints);
    entry->endpoints = service_endpoints(spec, entry->id.namespace, pods->items, pods->count, core->network.six);
    if (!is_possible(core, entry) || !entry->stored)
        return;
    entry->given = json_new_object();
    struct json *addresses = json_set_array(entry->given, "addresses");
    json_set(entry->given, "ports", json_copy(entry->ports));
    service_families(spec, core->network.six, &families[0], &families[1]);
    network_text(&core->network, entry->address, texts[0], texts[1]);
    for (size_t i = 0; i < 2 && entry->address != 0; i++)
        if (families[i])
            json_add_text(addresses, texts[i]);
    take_host_ports(entry, taken);
}

static char *printed(const struct service_entry *entry)
{
    AUTO_FREE char *given = entry->given != NULL ? json_print(entry->given) : NULL;
    AUTO_FREE char *endpoints = entry->endpoints != NULL ? json_print(entry->endpoints) : NULL;
    return mem_printf("%s %s %s %s", given != NULL ? given : "", endpoints != NULL ? endpoints : "", entry->problem, entry->message);
}

static int by_age(struct service_entry *a, struct service_entry *b)
{
    if (a->created_ms != b->created_ms)
        return a->created_ms < b->created_ms ? -1 : 1;
    return object_id_compare(&a->id, &b->id);
}

void services_look(struct core *core)
{
    struct services *services = &core->services;
    struct pods pods = { 0 };
    if (!services->owed || !core->runtime.listed)
        return;
    services->owed = false;
    core->network.names_owed = true;
    if (services->table == NULL)
        return;
    see_pods(core, &pods);
    AUTO_JSON struct json *taken = ports_of_pods(&pods);
    HASH_SORT(services->table, by_age);
    for (struct service_entry *entry = services->table; entry != NULL; entry = entry->hh.next) {
        struct object *object = objects_find(&core->objects, &entry->id);
        if (entry->spec == NULL || object == NULL)
            continue;
        AUTO_FREE char *before = printed(entry);
        look_at(core, entry, &pods, taken);
        AUTO_FREE char *after = printed(entry);
        if (strcmp(before, after) != 0)
            core_touch(core, object);
    }
    free(pods.items);
    free(pods.texts);
}

/* ---- davit-net */

static void send_rules(struct core *core, const struct json *rules)
{
    const struct json *next = json_first(rules);
    do {
        struct json *head = json_new_texts("op", "services", NULL), *part = json_set_array(head, "services");
        for (size_t i = 0; i < SERVICES_A_FRAME && next != NULL; i++, next = json_next(next))
            json_add(part, json_copy(next));
        json_set_boolean(head, "more", next != NULL);
        json_set_integer(head, "id", core->services.asked);
        core->env->to_net(core->env->ctx, head);
    } while (next != NULL);
}

void services_tell(struct core *core)
{
    struct services *services = &core->services;
    char digest[DIGEST_HEX_BYTES];
    if (core->network.enabled && !core->network.asked && services->table != NULL)
        network_up(core); /* nobody answers for them, and even that is to be said */
    if (!core->network.open || services->asked != 0 || (services->table == NULL && services->said[0] == '\0'))
        return;
    if (services->retry_boot_ms > core_boot_ms(core)) {
        core_wake_at(core, services->retry_boot_ms);
        return;
    }
    AUTO_JSON struct json *rules = json_new_array();
    for (const struct service_entry *entry = services->table; entry != NULL; entry = entry->hh.next)
        if (entry->spec != NULL && entry->given != NULL && json_size(rules) < LIMIT_SERVICE_PORTS_ALL)
            service_add_rules(&entry->id, entry->spec, entry->endpoints, entry->given, rules);
    AUTO_FREE char *text = json_print(rules);
    digest_of(text, strlen(text), digest);
    if (strcmp(digest, services->said) == 0)
        return;
    memcpy(services->said, digest, sizeof(digest));
    services->asked = ++core->last_call;
    send_rules(core, rules);
}

void services_lost(struct core *core)
{
    core->services.said[0] = '\0';
    core->services.asked = 0;
    core->services.problem[0] = '\0';
    core->services.owed = true;
}

bool services_answered(struct core *core, int64_t id, bool good, const char *message)
{
    struct services *services = &core->services;
    if (id == 0 || id != services->asked)
        return false;
    services->asked = 0;
    bool worse = !good || services->problem[0] != '\0';
    snprintf(services->problem, sizeof(services->problem), "%.250s", good ? "" : message != NULL ? message : "it did not say why");
    services->owed = services->owed || worse;
    if (!good) {
        log_error("the services are not reached as they should: %s", services->problem);
        services->said[0] = '\0';
        services->retry_boot_ms = core_boot_ms(core) + RETRY_MS;
    }
    return true;
}

