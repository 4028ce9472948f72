/* What is told of a Service. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "protocol/container_status.h"
#include "protocol/owner.h"
#include "protocol/service.h"
#include "protocol/service_fields.h"

/* Why nobody answers, or that somebody does. */
static bool is_ready(const struct service_report *report, const char **reason, char **message)
{
    int64_t matched = json_get_integer(report->endpoints, "matched", 0);
    size_t serving = 0;
    JSON_EACH(endpoint, json_get(report->endpoints, "endpoints"))
        serving += service_serves(report->service, endpoint);
    *message = NULL;
    if (report->problem != NULL) {
        *reason = report->problem;
        *message = mem_strdup(report->message);
        return false;
    }
    if (json_size(report->service->selector) == 0) {
        *reason = "NoSelector";
        *message = mem_strdup("it has no selector, and endpoints by hand are not on this device: nobody answers");
        return false;
    }
    if (serving > 0) {
        *reason = "EndpointsReady";
        return true;
    }
    *reason = "NoEndpoints";
    *message = matched == 0 ? mem_strdup("no pod of this device has the labels of its selector: connections are refused")
                            : mem_printf("%" PRId64 " pod%s of this device matches its selector, and none is ready: connections are refused",
                                         matched, matched == 1 ? "" : "s");
    return false;
}

static const char *const types[] = { "ClusterIP", "NodePort", "LoadBalancer", "ExternalName" };

static int64_t node_port_of(const struct service_report *report, const char *protocol, int64_t port)
{
    AUTO_FREE char *key = mem_printf("%s/%" PRId64, protocol, port);
    return json_get_integer(json_get(report->given, "ports"), key, 0);
}

/* As kubectl's column has them: "80:30080/TCP,53/UDP". */
static char *ports_text(const struct service_report *report)
{
    static const char *const protocols[] = { "TCP", "UDP", "SCTP" };
    const struct service_port *ports = report->service->ports.items;
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, 4096);
    for (size_t i = 0; i < report->service->ports.count; i++) {
        const char *protocol = protocols[ports[i].protocol];
        int64_t node = node_port_of(report, protocol, ports[i].port);
        strbuf_printf(&text, "%s%" PRId64, i > 0 ? "," : "", ports[i].port);
        if (node != 0)
            strbuf_printf(&text, ":%" PRId64, node);
        strbuf_printf(&text, "/%s", protocol);
    }
    return strbuf_steal(&text);
}

static const char *external_of(const struct service_report *report)
{
    return report->service->type == SERVICE_LOAD_BALANCER    ? report->host_address
           : report->service->type == SERVICE_EXTERNAL_NAME ? report->service->external_name
                                                             : NULL;
}

struct json *service_state_write(const struct service_report *report)
{
    const char *reason;
    AUTO_FREE char *message = NULL;
    bool ready = is_ready(report, &reason, &message);
    struct json *flat = json_new_texts("state", ready ? "Running" : "Pending", NULL);
    json_set_integer(flat, "stateCode", ready ? 2 : 1);
    json_set_integer(flat, "ready", ready);
    json_set_integer(flat, "endpoints", (int64_t)json_size(json_get(report->endpoints, "endpoints")));
    json_set_integer(flat, "endpointsReady", json_get_integer(report->endpoints, "ready", 0));
    const struct json *first = json_first(json_get(report->given, "addresses"));
    AUTO_FREE char *ports = ports_text(report);
    json_set_text(flat, "type", types[report->service->type]);
    json_set_text(flat, "ports", ports);
    json_set_text(flat, "externalIP", external_of(report));
    json_set_text(flat, "clusterIP", service_is_headless(report->service) ? "None" : json_text(first));
    status_set_ms(flat, "createdAt", report->created_ms);
    json_set_text(flat, "reason", ready ? NULL : reason);
    json_set_text(flat, "message", message != NULL ? message : "");
    return flat;
}

