/* `ports` and `expose` of a service. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/compose_service.h"
#include "cli/compose_values.h"
#include "davit/limits.h"

struct range {
    long first, last; /* 0: none is said */
};

/* "80", "80-85". */
static bool range_read(const char *text, size_t len, struct range *range)
{
    AUTO_FREE char *copy = mem_strndup(text, len);
    char *end = NULL;
    range->first = range->last = strtol(copy, &end, 10);
    if (end != copy && *end == '-') {
        char *second = end + 1;
        range->last = strtol(second, &end, 10);
        if (end == second)
            return false;
    }
    return end != copy && *end == '\0' && range->first >= 1 && range->last >= range->first && range->last <= 65535;
}

static bool add_ports(struct compose_service *service, const struct range *inside, const struct range *outside, const char *ip,
                      const char *protocol, struct error *err)
{
    struct json *ports = compose_array(service->container, "ports");
    long count = inside->last - inside->first + 1;
    if (outside->first != 0 && outside->last - outside->first + 1 != count)
        return compose_error(service, "ports", err, "as many ports of the device as of the container are expected");
    if (json_size(ports) + (size_t)count > LIMIT_PORTS)
        return compose_error(service, "ports", err, "a container has at most %d", LIMIT_PORTS);
    for (long i = 0; i < count; i++) {
        struct json *port = json_add_object(ports);
        json_set_integer(port, "containerPort", inside->first + i);
        if (strcmp(protocol, "udp") == 0)
            json_set_text(port, "protocol", "UDP");
        if (outside->first == 0)
            continue;
        json_set_integer(port, "hostPort", outside->first + i);
        json_set_text(port, "hostIP", ip);
        service->host_ports = true;
    }
    return true;
}

static bool check_protocol(const struct compose_service *service, const char *protocol, struct error *err)
{
    return strcmp(protocol, "tcp") == 0 || strcmp(protocol, "udp") == 0 ||
           compose_error(service, "ports", err, "\"%.20s\" is neither tcp nor udp", protocol);
}

/* "[IP:]HOST", an IP of version 6 in brackets; "IP:" leaves the port open. */
static bool read_outside(char *text, struct range *outside, char **ip)
{
    char *colon = strrchr(text, ':');
    const char *host = colon != NULL ? colon + 1 : text;
    if (colon != NULL) {
        bool brackets = text[0] == '[' && colon > text && colon[-1] == ']';
        *ip = brackets ? mem_strndup(text + 1, (size_t)(colon - text) - 2) : mem_strndup(text, (size_t)(colon - text));
    }
    return (*host == '\0' && colon != NULL) || range_read(host, strlen(host), outside);
}

/* "[[IP:]HOST:]CONTAINER[/PROTOCOL]" */
static bool read_short(struct compose_service *service, const char *text, struct error *err)
{
    const char *slash = strchr(text, '/'), *protocol = slash != NULL ? slash + 1 : "tcp";
    AUTO_FREE char *rest = mem_strndup(text, slash != NULL ? (size_t)(slash - text) : strlen(text));
    AUTO_FREE char *ip = NULL;
    struct range inside = {0}, outside = {0};
    char *colon = strrchr(rest, ':');
    const char *container = colon != NULL ? colon + 1 : rest;
    bool good = range_read(container, strlen(container), &inside);
    if (good && colon != NULL) {
        *colon = '\0';
        good = read_outside(rest, &outside, &ip);
    }
    if (!good)
        return compose_error(service, "ports", err, "\"%.60s\" is none: \"HOST:CONTAINER\", \"IP:HOST:CONTAINER\" or \"CONTAINER\"", text);
    if (outside.first == 0 && !compose_remark(service, "ports", "one without a port of the device is reached on the device only", err))
        return false;
    return check_protocol(service, protocol, err) && add_ports(service, &inside, &outside, ip, protocol, err);
}

static bool read_long(struct compose_service *service, const struct json *port, struct error *err)
{
    AUTO_FREE char *target = compose_text(json_get(port, "target")), *published = compose_text(json_get(port, "published"));
    const char *protocol = json_get_text(port, "protocol");
    struct range inside = {0}, outside = {0};
    protocol = protocol != NULL ? protocol : "tcp";
    if (target == NULL || !range_read(target, strlen(target), &inside) ||
        (published != NULL && !range_read(published, strlen(published), &outside)))
        return compose_error(service, "ports", err, "target and published are numbers");
    return check_protocol(service, protocol, err) &&
           add_ports(service, &inside, &outside, json_get_text(port, "host_ip"), protocol, err);
}

bool compose_read_ports(struct compose_service *service, const struct json *value, struct error *err)
{
    if (json_type(value) != JSON_ARRAY)
        return compose_error(service, "ports", err, "a list is expected");
    JSON_EACH(one, value) {
        AUTO_FREE char *text = compose_text(one);
        if (!(text != NULL ? read_short(service, text, err) : read_long(service, one, err)))
            return false;
    }
    return true;
}

bool compose_read_expose(struct compose_service *service, const struct json *value, struct error *err)
{
    const struct range nowhere = {0};
    JSON_EACH(one, value) {
        AUTO_FREE char *text = compose_text(one);
        const char *slash = text != NULL ? strchr(text, '/') : NULL;
        struct range inside;
        if (text == NULL || !range_read(text, slash != NULL ? (size_t)(slash - text) : strlen(text), &inside))
            return compose_error(service, "expose", err, "a list of ports is expected");
        if (!add_ports(service, &inside, &nowhere, NULL, slash != NULL ? slash + 1 : "tcp", err))
            return false;
    }
    return true;
}
