/* What a pod's network means for its files: hostname, hosts, resolv.conf. */
#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "base/resolv.h"
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

/* What hostAliases add to a hosts file. */
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

char *network_aliases(const struct pod *pod)
{
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, FILE_MAX);
    if (pod->host_aliases.count == 0)
        return NULL;
    add_aliases(pod, &text);
    return strbuf_steal(&text);
}

char *network_hosts(const struct object_id *id, const struct pod *pod, const char *hostname,
                    const struct text_list *addresses)
{
    if (pod->host_network)
        return NULL; /* the host's, with network_aliases */
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

static struct json *write_texts(const struct text_list *list)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < list->count; i++)
        json_add_text(array, list->items[i]);
    return array;
}

struct json *network_dns(const struct pod *pod)
{
    const struct dns_config *dns = pod->dns;
    if (dns == NULL)
        return NULL;
    const struct dns_option *options = dns->options.items;
    struct json *out = json_new_object();
    json_set(out, "nameservers", write_texts(&dns->servers));
    json_set(out, "searches", write_texts(&dns->searches));
    struct json *list = json_set_array(out, "options");
    for (size_t i = 0; i < dns->options.count; i++)
        json_add(list, json_new_texts("name", options[i].name, "value", options[i].value != NULL ? options[i].value : "", NULL));
    return out;
}

/* The device's own server, which knows the pods' names; Kubernetes' search list. */
static char *own_server(const struct core *core, const struct object_id *id)
{
    char bridge[INET_ADDRSTRLEN];
    struct in_addr address = { .s_addr = htonl(core->network.base + 1) };
    return mem_printf("search %s.svc." DOMAIN " svc." DOMAIN " " DOMAIN "\nnameserver %s\noptions ndots:5\n", id->namespace,
                      inet_ntop(AF_INET, &address, bridge, sizeof(bridge)));
}

static bool takes_own_server(const struct core *core, const struct pod *pod)
{
    return core->network.names && (pod->dns_policy == DNS_CLUSTER_FIRST_WITH_HOST_NET ||
                                   (pod->dns_policy == DNS_CLUSTER_FIRST && !pod->host_network));
}

char *network_resolv(const struct core *core, const struct object_id *id, const struct pod *pod)
{
    bool own = takes_own_server(core, pod);
    if (!own && pod->dns_policy != DNS_NONE)
        return NULL; /* the host's, with network_dns */
    AUTO_FREE char *text = own ? own_server(core, id) : mem_strdup("");
    AUTO_JSON struct json *dns = network_dns(pod);
    return resolv_merge(text, dns);
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
