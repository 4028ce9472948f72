#include "config.h"

#include <inttypes.h>
#include <nftables/libnftables.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "net/net.h"

#define RULES_BYTES (4 * 1024 * 1024)

/* "inet @ …" -> "inet davit …". One table a bridge, so that two nodes on one machine (tests) are in nobody's way. */
static void put_name(const struct net *net, const char *marked, struct strbuf *out)
{
    const char *table = strcmp(net->bridge, "davit0") == 0 ? "davit" : net->bridge;

    for (const char *at; (at = strstr(marked, "inet @")) != NULL; marked = at + strlen("inet @"))
        strbuf_printf(out, "%.*sinet %s", (int)(at - marked), marked, table);
    strbuf_add(out, marked);
}

static bool run(const struct net *net, const struct strbuf *marked, const char *what, struct error *err)
{
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    AUTO_STRBUF struct strbuf named;
    struct strbuf *rules = &named;

    strbuf_init(&named, RULES_BYTES);
    put_name(net, marked->data, &named);
    if (nft == NULL || rules->overflow)
        return error_set(err, ERROR_LIMIT, "%s: nftables does not start, or there are too many rules", what);
    nft_ctx_buffer_error(nft);
    nft_ctx_buffer_output(nft);
    int code = nft_run_cmd_from_buffer(nft, rules->data);
    if (code != 0) {
        const char *said = nft_ctx_get_error_buffer(nft);
        error_set(err, ERROR_INTERNAL, "%s: nftables refuses: %.300s", what, said != NULL ? said : "it did not say why");
    }
    nft_ctx_free(nft);
    return code == 0;
}

static const char *address_of(const struct net_pod *pod, bool v6)
{
    JSON_EACH(address, json_get(pod->attached, "addresses"))
        if ((strchr(json_text(address), ':') != NULL) == v6)
            return json_text(address);
    return NULL;
}

/* "udp . 53 : 10.213.0.5 . 5353" in the map of ports of any address, or with the address in front in the other map. */
static void add_port(const struct net_pod *pod, const struct json *port, const char *verb, struct strbuf *rules)
{
    const char *protocol = json_get_text(port, "protocol"), *host = json_get_text(port, "hostIP");
    const char *word = protocol != NULL && strcmp(protocol, "UDP") == 0    ? "udp"
                       : protocol != NULL && strcmp(protocol, "SCTP") == 0 ? "sctp"
                                                                           : "tcp";
    bool any = host == NULL || host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    int64_t from = json_get_integer(port, "hostPort", 0), to = json_get_integer(port, "port", 0);
    for (int v6 = 0; v6 <= 1; v6++) {
        const char *address = address_of(pod, v6 != 0);
        if (address == NULL || (!any && (strchr(host, ':') != NULL) != (v6 != 0)))
            continue;
        if (any)
            strbuf_printf(rules, "%s element inet @ ports%d { %s . %" PRId64 " : %s . %" PRId64 " }\n", verb,
                          v6 != 0 ? 6 : 4, word, from, address, to);
        else
            strbuf_printf(rules, "%s element inet @ hostports%d { %s . %s . %" PRId64 " : %s . %" PRId64 " }\n", verb,
                          v6 != 0 ? 6 : 4, host, word, from, address, to);
    }
}

static void add_ports(const struct net_pod *pod, const char *verb, struct strbuf *rules)
{
    JSON_EACH(port, json_get(pod->attached, "hostPorts"))
        add_port(pod, port, verb, rules);
}

/* "@" stands for the table's name. */
static const char *const maps =
    "add table inet @\n"
    "delete table inet @\n"
    "add table inet @\n"
    "add map inet @ ports4 { type inet_proto . inet_service : ipv4_addr . inet_service ; }\n"
    "add map inet @ ports6 { type inet_proto . inet_service : ipv6_addr . inet_service ; }\n"
    "add map inet @ hostports4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service ; }\n"
    "add map inet @ hostports6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service ; }\n"
    "add chain inet @ services\n"
    "add chain inet @ ports\n"
    "add rule inet @ ports dnat ip to ip daddr . meta l4proto . th dport map @hostports4\n"
    "add rule inet @ ports dnat ip6 to ip6 daddr . meta l4proto . th dport map @hostports6\n"
    "add rule inet @ ports dnat ip to meta l4proto . th dport map @ports4\n"
    "add rule inet @ ports dnat ip6 to meta l4proto . th dport map @ports6\n"
    "add chain inet @ prerouting { type nat hook prerouting priority dstnat ; }\n"
    "add rule inet @ prerouting jump services\n"
    "add rule inet @ prerouting fib daddr type local jump ports\n"
    "add chain inet @ output { type nat hook output priority -100 ; }\n"
    "add rule inet @ output jump services\n"
    "add rule inet @ output fib daddr type local jump ports\n";

