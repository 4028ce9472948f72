#include "config.h"

#include "net/firewall.h"

#include <nftables/libnftables.h>
#include <string.h>

#include "base/memory.h"
#include "net/check.h"
#include "net/elements.h"

#define MAC_DIGITS 12

const char *firewall_table(const struct net *net)
{
    return strcmp(net->bridge, "davit0") == 0 ? "davit" : net->bridge;
}

/* "inet @ …" -> "inet davit …". One table a bridge, so that two nodes on one machine (tests) are in nobody's way. */
static void put_name(const struct net *net, const char *marked, struct strbuf *out)
{
    for (const char *at; (at = strstr(marked, "inet @")) != NULL; marked = at + strlen("inet @"))
        strbuf_printf(out, "%.*sinet %s", (int)(at - marked), marked, firewall_table(net));
    strbuf_add(out, marked);
}

bool firewall_run(const struct net *net, const struct strbuf *marked, const char *what, struct error *err)
{
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    AUTO_STRBUF struct strbuf named;
    struct strbuf *rules = &named;

    strbuf_init(&named, FIREWALL_BYTES);
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

const char *firewall_protocol(const struct json *port)
{
    const char *protocol = json_get_text(port, "protocol");
    return protocol != NULL && strcmp(protocol, "UDP") == 0    ? "udp"
           : protocol != NULL && strcmp(protocol, "SCTP") == 0 ? "sctp"
                                                               : "tcp";
}

/* "udp . 53 : 10.213.0.5 . 5353" in the map of ports of any address, or with the address in front in the other map. */
static void add_port(const struct net_pod *pod, const struct json *port, struct elements *elements)
{
    static const char *const any_maps[] = { "ports4", "ports6" }, *const host_maps[] = { "hostports4", "hostports6" };
    const char *host = json_get_text(port, "hostIP");
    bool any = check_is_any(host);
    for (int v6 = 0; v6 <= 1; v6++) {
        const char *address = net_pod_address(pod, v6 != 0);
        if (address == NULL || (!any && (strchr(host, ':') != NULL) != (v6 != 0)))
            continue;
        elements_next(elements, any ? any_maps[v6] : host_maps[v6]);
        if (!any)
            elements_address(elements, host);
        elements_protocol(elements, firewall_protocol(port));
        elements_port(elements, json_get_integer(port, "hostPort", 0));
        elements_leads_to(elements);
        elements_address(elements, address);
        elements_port(elements, json_get_integer(port, "port", 0));
    }
}

/* Its addresses are its own's alone; and what it asks of itself by a host port or a service gets another sender. */
static void add_pod(const struct net_pod *pod, struct elements *elements)
{
    static const char *const pods[] = { "pods4", "pods6" }, *const itself[] = { "itself4", "itself6" };
    char name[IFNAMSIZ];
    link_name(pod->uid, name);
    for (int v6 = 0; v6 <= 1; v6++) {
        const char *address = net_pod_address(pod, v6 != 0);
        if (address == NULL)
            continue;
        elements_next(elements, pods[v6]);
        elements_text(elements, name);
        elements_address(elements, address);
        elements_next(elements, itself[v6]);
        elements_address(elements, address);
        elements_address(elements, address);
    }
    JSON_EACH(port, json_get(pod->attached, "hostPorts"))
        add_port(pod, port, elements);
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
    "add map inet @ services4 { type ipv4_addr . inet_proto . inet_service : verdict ; }\n"
    "add map inet @ services6 { type ipv6_addr . inet_proto . inet_service : verdict ; }\n"
    "add map inet @ nodeports { type inet_proto . inet_service : verdict ; }\n"
    "add set inet @ pods4 { type ifname . ipv4_addr ; }\n"
    "add set inet @ pods6 { type ifname . ipv6_addr ; }\n"
    "add set inet @ itself4 { type ipv4_addr . ipv4_addr ; }\n"
    "add set inet @ itself6 { type ipv6_addr . ipv6_addr ; }\n"
    "add chain inet @ services\n"
    "add rule inet @ services ip daddr . meta l4proto . th dport vmap @services4\n"
    "add rule inet @ services ip6 daddr . meta l4proto . th dport vmap @services6\n"
    "add chain inet @ ports\n"
    "add rule inet @ ports dnat ip to ip daddr . meta l4proto . th dport map @hostports4\n"
    "add rule inet @ ports dnat ip6 to ip6 daddr . meta l4proto . th dport map @hostports6\n"
    "add rule inet @ ports dnat ip to meta l4proto . th dport map @ports4\n"
    "add rule inet @ ports dnat ip6 to meta l4proto . th dport map @ports6\n"
    "add rule inet @ ports meta l4proto . th dport vmap @nodeports\n"
    "add chain inet @ prerouting { type nat hook prerouting priority dstnat ; }\n"
    "add rule inet @ prerouting jump services\n"
    "add rule inet @ prerouting fib daddr type local jump ports\n"
    "add chain inet @ output { type nat hook output priority -100 ; }\n"
    "add rule inet @ output jump services\n"
    "add rule inet @ output fib daddr type local jump ports\n"
    "add chain inet @ vms\n"
    "add chain inet @ guard { type filter hook prerouting priority raw ; }\n"
    "add chain inet @ forward { type filter hook forward priority filter ; }\n"
    "add chain inet @ unanswered { type filter hook output priority filter ; }\n"
    "add chain inet @ postrouting { type nat hook postrouting priority srcnat ; }\n";

/* What comes from a pod is from its own address. What it sends to 127.0.0.0/8 is for itself alone. */
static void add_guard(const struct net *net, struct strbuf *rules)
{
    strbuf_printf(rules, "add rule inet @ guard iifgroup != %u return\n", net->group);
    strbuf_add(rules, "add rule inet @ guard ip daddr 127.0.0.0/8 drop\n"
                      "add rule inet @ guard jump vms\n"
                      "add rule inet @ guard meta nfproto ipv4 iifname . ip saddr != @pods4 drop\n"
                      "add rule inet @ guard meta nfproto ipv6 iifname . ip6 saddr != @pods6 drop\n");
}

/* What a VM has to say before it knows its address, and what its IPv6 says on its own link (RFC 4861). In DHCP it speaks of its
 * own MAC alone (chaddr, 28 bytes into the message): nobody gives back what another one has. Pods do not speak DHCP.
 */
static void add_vm(const struct net_pod *pod, struct strbuf *rules)
{
    const char *address = net_pod_address(pod, false), *mac = json_get_text(net_pod_vm(pod), "mac");
    char name[IFNAMSIZ], digits[MAC_DIGITS + 1] = "";
    link_name(pod->uid, name);
    for (size_t len = 0; mac != NULL && *mac != '\0' && len < MAC_DIGITS; mac++)
        if (*mac != ':')
            digits[len++] = *mac;
    if (address != NULL)
        strbuf_printf(rules, "add rule inet @ vms iifname \"%s\" ip saddr { 0.0.0.0, %s } udp dport 67 @th,288,48 0x%s accept\n",
                      name, address, digits);
    if (net_pod_address(pod, true) != NULL)
        strbuf_printf(rules, "add rule inet @ vms iifname \"%s\" ip6 saddr fe80::/10 icmpv6 type { nd-router-solicit, "
                      "nd-neighbor-solicit, nd-neighbor-advert } accept\n", name);
}

static void add_vms(const struct net *net, const struct net_pod *left_out, struct strbuf *rules)
{
    bool any = false;
    for (const struct net_pod *pod = net->pods; pod != NULL; pod = pod->next) {
        if (net_pod_vm(pod) == NULL || pod == left_out)
            continue;
        add_vm(pod, rules);
        any = true;
    }
    if (any)
        strbuf_add(rules, "add rule inet @ vms meta nfproto ipv4 udp dport 67 fib daddr type { local, broadcast } drop\n");
}

/* An address of a service that led to no pod: nobody answers, and that is said at once. */
static void add_reject(const char *chain, const char *family, const char *range, struct strbuf *rules)
{
    if (range == NULL)
        return;
    strbuf_printf(rules, "add rule inet @ %s %s daddr %s meta l4proto tcp reject with tcp reset\n", chain, family, range);
    strbuf_printf(rules, "add rule inet @ %s %s daddr %s reject\n", chain, family, range);
}

/* From elsewhere nothing gets to a pod but answers, and what a host port or a service brings. */
static void add_forward(const struct net *net, struct strbuf *rules)
{
    static const char *const chains[] = { "forward", "unanswered" };
    for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
        add_reject(chains[i], "ip", net->services4, rules);
        add_reject(chains[i], "ip6", net->services6, rules);
    }
    strbuf_printf(rules, "add rule inet @ forward oifgroup != %u return\n", net->group);
    strbuf_printf(rules, "add rule inet @ forward iifgroup %u return\n", net->group);
    strbuf_add(rules, "add rule inet @ forward ct state established,related return\n"
                      "add rule inet @ forward ct status dnat return\n"
                      "add rule inet @ forward drop\n");
}

/* Pods reach out as this device; what a pod asks of itself by a host port or a service comes from here. */
static void add_masquerade(const struct net *net, const char *family, const char *subnet, const char *itself,
                           struct strbuf *rules)
{
    strbuf_printf(rules, "add rule inet @ postrouting %s saddr %s oifgroup != %u masquerade\n", family, subnet, net->group);
    strbuf_printf(rules, "add rule inet @ postrouting oifgroup %u %s saddr . %s daddr @%s masquerade\n", net->group, family,
                  family, itself);
}

static void add_chains(const struct net *net, struct strbuf *rules)
{
    strbuf_add(rules, maps);
    add_forward(net, rules);
    add_masquerade(net, "ip", net->subnet, "itself4", rules);
    strbuf_printf(rules, "add rule inet @ postrouting ip saddr 127.0.0.0/8 oifgroup %u masquerade\n", net->group);
    if (net->subnet6 != NULL)
        add_masquerade(net, "ip6", net->subnet6, "itself6", rules);
}

/* Three steps: who pods are is known before anybody is dropped for not being one. */
static bool rebuild_without(const struct net *net, const struct net_pod *left_out, struct error *err)
{
    AUTO_STRBUF struct strbuf rules;
    AUTO_STRBUF struct strbuf guard;
    strbuf_init(&rules, FIREWALL_BYTES);
    strbuf_init(&guard, FIREWALL_BYTES);
    add_chains(net, &rules);
    add_vms(net, left_out, &guard);
    add_guard(net, &guard);
    services_add(net->services, &rules);
    if (!firewall_run(net, &rules, "cannot make the table inet davit", err))
        return false;
    struct elements *elements = elements_begin(net, false);
    for (const struct net_pod *pod = net->pods; pod != NULL; pod = pod->next)
        if (pod != left_out)
            add_pod(pod, elements);
    return elements_commit(elements, err) && firewall_run(net, &guard, "cannot make the table inet davit", err);
}

bool firewall_rebuild(const struct net *net, struct error *err)
{
    return rebuild_without(net, NULL, err);
}

/* The rules of all VMs, anew: they are few, and rules have no names to take out one by. */
static bool change_vms(const struct net *net, const struct net_pod *changed, const struct net_pod *left_out, struct error *err)
{
    AUTO_STRBUF struct strbuf rules;
    strbuf_init(&rules, FIREWALL_BYTES);
    if (net_pod_vm(changed) == NULL)
        return true;
    strbuf_add(&rules, "flush chain inet @ vms\n");
    add_vms(net, left_out, &rules);
    return firewall_run(net, &rules, "cannot let a VM speak", err);
}

bool firewall_add(const struct net *net, const struct net_pod *pod, struct error *err)
{
    struct error why;
    struct elements *elements = elements_begin(net, false);
    add_pod(pod, elements);
    /* Somebody flushed the tables: they are made again, with this pod in them. */
    return (elements_commit(elements, &why) && change_vms(net, pod, NULL, &why)) || firewall_rebuild(net, err);
}

bool firewall_remove(const struct net *net, const struct net_pod *pod, struct error *err)
{
    struct error why;
    struct elements *elements = elements_begin(net, true);
    add_pod(pod, elements);
    /* What is only half there (it was cut off) goes with the rest of it. */
    return (elements_commit(elements, &why) && change_vms(net, pod, pod, &why)) || rebuild_without(net, pod, err);
}
