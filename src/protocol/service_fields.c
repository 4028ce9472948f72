#include "protocol/service_fields.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/names.h"

static const char *const type_words[] = { "ClusterIP", "NodePort", "LoadBalancer", "ExternalName", NULL };
static const char *const protocol_words[] = { "TCP", "UDP", "SCTP", NULL };
static const char *const affinity_words[] = { "None", "ClientIP", NULL };
static const char *const policy_words[] = { "SingleStack", "PreferDualStack", "RequireDualStack", NULL };

static bool check_selector(const struct json *json, const char *path, struct error *err)
{
    bool good = json_type(json) == JSON_OBJECT;
    JSON_EACH(value, json)
        good = good && json_text(value) != NULL;
    return good || error_set(err, ERROR_INVALID, "%s must map strings to strings", path);
}

static const struct field_table port_table = { sizeof(struct service_port), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct service_port, name), .check = name_is_label, .expected = "port name" },
    { FIELD("protocol", FIELD_WORD, struct service_port, protocol), .words = protocol_words },
    { FIELD("port", FIELD_INTEGER, struct service_port, port), .required = true, .min = 1, .max = 65535 },
    { FIELD("targetPort", FIELD_PORT, struct service_port, target) },
    { FIELD("nodePort", FIELD_INTEGER, struct service_port, node_port), .min = 0, .max = 65535 },
    { 0 } } };

const struct field_table service_table = { sizeof(struct service), (const struct field[]){
    { FIELD("type", FIELD_WORD, struct service, type), .words = type_words },
    { FIELD("clusterIP", FIELD_TEXT, struct service, cluster_ip) },
    { FIELD("selector", FIELD_JSON, struct service, selector), .check_json = check_selector },
    { FIELD("ports", FIELD_OBJECTS, struct service, ports), .nested = &port_table, .max = LIMIT_SERVICE_PORTS },
    { FIELD("externalName", FIELD_TEXT, struct service, external_name) },
    { FIELD("sessionAffinity", FIELD_WORD, struct service, affinity), .words = affinity_words },
    { FIELD("ipFamilyPolicy", FIELD_WORD, struct service, family_policy), .words = policy_words },
    { FIELD("ipFamilies", FIELD_TEXTS, struct service, families), .max = 2 },
    { FIELD("publishNotReadyAddresses", FIELD_BOOL, struct service, publish_not_ready) },
    { 0 } } };

static bool is_headless(const struct service *service)
{
    return service->cluster_ip != NULL && strcmp(service->cluster_ip, "None") == 0;
}

/* Kubernetes: the name of a port tells it apart, where there are several; so does its protocol and number. */
static bool is_twice(const struct service_port *one, const struct service_port *other)
{
    return (one->name != NULL && strcmp(one->name, other->name) == 0) ||
           (one->port == other->port && one->protocol == other->protocol);
}

static bool check_ports(const struct service *service, struct error *err)
{
    const struct service_port *ports = service->ports.items;
    for (size_t i = 0; i < service->ports.count; i++) {
        if (service->ports.count > 1 && ports[i].name == NULL)
            return error_set(err, ERROR_INVALID, "spec.ports[%zu].name is required where there are several ports", i);
        for (size_t j = 0; j < i; j++)
            if (ports[i].node_port != 0 && ports[i].node_port == ports[j].node_port && ports[i].protocol == ports[j].protocol)
                return error_set(err, ERROR_INVALID, "spec.ports[%zu].nodePort: Duplicate value: %" PRId64, i, ports[i].node_port);
        for (size_t j = 0; j < i; j++)
            if (is_twice(&ports[i], &ports[j]))
                return error_set(err, ERROR_INVALID, "spec.ports[%zu] is there twice: by its name, or by protocol and port", i);
    }
    return service->ports.count > 0 || is_headless(service) || service->type == SERVICE_EXTERNAL_NAME ||
           error_set(err, ERROR_INVALID, "spec.ports is required");
}

static bool check(const struct service *service, struct error *err)
{
    for (size_t i = 0; i < service->families.count; i++)
        if (strcmp(service->families.items[i], "IPv4") != 0 && strcmp(service->families.items[i], "IPv6") != 0)
            return error_set(err, ERROR_INVALID, "spec.ipFamilies[%zu] must be IPv4 or IPv6", i);
    if (service->type == SERVICE_EXTERNAL_NAME && !name_is_subdomain(service->external_name))
        return error_set(err, ERROR_INVALID, "spec.externalName must be a DNS name where type is ExternalName");
    if (is_headless(service) && service->type != SERVICE_CLUSTER_IP)
        return error_set(err, ERROR_INVALID, "spec.clusterIP may be None only where type is ClusterIP");
    return check_ports(service, err);
}

struct service *service_read(const struct json *spec, struct ignored_fields *ignored, struct error *err)
{
    struct service *service = mem_alloc(sizeof(*service));
    if (!fields_read(&service_table, spec, "spec", service, ignored, err)) {
        free(service);
        return NULL;
    }
    if (check(service, err))
        return service;
    service_free(service);
    return NULL;
}

void service_free(struct service *service)
{
    if (service == NULL)
        return;
    fields_free(&service_table, service);
    free(service);
}

struct json *service_write(const struct service *service)
{
    return fields_write(&service_table, service);
}
