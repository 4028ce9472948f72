#include "protocol/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static const char *const protocols[] = { "TCP", "UDP", "SCTP" };

bool service_is_headless(const struct service *service)
{
    return service->cluster_ip != NULL && strcmp(service->cluster_ip, "None") == 0;
}

bool service_wants_address(const struct service *service)
{
    return !service_is_headless(service) && service->type != SERVICE_EXTERNAL_NAME;
}

void service_families(const struct service *service, bool six, bool *v4, bool *v6)
{
    bool asks4 = service->families.count == 0, asks6 = false;
    for (size_t i = 0; i < service->families.count; i++) {
        asks4 = asks4 || strcmp(service->families.items[i], "IPv4") == 0;
        asks6 = asks6 || strcmp(service->families.items[i], "IPv6") == 0;
    }
    bool dual = service->family_policy != FAMILIES_SINGLE;
    /* Kubernetes: the first family alone, unless two are asked for. */
    if (!dual && service->families.count == 2)
        asks4 = strcmp(service->families.items[0], "IPv4") == 0, asks6 = !asks4;
    *v6 = six && (dual || asks6);
    *v4 = dual || asks4 || !*v6;
}

/* ---- endpoints */

static bool is_chosen(const struct service *service, const struct pod *pod)
{
    JSON_EACH(wanted, service->selector) {
        const char *has = json_get_text(pod->labels, json_key(wanted));
        if (has == NULL || strcmp(has, json_text(wanted)) != 0)
            return false;
    }
    return json_size(service->selector) > 0;
}

/* A number, or the name of a port of one of its containers. 0: it has none of that name. */
static int64_t target_port(const struct service_port *port, const struct pod *pod)
{
    if (port->target == NULL || port->target[0] == '\0')
        return port->port;
    if (port->target[strspn(port->target, "0123456789")] == '\0')
        return strtoll(port->target, NULL, 10);
    for (size_t i = 0; i < pod_count(pod); i++) {
        const struct container *container = pod_container(pod, i);
        const struct container_port *ports = container->ports.items;
        for (size_t j = 0; j < container->ports.count; j++)
            if (ports[j].name != NULL && strcmp(ports[j].name, port->target) == 0 && ports[j].protocol == port->protocol)
                return ports[j].port;
    }
    return 0;
}

static void add_ports(const struct service *service, const struct pod *pod, struct json *out)
{
    const struct service_port *ports = service->ports.items;
    for (size_t i = 0; i < service->ports.count; i++) {
        int64_t target = target_port(&ports[i], pod);
        if (target < 1 || target > 65535)
            continue;
        struct json *port = json_add_object(out);
        json_set_text(port, "name", ports[i].name);
        json_set_text(port, "protocol", protocols[ports[i].protocol]);
        json_set_integer(port, "port", target);
        json_set_integer(port, "of", ports[i].port);
    }
}

struct json *service_endpoints(const struct service *service, const char *namespace, const struct service_pod *pods,
                               size_t count, bool six)
{
    struct json *json = json_new_object(), *list = json_set_array(json, "endpoints");
    bool families[2];
    int64_t matched = 0, ready = 0;
    service_families(service, six, &families[0], &families[1]);
    for (size_t i = 0; i < count; i++) {
        const struct service_pod *pod = &pods[i];
        if (pod->over || strcmp(pod->id->namespace, namespace) != 0 || !is_chosen(service, pod->pod))
            continue;
        matched++;
        if (pod->addresses[0] == NULL || json_size(list) == LIMIT_SERVICE_ENDPOINTS)
            continue;
        struct json *one = json_add_object(list), *addresses = json_set_array(one, "addresses");
        for (size_t j = 0; j < 2; j++)
            if (families[j] && pod->addresses[j] != NULL)
                json_add_text(addresses, pod->addresses[j]);
        json_set_text(one, "pod", pod->id->name);
        json_set_boolean(one, "ready", pod->ready);
        /* Kubernetes: a pod has a name of its own where it names the service as its subdomain. */
        if (pod->pod->hostname != NULL && pod->pod->subdomain != NULL)
            json_set_text(one, "hostname", pod->pod->hostname);
        json_set_text(one, "subdomain", pod->pod->subdomain);
        add_ports(service, pod->pod, json_set_array(one, "ports"));
        ready += pod->ready;
    }
    json_set_integer(json, "matched", matched);
    json_set_integer(json, "ready", ready);
    return json;
}

bool service_serves(const struct service *service, const struct json *endpoint)
{
    return service->publish_not_ready || json_get_boolean(endpoint, "ready", false);
}

/* ---- rules */

