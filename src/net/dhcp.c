#include "config.h"

#include "net/dhcp.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ifname.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "davit/limits.h"
#include "net/dnsmasq.h"

#define FILE_BYTES (4 * 1024 * 1024)

struct dhcp {
    const struct net *net;
    struct dnsmasq *dnsmasq;
    char *hosts, *options; /* its files */
    char *said;            /* what is in them; NULL: nothing, and it does not run */
};

/* The right to bind port 67 and to read its files; and NET_ADMIN, without which dnsmasq refuses to serve DHCP at all. What it
 * would use that for (to enter a client's MAC in the ARP table) is not needed: it answers by broadcast. CAP_NET_RAW, for
 * pinging an address before it is given, is spared by not pinging.
 */
static const struct dnsmasq_kind kind = {
    .name = "dhcp",
    .without = "VMs get no address by DHCP",
    .caps = 1ull << CAP_NET_BIND_SERVICE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_NET_ADMIN,
};

/* Addresses are reserved and never given to another one, so a lease without an end is honest, and a guest that slept for a
 * year still has its own.
 */
static void add_arguments(struct dhcp *dhcp)
{
    static const char *const fixed[] = { "--port=0", "--dhcp-authoritative", "--dhcp-no-override", "--leasefile-ro", "--no-ping",
                                         "--dhcp-broadcast", "--dhcp-ignore=tag:!known" };
    char gateway[INET6_ADDRSTRLEN], network[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN];
    const struct net *net = dhcp->net;
    struct in_addr base = { .s_addr = htonl(net->base) }, bits = { .s_addr = htonl(net->mask) };
    net_gateway(net, false, gateway);
    inet_ntop(AF_INET, &base, network, sizeof(network));
    inet_ntop(AF_INET, &bits, mask, sizeof(mask));
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        dnsmasq_argument(dhcp->dnsmasq, mem_strdup(fixed[i]));
    /* What comes from a tap counts as come from the bridge, whose address says which network this is. */
    dnsmasq_argument(dhcp->dnsmasq, mem_printf("--bridge-interface=%s,%s*", net->bridge, IFNAME_PREFIX));
    dnsmasq_argument(dhcp->dnsmasq, mem_printf("--dhcp-range=%s,static,%s,infinite", network, mask));
    dnsmasq_argument(dhcp->dnsmasq, mem_printf("--dhcp-hostsfile=%s", dhcp->hosts));
    dnsmasq_argument(dhcp->dnsmasq, mem_printf("--dhcp-optsfile=%s", dhcp->options));
    dnsmasq_argument(dhcp->dnsmasq, mem_printf("--dhcp-option=option:router,%s", gateway));
    dnsmasq_argument(dhcp->dnsmasq, mem_printf("--dhcp-option=option:dns-server,%s", gateway));
}

struct dhcp *dhcp_new(const struct net *net)
{
    if (!dnsmasq_is_installed())
        return NULL; /* said where names are missed */
    struct dhcp *dhcp = mem_alloc(sizeof(*dhcp));
    dhcp->net = net;
    dhcp->hosts = mem_printf("%s.dhcp.hosts", net->netns_dir);
    dhcp->options = mem_printf("%s.dhcp.options", net->netns_dir);
    dhcp->dnsmasq = dnsmasq_new(net, &kind);
    add_arguments(dhcp);
    return dhcp;
}

static void add_options(const struct json *vm, const char *tap, struct strbuf *options)
{
    const struct json *searches = json_get(vm, "searches");
    if (json_size(searches) == 0)
        return;
    /* Windows asks for one domain, everybody else for a list. */
    strbuf_printf(options, "tag:%s,option:domain-name,%s\ntag:%s,option:domain-search", tap, json_text(json_first(searches)), tap);
    JSON_EACH(search, searches)
        strbuf_printf(options, ",%s", json_text(search));
    strbuf_add(options, "\n");
}

/* A host's name is one label: of a name with dots it is the first, as KubeVirt has it. */
static void add_vm(const struct net_pod *pod, struct strbuf *hosts, struct strbuf *options)
{
    const struct json *vm = net_pod_vm(pod);
    const char *address = net_pod_address(pod, false), *hostname = json_get_text(vm, "hostname");
    char tap[IFNAMSIZ], label[LIMIT_LABEL_BYTES + 2] = "";
    if (vm == NULL || address == NULL)
        return;
    link_name(pod->uid, tap);
    if (hostname != NULL)
        snprintf(label, sizeof(label), ",%.*s", (int)strcspn(hostname, "."), hostname);
    strbuf_printf(hosts, "%s,set:%s,%s%s,infinite\n", json_get_text(vm, "mac"), tap, address, label);
    add_options(vm, tap, options);
}

static void write_file(const char *path, const struct strbuf *text)
{
    struct error err;
    if (!file_write_atomic(path, text->data, text->len, 0644, false, &err))
        log_warn("the addresses of VMs are not written: %s", err.message);
}

/* A change is a new dnsmasq, which takes some 20 ms, and a guest that asks just then asks again. It is not told to read its files
 * again (SIGHUP): up to 2.90 it may crash when it does and a host with a tag has a lease. Nor would it give an address to
 * whoever has it now, while it remembers a lease without an end of whoever had it before.
 */
static void change(struct dhcp *dhcp, const struct strbuf *hosts, const struct strbuf *options)
{
    AUTO_FREE char *said = mem_printf("%s%s", hosts->data, options->data);
    bool same = dhcp->said != NULL && strcmp(said, dhcp->said) == 0;
    if (!same) {
        dnsmasq_end(dhcp->dnsmasq);
        write_file(dhcp->hosts, hosts);
        write_file(dhcp->options, options);
        free(dhcp->said);
        dhcp->said = mem_steal(&said);
    }
    dnsmasq_need(dhcp->dnsmasq);
}

static void end(struct dhcp *dhcp)
{
    dnsmasq_end(dhcp->dnsmasq);
    unlink(dhcp->hosts);
    unlink(dhcp->options);
    free(mem_steal(&dhcp->said));
}

void dhcp_set(struct dhcp *dhcp)
{
    AUTO_STRBUF struct strbuf hosts;
    AUTO_STRBUF struct strbuf options;
    bool any = false;
    strbuf_init(&hosts, FILE_BYTES);
    strbuf_init(&options, FILE_BYTES);
    strbuf_add(&hosts, "# written by davit-net\n");
    strbuf_add(&options, "# written by davit-net\n");
    for (const struct net_pod *pod = dhcp->net->pods; pod != NULL; pod = pod->next) {
        any = any || net_pod_vm(pod) != NULL;
        add_vm(pod, &hosts, &options);
    }
    if (any)
        change(dhcp, &hosts, &options);
    else
        end(dhcp);
}

void dhcp_look(struct dhcp *dhcp)
{
    dnsmasq_look(dhcp->dnsmasq);
}

void dhcp_free(struct dhcp *dhcp)
{
    if (dhcp == NULL)
        return;
    dnsmasq_free(dhcp->dnsmasq);
    free(dhcp->said);
    free(dhcp->hosts);
    free(dhcp->options);
    free(dhcp);
}
