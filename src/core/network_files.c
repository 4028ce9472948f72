/* What a pod's network means for its files: hostname, hosts, resolv.conf. */
#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "core/core.h"
#include "core/network.h"

#define HOSTNAME_MAX 63
#define FILE_MAX (64 * 1024)
#define DOMAIN "cluster.local"

/* Kubernetes cuts a pod's name to 63 bytes, and what then ends in - or . further. */
char *network_hostname(const struct object_id *id, const struct pod *pod)
{
    if (pod->host_network && pod->hostname == NULL)
        return NULL;
    char *name = mem_strdup(pod->hostname != NULL && pod->hostname[0] != '\0' ? pod->hostname : id->name);
    if (strlen(name) > HOSTNAME_MAX)
        name[HOSTNAME_MAX] = '\0';
    for (size_t len = strlen(name); len > 0 && strchr("-.", name[len - 1]) != NULL; len--)
        name[len - 1] = '\0';
    if (!pod->fqdn_hostname || pod->subdomain == NULL)
        return name;
    char *whole = mem_printf("%s.%s.%s.svc." DOMAIN, name, pod->subdomain, id->namespace);
    free(name);
    return whole;
}

char *network_namespace(const struct core *core, const char *uid, const struct pod *pod)
{
    if (pod->host_network || !network_has(core, uid))
        return NULL;
    return mem_printf("%s/netns/%s", core->config->run_dir, uid);
}

static void add_aliases(const struct pod *pod, struct strbuf *text)
{
    const struct host_alias *aliases = pod->host_aliases.items;
    if (pod->host_aliases.count > 0)
        strbuf_add(text, "\n# Entries added by HostAliases.\n");
    for (size_t i = 0; i < pod->host_aliases.count; i++) {
        strbuf_add(text, aliases[i].ip);
        for (size_t j = 0; j < aliases[i].names.count; j++)
            strbuf_printf(text, "\t%s", aliases[i].names.items[j]);
        strbuf_add(text, "\n");
    }
}

char *network_hosts(const struct object_id *id, const struct pod *pod, const char *hostname,
                    const struct text_list *addresses)
{
    if (pod->host_network && pod->host_aliases.count == 0)
        return NULL;
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, FILE_MAX);
    strbuf_add(&text, "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"
                      "::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\n"
                      "fe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n");
    const char *own = "127.0.0.1";
    for (size_t i = 0; hostname != NULL && i < (addresses->count > 0 ? addresses->count : 1); i++) {
        const char *address = addresses->count > 0 ? addresses->items[i] : own;
        if (pod->subdomain != NULL && pod->subdomain[0] != '\0' && !pod->fqdn_hostname)
            strbuf_printf(&text, "%s\t%s.%s.%s.svc." DOMAIN "\t%s\n", address, hostname, pod->subdomain, id->namespace,
                          hostname);
        else
            strbuf_printf(&text, "%s\t%s\n", address, hostname);
    }
    add_aliases(pod, &text);
    return strbuf_steal(&text);
}

static void add_list(struct strbuf *text, const char *word, const struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        strbuf_printf(text, "%s %s%s", i == 0 ? word : "", list->items[i], i + 1 == list->count ? "\n" : "");
}

/* The device's own server, which knows the pods' names; Kubernetes' search list. */
static void add_own_server(const struct core *core, const struct object_id *id, const struct dns_config *dns,
                           struct strbuf *text)
{
    char bridge[INET_ADDRSTRLEN];
    struct in_addr address = { .s_addr = htonl(core->network.base + 1) };
    strbuf_printf(text, "search %s.svc." DOMAIN " svc." DOMAIN " " DOMAIN, id->namespace);
    for (size_t i = 0; dns != NULL && i < dns->searches.count; i++)
        strbuf_printf(text, " %s", dns->searches.items[i]);
    strbuf_printf(text, "\nnameserver %s\n", inet_ntop(AF_INET, &address, bridge, sizeof(bridge)));
    strbuf_add(text, "options ndots:5\n");
}

static bool takes_own_server(const struct core *core, const struct pod *pod)
{
    return core->network.names && (pod->dns_policy == DNS_CLUSTER_FIRST_WITH_HOST_NET ||
                                   (pod->dns_policy == DNS_CLUSTER_FIRST && !pod->host_network));
}

static void add_options(const struct dns_config *dns, struct strbuf *text)
{
    const struct dns_option *options = dns->options.items;
    for (size_t i = 0; i < dns->servers.count; i++)
        strbuf_printf(text, "nameserver %s\n", dns->servers.items[i]);
    for (size_t i = 0; i < dns->options.count; i++)
        strbuf_printf(text, "options %s%s%s\n", options[i].name, options[i].value != NULL ? ":" : "",
                      options[i].value != NULL ? options[i].value : "");
}

char *network_resolv(const struct core *core, const struct object_id *id, const struct pod *pod)
{
    const struct dns_config *dns = pod->dns;
    bool own = takes_own_server(core, pod);
    if (!own && dns == NULL && pod->dns_policy != DNS_NONE)
        return NULL; /* the host's */
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, FILE_MAX);
    if (own)
        add_own_server(core, id, dns, &text);
    else if (dns != NULL)
        add_list(&text, "search", &dns->searches);
    if (dns != NULL)
        add_options(dns, &text);
    return strbuf_steal(&text);
}

int64_t network_port(const struct container *container, const char *port)
{
    const struct container_port *ports = container->ports.items;
    if (port[strspn(port, "0123456789")] == '\0')
        return strtoll(port, NULL, 10);
    for (size_t i = 0; i < container->ports.count; i++)
        if (ports[i].name != NULL && strcmp(ports[i].name, port) == 0)
            return ports[i].port;
    return 0;
}
