#include "config.h"

#include "cli/service_view.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/describe.h"
#include "cli/status.h"

#define LINE_BYTES 65536

static char *joined(const struct json *list)
{
    AUTO_STRBUF struct strbuf line;
    strbuf_init(&line, LINE_BYTES);
    JSON_EACH(word, list)
        if (json_text(word) != NULL)
            strbuf_printf(&line, "%s%s", line.len > 0 ? "," : "", json_text(word));
    return strbuf_steal(&line);
}

static char *selector_of(const struct json *spec)
{
    AUTO_STRBUF struct strbuf line;
    strbuf_init(&line, LINE_BYTES);
    JSON_EACH(label, json_get(spec, "selector"))
        strbuf_printf(&line, "%s%s=%s", line.len > 0 ? "," : "", json_key(label), json_text(label) != NULL ? json_text(label) : "");
    return strbuf_steal(&line);
}

/* As kubectl: "Port", "TargetPort", "NodePort" for each. */
static void print_port(const struct json *port)
{
    const char *name = json_get_text(port, "name"), *protocol = json_get_text(port, "protocol"), *target = json_get_text(port, "targetPort");
    int64_t node = json_get_integer(port, "nodePort", 0);
    AUTO_FREE char *line = mem_printf("%s  %lld/%s", name != NULL ? name : "<unset>", (long long)json_get_integer(port, "port", 0),
                                      protocol != NULL ? protocol : "TCP");
    AUTO_FREE char *to = target != NULL ? mem_strdup(target) : mem_printf("%lld", (long long)json_get_integer(port, "targetPort", 0));
    describe_field(0, "Port", line);
    describe_field(0, "TargetPort", to);
    if (node != 0)
        describe_integer(0, "NodePort", node);
}

static void print_endpoints(const struct json *list)
{
    if (json_size(list) > 0)
        (void)puts("Endpoints:");
    JSON_EACH(endpoint, list) {
        AUTO_FREE char *addresses = joined(json_get(endpoint, "addresses"));
        AUTO_FREE char *line = mem_printf("%s%s", addresses, json_get_boolean(endpoint, "ready", false) ? "" : " (not ready)");
        describe_field(2, json_get_text(endpoint, "pod") != NULL ? json_get_text(endpoint, "pod") : "?", line);
    }
}

void describe_service(const struct entry *entry)
{
    const struct json *spec = json_get(entry->status, "spec"), *status = json_get(entry->status, "status");
    const struct json *ready = status_condition(entry->status, "Ready");
    AUTO_FREE char *selector = selector_of(spec);
    AUTO_FREE char *addresses = joined(json_get(spec, "clusterIPs"));
    AUTO_FREE char *families = joined(json_get(spec, "ipFamilies"));
    AUTO_FREE char *ignored = joined(json_get(status_condition(entry->status, "IgnoredFields"), "fields"));
    describe_field(0, "Name", entry->id.name);
    describe_field(0, "Namespace", entry->id.namespace);
    describe_field(0, "Node", entry->node);
    describe_field(0, "Selector", selector);
    describe_field(0, "Type", json_get_text(spec, "type"));
    describe_field(0, "IP Families", families);
    describe_field(0, "IP", json_get_text(spec, "clusterIP"));
    describe_field(0, "IPs", addresses);
    describe_field(0, "External", json_get_text(entry->state, "externalIP"));
    JSON_EACH(port, json_get(spec, "ports"))
        print_port(port);
    describe_field(0, "Session Affinity", json_get_text(spec, "sessionAffinity"));
    print_endpoints(json_get(status, "endpoints"));
    describe_field(0, "Ready", json_get_text(ready, "status"));
    describe_field(0, "Reason", json_get_text(ready, "reason"));
    describe_field(0, "Message", json_get_text(ready, "message"));
    describe_field(0, "Ignored Fields", ignored);
    describe_field(0, "Source", json_get_text(status, "source"));
}