static void write_ports(const struct service_report *report, struct json *spec)
{
    struct json *ports = json_new_array();
    JSON_EACH(port, json_get(spec, "ports")) {
        struct json *one = json_copy(port);
        int64_t number = json_get_integer(port, "port", 0), target = 0;
        const char *protocol = json_get_text(port, "protocol"), *text = json_get_text(port, "targetPort");
        int64_t node = node_port_of(report, protocol != NULL ? protocol : "TCP", number);
        json_set_text(one, "protocol", protocol != NULL ? protocol : "TCP");
        if (text == NULL || text[strspn(text, "0123456789")] == '\0') {
            target = text != NULL ? strtoll(text, NULL, 10) : json_get_integer(port, "targetPort", number);
            json_set_integer(one, "targetPort", target);
        }
        if (node != 0)
            json_set_integer(one, "nodePort", node);
        json_add(ports, one);
    }
    json_set(spec, "ports", ports);
}

/* As Kubernetes' API answers it: with the address and the ports that it was given. */
static void write_spec(const struct service_report *report, struct json *spec)
{
    bool families[2] = { false, false };
    json_set_text(spec, "type", types[report->service->type]);
    if (service_is_headless(report->service))
        json_set_text(spec, "clusterIP", "None");
    const struct json *addresses = json_get(report->given, "addresses");
    if (json_size(addresses) > 0) {
        json_set_text(spec, "clusterIP", json_text(json_first(addresses)));
        json_set(spec, "clusterIPs", json_copy(addresses));
    }
    JSON_EACH(address, addresses)
        families[strchr(json_text(address), ':') != NULL] = true;
    struct json *list = json_set_array(spec, "ipFamilies");
    for (size_t i = 0; i < 2; i++)
        if (families[i])
            json_add_text(list, i == 0 ? "IPv4" : "IPv6");
    write_ports(report, spec);
}

static void write_endpoints(const struct service_report *report, struct json *out)
{
    JSON_EACH(endpoint, json_get(report->endpoints, "endpoints")) {
        struct json *one = json_add_object(out), *ports = json_set_array(one, "ports");
        json_set_text(one, "pod", json_get_text(endpoint, "pod"));
        json_set_boolean(one, "ready", json_get_boolean(endpoint, "ready", false));
        json_set(one, "addresses", json_copy(json_get(endpoint, "addresses")));
        JSON_EACH(port, json_get(endpoint, "ports")) {
            struct json *copy = json_copy(port);
            json_remove(copy, "of");
            json_add(ports, copy);
        }
    }
}

static void write_status(const struct service_report *report, struct json *status)
{
    const char *reason;
    AUTO_FREE char *message = NULL;
    bool ready = is_ready(report, &reason, &message);
    json_set_integer(status, "observedGeneration", report->generation);
    struct json *balancer = json_set_object(status, "loadBalancer");
    if (report->service->type == SERVICE_LOAD_BALANCER && report->host_address != NULL)
        json_set_text(json_add_object(json_set_array(balancer, "ingress")), "ip", report->host_address);
    write_endpoints(report, json_set_array(status, "endpoints"));
    struct json *conditions = json_set_array(status, "conditions");
    owner_add_condition(conditions, "Ready", ready, reason, message);
    owner_add_acceptance(conditions, report->refusal);
    ignored_write(report->ignored, conditions);
    json_set_text(status, "source", report->source);
}

struct json *service_status_write(const struct service_report *report)
{
    struct json *object = json_new_texts("apiVersion", "v1", "kind", "Service", NULL);
    struct json *metadata = json_set_object(object, "metadata");
    json_set_text(metadata, "name", report->id->name);
    json_set_text(metadata, "namespace", report->id->namespace);
    json_set_integer(metadata, "generation", report->generation);
    status_set_time(metadata, "creationTimestamp", report->created_ms);
    struct json *spec = service_write(report->service);
    json_set(object, "spec", spec);
    write_spec(report, spec);
    write_status(report, json_set_object(object, "status"));
    return object;
}
