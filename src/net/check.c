/* What davitd says ends up in rules, in files that others read, and in paths: nothing is taken that is not what it should be. */
#include "config.h"

#include "net/check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "davit/limits.h"

#define PORT_MAX 65535
#define UID_BYTES 64
#define MAC_TEXT 17
#define INTERFACE_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

bool check_uid(const char *uid)
{
    return uid != NULL && uid[0] != '\0' && uid[0] != '-' && strlen(uid) < UID_BYTES &&
           uid[strspn(uid, "0123456789abcdef-")] == '\0';
}

bool check_interface(const char *name)
{
    return name != NULL && isalpha((unsigned char)name[0]) && strlen(name) < IFNAMSIZ &&
           name[strspn(name, INTERFACE_LETTERS)] == '\0';
}

bool check_address(const char *text)
{
    unsigned char binary[sizeof(struct in6_addr)];
    return text != NULL && (inet_pton(AF_INET, text, binary) == 1 || inet_pton(AF_INET6, text, binary) == 1);
}

/* "10.213.0.0/16" */
bool check_subnet(const char *text, int family)
{
    unsigned char binary[sizeof(struct in6_addr)];
    char address[INET6_ADDRSTRLEN];
    const char *slash = text != NULL ? strchr(text, '/') : NULL;
    size_t digits = slash != NULL ? strspn(slash + 1, "0123456789") : 0;
    if (slash == NULL || (size_t)(slash - text) >= sizeof(address) || digits == 0 || digits > 3 || slash[1 + digits] != '\0')
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    long bits = strtol(slash + 1, NULL, 10);
    return inet_pton(family, address, binary) == 1 && bits >= 1 && bits <= (family == AF_INET ? 31 : 127);
}

static bool check_port(const struct json *object, const char *key, bool may_lack)
{
    int64_t port = 0;
    const struct json *value = json_get(object, key);
    if (value == NULL)
        return may_lack;
    return json_integer(value, &port) && port >= 1 && port <= PORT_MAX;
}

bool check_is_any(const char *host_ip)
{
    return host_ip == NULL || host_ip[0] == '\0' || strcmp(host_ip, "0.0.0.0") == 0 || strcmp(host_ip, "::") == 0;
}

static bool check_protocol(const struct json *object)
{
    const char *word = json_get_text(object, "protocol");
    return word == NULL || strcmp(word, "TCP") == 0 || strcmp(word, "UDP") == 0 || strcmp(word, "SCTP") == 0;
}

static bool check_list(const struct json *list, size_t max, const char *what, struct error *err)
{
    if (list != NULL && json_type(list) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "%s must be a list", what);
    return json_size(list) <= max || error_set(err, ERROR_LIMIT, "%zu %s; at most %zu are taken", json_size(list), what, max);
}

static bool check_addresses(const struct json *list, size_t max, struct error *err)
{
    if (!check_list(list, max, "addresses", err))
        return false;
    JSON_EACH(address, list)
        if (!check_address(json_text(address)))
            return error_set(err, ERROR_INVALID, "\"%.60s\" is no address", json_text(address) != NULL ? json_text(address) : "");
    return true;
}

static bool check_host_ports(const struct json *list, struct error *err)
{
    if (!check_list(list, LIMIT_POD_HOST_PORTS, "hostPorts", err))
        return false;
    JSON_EACH(port, list) {
        const char *host = json_get_text(port, "hostIP");
        if (!check_protocol(port) || !check_port(port, "hostPort", false) || !check_port(port, "port", false) ||
            (host != NULL && host[0] != '\0' && !check_address(host)))
            return error_set(err, ERROR_INVALID, "a host port needs a protocol, ports from 1 to %d and an address", PORT_MAX);
    }
    return true;
}

/* DNS names, as they go into a hosts file. */
static bool check_name(const char *name)
{
    return name != NULL && name[0] != '\0' && strlen(name) <= LIMIT_NAME_BYTES + LIMIT_LABEL_BYTES * 2 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-._")] == '\0';
}

