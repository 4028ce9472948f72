#include "config.h"

#include "net/names.h"

#include <linux/capability.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "net/dnsmasq.h"

#define HOSTS_BYTES (4 * 1024 * 1024)

struct names {
    char *hosts; /* its file */
    struct dnsmasq *dnsmasq;
};

/* The right to bind port 53, and to read its file in our folder. */
static const struct dnsmasq_kind kind = { .name = "dnsmasq",
                                          .without = "pods do not find each other by name",
                                          .v6 = true,
                                          .caps = 1ull << CAP_NET_BIND_SERVICE | 1ull << CAP_DAC_READ_SEARCH };

struct names *names_new(const struct net *net)
{
    if (!dnsmasq_is_installed()) {
        log_warn("dnsmasq is not installed: pods do not find each other by name; install the package dnsmasq-base");
        return NULL;
    }
    struct names *names = mem_alloc(sizeof(*names));
    names->hosts = mem_printf("%s.hosts", net->netns_dir);
    names->dnsmasq = dnsmasq_new(net, &kind);
    dnsmasq_argument(names->dnsmasq, mem_printf("--addn-hosts=%s", names->hosts));
    dnsmasq_argument(names->dnsmasq, mem_strdup("--local=/cluster.local/"));
    dnsmasq_argument(names->dnsmasq, mem_strdup("--local-ttl=5"));
    names_set(names, NULL);
    return names;
}

void names_need(struct names *names)
{
    dnsmasq_need(names->dnsmasq);
}

void names_look(struct names *names)
{
    dnsmasq_look(names->dnsmasq);
}

void names_set(struct names *names, const struct json *records)
{
    AUTO_STRBUF struct strbuf text;
    struct error err;
    strbuf_init(&text, HOSTS_BYTES);
    strbuf_add(&text, "# written by davit-net\n");
    JSON_EACH(record, records)
        JSON_EACH(address, json_get(record, "addresses"))
            strbuf_printf(&text, "%s %s\n", json_text(address), json_get_text(record, "name"));
    if (!file_write_atomic(names->hosts, text.data, text.len, 0644, false, &err))
        log_warn("the names of pods are not written: %s", err.message);
    dnsmasq_read_again(names->dnsmasq);
}

void names_free(struct names *names)
{
    if (names == NULL)
        return;
    dnsmasq_free(names->dnsmasq);
    free(names->hosts);
    free(names);
}
