#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "net/conntrack.h"
#include "net/firewall.h"

/* ---- the rules of one port of one Service */

static bool is_v6(const char *address)
{
    return strchr(address, ':') != NULL;
}

static size_t count_targets(const struct json *service, bool v6)
{
    size_t count = 0;
    JSON_EACH(target, json_get(service, "targets"))
        count += is_v6(json_get_text(target, "address")) == v6;
    return count;
}

/* Each connection to another one by chance, or those of a client to the same one. */
static void add_rule(const struct json *service, const char *id, bool v6, struct strbuf *rules)
{
    size_t count = count_targets(service, v6), i = 0;
    bool sticky = json_get_boolean(service, "affinity", false);
    if (count == 0)
        return;
    strbuf_printf(rules, "add rule inet @ svc/%s meta l4proto %s dnat %s to ", id, firewall_protocol(service), v6 ? "ip6" : "ip");
    if (sticky)
        strbuf_printf(rules, "jhash %s saddr mod %zu seed 0xda417 map {", v6 ? "ip6" : "ip", count);
    else
        strbuf_printf(rules, "numgen random mod %zu map {", count);
    JSON_EACH(target, json_get(service, "targets")) {
        const char *address = json_get_text(target, "address");
        if (is_v6(address) == v6)
            strbuf_printf(rules, "%s %zu : %s . %" PRId64, i > 0 ? "," : "", i, address, json_get_integer(target, "port", 0));
        i += is_v6(address) == v6;
    }
    strbuf_add(rules, " }\n");
}

static void add_host_port(const struct json *service, const char *id, const char *key, const char *verb, struct strbuf *rules)
{
    int64_t port = json_get_integer(service, key, 0);
    if (port != 0)
        strbuf_printf(rules, "%s element inet @ nodeports { %s . %" PRId64 " : goto svc/%s }\n", verb,
                      firewall_protocol(service), port, id);
}

static void add_elements(const struct json *service, const char *id, const char *verb, struct strbuf *rules)
{
    JSON_EACH(address, json_get(service, "addresses"))
        if (count_targets(service, is_v6(json_text(address))) > 0)
            strbuf_printf(rules, "%s element inet @ services%d { %s . %s . %" PRId64 " : goto svc/%s }\n", verb,
                          is_v6(json_text(address)) ? 6 : 4, json_text(address), firewall_protocol(service),
                          json_get_integer(service, "port", 0), id);
    add_host_port(service, id, "hostPort", verb, rules);
    add_host_port(service, id, "nodePort", verb, rules);
}

/* Without targets there is no chain: what asks for it is rejected. */
static bool has_chain(const struct json *service)
{
    return json_size(json_get(service, "targets")) > 0;
}

static void add_one(const struct json *service, struct strbuf *rules)
{
    const char *id = json_get_text(service, "id");
    if (!has_chain(service))
        return;
    strbuf_printf(rules, "add chain inet @ svc/%s\n", id);
    add_rule(service, id, false, rules);
    add_rule(service, id, true, rules);
    add_elements(service, id, "add", rules);
}

static void remove_one(const struct json *service, struct strbuf *rules)
{
    const char *id = json_get_text(service, "id");
    if (!has_chain(service))
        return;
    add_elements(service, id, "delete", rules);
    strbuf_printf(rules, "flush chain inet @ svc/%s\ndelete chain inet @ svc/%s\n", id, id);
}

void services_add(const struct json *services, struct strbuf *rules)
{
    JSON_EACH(service, services)
        add_one(service, rules);
}

/* ---- a change */

static const struct json *find(const struct json *services, const char *id)
{
    JSON_EACH(service, services)
        if (strcmp(json_get_text(service, "id"), id) == 0)
            return service;
    return NULL;
}

static bool same(const struct json *a, const struct json *b)
{
    AUTO_FREE char *x = a != NULL ? json_print(a) : NULL;
    AUTO_FREE char *y = b != NULL ? json_print(b) : NULL;
    return x != NULL && y != NULL && strcmp(x, y) == 0;
}

static bool has_target(const struct json *service, const char *address)
{
    JSON_EACH(target, json_get(service, "targets"))
        if (strcmp(json_get_text(target, "address"), address) == 0)
            return true;
    return false;
}

/* Datagrams follow their first one for as long as they keep coming: not to where nobody is any more. */
static void forget_datagrams(const struct json *before, const struct json *after)
{
    JSON_EACH(service, before) {
        const char *protocol = json_get_text(service, "protocol");
        const struct json *now = find(after, json_get_text(service, "id"));
        if (protocol == NULL || strcmp(protocol, "UDP") != 0)
            continue;
        JSON_EACH(target, json_get(service, "targets"))
            if (!has_target(now, json_get_text(target, "address")))
                conntrack_forget(json_get_text(target, "address"), true);
    }
}

bool services_change(struct net *net, struct json *services, struct error *err)
{
    AUTO_STRBUF struct strbuf rules;
    struct error why;
    struct json *before = net->services;
    strbuf_init(&rules, FIREWALL_BYTES);
    JSON_EACH(old, before)
        if (!same(old, find(services, json_get_text(old, "id"))))
            remove_one(old, &rules);
    JSON_EACH(new, services)
        if (!same(new, find(before, json_get_text(new, "id"))))
            add_one(new, &rules);
    net->services = services;
    bool good = rules.len == 0 || firewall_run(net, &rules, "cannot change the services", &why) || firewall_rebuild(net, err);
    forget_datagrams(before, services);
    json_free(before);
    return good;
}