/* "52:54:00:12:34:56", one card's own. */
static bool check_mac(const char *text)
{
    if (text == NULL || strlen(text) != MAC_TEXT || strspn(text, "0123456789abcdef:") != MAC_TEXT)
        return false;
    for (int i = 0; i < MAC_TEXT; i++)
        if ((text[i] == ':') != (i % 3 == 2))
            return false;
    return strchr("02468ace", text[1]) != NULL && strcmp(text, "00:00:00:00:00:00") != 0;
}

static bool check_hostname(const char *name)
{
    return name == NULL || (check_name(name) && name[0] != '-' && name[0] != '.' && strchr(name, '_') == NULL);
}

static bool check_vm(const struct json *head, struct error *err)
{
    const struct json *vm = json_get(head, "vm"), *searches = json_get(vm, "searches");
    if (vm == NULL)
        return true;
    if (!check_mac(json_get_text(vm, "mac")))
        return error_set(err, ERROR_INVALID, "a VM needs a MAC of its own, as 52:54:00:12:34:56");
    if (!check_hostname(json_get_text(vm, "hostname")))
        return error_set(err, ERROR_INVALID, "a VM's hostname has small letters, digits, dashes and dots");
    if (json_size(json_get(head, "networks")) > 0)
        return error_set(err, ERROR_INVALID, "a VM has no networks of CNI");
    if (!check_list(searches, LIMIT_HOST_NAMES, "searches", err))
        return false;
    JSON_EACH(search, searches)
        if (!check_name(json_text(search)))
            return error_set(err, ERROR_INVALID, "\"%.60s\" is no name", json_text(search) != NULL ? json_text(search) : "");
    return true;
}

bool check_attach(const struct json *head, struct error *err)
{
    if (!check_uid(json_get_text(head, "uid")))
        return error_set(err, ERROR_INVALID, "attach needs a uid of hex digits and dashes");
    if (!check_addresses(json_get(head, "addresses"), 2, err) || !check_host_ports(json_get(head, "hostPorts"), err) ||
        !check_list(json_get(head, "networks"), LIMIT_POD_NETWORKS, "networks", err))
        return false;
    JSON_EACH(network, json_get(head, "networks"))
        if (!check_interface(json_get_text(network, "interface")) || strcmp(json_get_text(network, "interface"), "lo") == 0 ||
            json_get_text(network, "name") == NULL)
            return error_set(err, ERROR_INVALID, "a network needs a name, and an interface of letters and digits (at most %d)",
                             IFNAMSIZ - 1);
    return check_vm(head, err);
}

bool check_records(const struct json *records, struct error *err)
{
    if (!check_list(records, LIMIT_NAME_RECORDS, "records", err))
        return false;
    JSON_EACH(record, records) {
        const char *name = json_get_text(record, "name");
        if (!check_name(name))
            return error_set(err, ERROR_INVALID, "\"%.60s\" is no name", name != NULL ? name : "");
        if (!check_addresses(json_get(record, "addresses"), LIMIT_SERVICE_ENDPOINTS * 2, err))
            return false;
    }
    return true;
}

/* "default/web/TCP/80": it becomes the name of a chain. */
static bool check_id(const char *id)
{
    return id != NULL && isalnum((unsigned char)id[0]) && strlen(id) <= LIMIT_SERVICE_ID_BYTES &&
           id[strspn(id, "abcdefghijklmnopqrstuvwxyzTCPUDS0123456789-/.")] == '\0';
}

bool check_services(const struct json *services, struct error *err)
{
    if (!check_list(services, LIMIT_SERVICE_PORTS_ALL, "services", err))
        return false;
    JSON_EACH(service, services) {
        const struct json *targets = json_get(service, "targets");
        if (!check_id(json_get_text(service, "id")) || !check_protocol(service) || !check_port(service, "port", false) ||
            !check_port(service, "hostPort", true) || !check_port(service, "nodePort", true))
            return error_set(err, ERROR_INVALID, "a service needs an id, a protocol and ports from 1 to %d", PORT_MAX);
        if (!check_addresses(json_get(service, "addresses"), 2, err) ||
            !check_list(targets, LIMIT_SERVICE_ENDPOINTS * 2, "targets", err))
            return false;
        JSON_EACH(target, targets)
            if (!check_address(json_get_text(target, "address")) || !check_port(target, "port", false))
                return error_set(err, ERROR_INVALID, "a target needs an address and a port from 1 to %d", PORT_MAX);
    }
    return true;
}