/* Pods reach out as this device; what comes back to a pod by a host port or a service comes back through here. */
static void add_chains(const struct net *net, struct strbuf *rules)
{
    strbuf_add(rules, maps);
    strbuf_printf(rules, "add chain inet @ guard { type filter hook prerouting priority raw ; }\n"
                         "add rule inet @ guard iifname \"%s\" ip daddr 127.0.0.0/8 drop\n", net->bridge);
    strbuf_add(rules, "add chain inet @ postrouting { type nat hook postrouting priority srcnat ; }\n");
    strbuf_printf(rules, "add rule inet @ postrouting ip saddr %s oifname != \"%s\" masquerade\n", net->subnet, net->bridge);
    strbuf_printf(rules, "add rule inet @ postrouting ip saddr %s oifname \"%s\" ct status dnat masquerade\n", net->subnet,
                  net->bridge);
    strbuf_printf(rules, "add rule inet @ postrouting ip saddr 127.0.0.0/8 oifname \"%s\" masquerade\n", net->bridge);
    if (net->subnet6 != NULL) {
        strbuf_printf(rules, "add rule inet @ postrouting ip6 saddr %s oifname != \"%s\" masquerade\n", net->subnet6,
                      net->bridge);
        strbuf_printf(rules, "add rule inet @ postrouting ip6 saddr %s oifname \"%s\" ct status dnat masquerade\n",
                      net->subnet6, net->bridge);
    }
}

/* A service's own address leads to one of its pods, each connection to another. */
static void add_service(const struct json *service, struct strbuf *rules)
{
    const char *protocol = json_get_text(service, "protocol"), *address = json_get_text(service, "address");
    const struct json *targets = json_get(service, "targets");
    size_t count = json_size(targets), i = 0;
    const char *word = protocol != NULL && strcmp(protocol, "UDP") == 0 ? "udp" : "tcp";
    int64_t port = json_get_integer(service, "port", 0);
    if (address == NULL || port == 0)
        return;
    if (count == 0) {
        strbuf_printf(rules, "add rule inet @ guard ip daddr %s %s dport %" PRId64 " reject\n", address, word, port);
        return;
    }
    strbuf_printf(rules, "add rule inet @ services ip daddr %s %s dport %" PRId64 " dnat ip to numgen random mod %zu map {",
                  address, word, port, count);
    JSON_EACH(target, targets) {
        strbuf_printf(rules, "%s %zu : %s . %" PRId64, i > 0 ? "," : "", i, json_get_text(target, "address"),
                      json_get_integer(target, "port", 0));
        i++;
    }
    strbuf_add(rules, " }\n");
}

bool firewall_rebuild(const struct net *net, struct error *err)
{
    AUTO_STRBUF struct strbuf rules;
    strbuf_init(&rules, RULES_BYTES);
    add_chains(net, &rules);
    for (const struct net_pod *pod = net->pods; pod != NULL; pod = pod->next)
        add_ports(pod, "add", &rules);
    JSON_EACH(service, net->services)
        add_service(service, &rules);
    return run(net, &rules, "cannot make the table inet davit", err);
}

static bool change(const struct net *net, const struct net_pod *pod, const char *verb, struct error *err)
{
    AUTO_STRBUF struct strbuf rules;
    strbuf_init(&rules, RULES_BYTES);
    add_ports(pod, verb, &rules);
    return rules.len == 0 || run(net, &rules, "cannot change the host ports", err);
}

bool firewall_add(const struct net *net, const struct net_pod *pod, struct error *err)
{
    struct error why;
    /* Somebody flushed the tables: they are made again, with this pod in them. */
    return change(net, pod, "add", &why) || firewall_rebuild(net, err);
}

bool firewall_remove(const struct net *net, const struct net_pod *pod, struct error *err)
{
    struct error why;
    (void)err;
    /* What is not there needs no removing. */
    if (!change(net, pod, "delete", &why))
        return why.code == ERROR_INTERNAL;
    return true;
}