static void add_targets(const struct service *service, const struct service_port *port, const struct json *endpoints,
                        struct json *out)
{
    JSON_EACH(endpoint, json_get(endpoints, "endpoints")) {
        if (!service_serves(service, endpoint))
            continue;
        JSON_EACH(target, json_get(endpoint, "ports")) {
            if (json_get_integer(target, "of", 0) != port->port ||
                strcmp(json_get_text(target, "protocol"), protocols[port->protocol]) != 0)
                continue;
            JSON_EACH(address, json_get(endpoint, "addresses")) {
                struct json *one = json_add_object(out);
                json_set_text(one, "address", json_text(address));
                json_set_integer(one, "port", json_get_integer(target, "port", 0));
            }
        }
    }
}

static int64_t node_port(const struct service_port *port, const struct json *given)
{
    AUTO_FREE char *key = mem_printf("%s/%" PRId64, protocols[port->protocol], port->port);
    return json_get_integer(json_get(given, "ports"), key, 0);
}

/* A host port that it is to have, and that nobody else holds. */
static bool is_free(const struct json *given, const struct service_port *port, int64_t number)
{
    AUTO_FREE char *key = mem_printf("%s/%" PRId64, protocols[port->protocol], number);
    return number != 0 && json_get(json_get(given, "taken"), key) == NULL;
}

/* Among the ports of one Service the first has it. */
static bool take(struct json *mine, const struct service_port *port, int64_t number)
{
    AUTO_FREE char *key = mem_printf("%s/%" PRId64, protocols[port->protocol], number);
    bool first = json_get(mine, key) == NULL;
    json_set_boolean(mine, key, true);
    return first;
}

void service_add_rules(const struct object_id *id, const struct service *service, const struct json *endpoints,
                       const struct json *given, struct json *out)
{
    const struct service_port *ports = service->ports.items;
    if (!service_wants_address(service) || given == NULL)
        return;
    AUTO_JSON struct json *mine = json_new_object();
    for (size_t i = 0; i < service->ports.count; i++) {
        struct json *one = json_add_object(out);
        AUTO_FREE char *key = mem_printf("%s/%.63s/%s/%" PRId64, id->namespace, id->name, protocols[ports[i].protocol],
                                         ports[i].port);
        int64_t node = node_port(&ports[i], given), own = service->type == SERVICE_LOAD_BALANCER ? ports[i].port : 0;
        json_set_text(one, "id", key);
        json_set_text(one, "protocol", protocols[ports[i].protocol]);
        json_set(one, "addresses", json_copy(json_get(given, "addresses")));
        json_set_integer(one, "port", ports[i].port);
        if (is_free(given, &ports[i], node) && take(mine, &ports[i], node))
            json_set_integer(one, "nodePort", node);
        if (own != node && is_free(given, &ports[i], own) && take(mine, &ports[i], own))
            json_set_integer(one, "hostPort", own);
        if (service->affinity == AFFINITY_CLIENT_IP)
            json_set_boolean(one, "affinity", true);
        add_targets(service, &ports[i], endpoints, json_set_array(one, "targets"));
    }
}

void service_host_ports(const struct service *service, const struct json *given, struct json *out)
{
    const struct service_port *ports = service->ports.items;
    for (size_t i = 0; i < service->ports.count; i++) {
        int64_t node = node_port(&ports[i], given), own = service->type == SERVICE_LOAD_BALANCER ? ports[i].port : 0;
        AUTO_FREE char *first = mem_printf("%s/%" PRId64, protocols[ports[i].protocol], node);
        AUTO_FREE char *second = mem_printf("%s/%" PRId64, protocols[ports[i].protocol], own);
        if (node != 0)
            json_set_boolean(out, first, true);
        if (own != 0)
            json_set_boolean(out, second, true);
    }
}

/* ---- names */

static void add_record(const char *name, const struct json *addresses, struct json *out)
{
    struct json *record = json_add_object(out), *list = json_set_array(record, "addresses");
    json_set_text(record, "name", name);
    JSON_EACH(address, addresses)
        json_add_text(list, json_text(address));
}

void service_add_records(const struct object_id *id, const struct service *service, const struct json *endpoints,
                         const struct json *given, struct json *out)
{
    AUTO_FREE char *name = mem_printf("%s.%s.svc.cluster.local", id->name, id->namespace);
    if (service->type == SERVICE_EXTERNAL_NAME)
        return;
    if (!service_is_headless(service)) {
        if (given != NULL)
            add_record(name, json_get(given, "addresses"), out);
        return;
    }
    JSON_EACH(endpoint, json_get(endpoints, "endpoints")) {
        const char *hostname = json_get_text(endpoint, "hostname"), *subdomain = json_get_text(endpoint, "subdomain");
        if (!service_serves(service, endpoint))
            continue;
        add_record(name, json_get(endpoint, "addresses"), out);
        AUTO_FREE char *own = mem_printf("%s.%s", hostname != NULL ? hostname : "", name);
        if (hostname != NULL && subdomain != NULL && strcmp(subdomain, id->name) == 0)
            add_record(own, json_get(endpoint, "addresses"), out);
    }
}
