/* A domain's network cards: on a tap that davit-net made, or on a bridge of the host. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "davit/limits.h"
#include "domain_part.h"

#define MAC_BYTES sizeof("52:54:00:12:34:56")

static const char *const models[] = {"virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet", NULL};

static const struct json *find_network(const struct domain *domain, const char *name)
{
    JSON_EACH(network, json_get(json_get(domain->document, "vm"), "networks")) {
        const char *here = json_get_text(network, "name");

        if (here != NULL && strcmp(here, name) == 0)
            return network;
    }
    return NULL;
}

/* Else libvirt makes one up at every start, and the guest has another card each time. 52:54:00 is QEMU's. */
static void make_mac(const struct domain *domain, const char *name, char out[MAC_BYTES])
{
    char what[sizeof("mac ") + LIMIT_LABEL_BYTES];

    snprintf(what, sizeof(what), "mac %s", name);
    struct domain_digits digits = domain_digits(domain, what);
    snprintf(out, MAC_BYTES, "52:54:00:%.2s:%.2s:%.2s", digits.text, digits.text + 2, digits.text + 4);
}

/* Six pairs of hex digits, and no address of a group. */
static bool is_mac(const char *text)
{
    for (size_t i = 0; i < MAC_BYTES - 1; i++) {
        if (i % 3 == 2 ? text[i] != ':' : text[i] == '\0' || strchr("0123456789abcdefABCDEF", text[i]) == NULL)
            return false;
    }
    return text[MAC_BYTES - 1] == '\0' && strchr("02468aceACE", text[1]) != NULL;
}

static void write_interface(struct domain *domain, const struct json *interface, const struct json *network,
                            int64_t boot_order)
{
    const char *name = json_get_text(interface, "name"), *tap = json_get_text(network, "tap");
    const char *mac = json_get_text(interface, "macAddress"), *model = json_get_text(interface, "model");
    char alias[sizeof(DOMAIN_ALIAS_NET) + LIMIT_LABEL_BYTES], made[MAC_BYTES];

    snprintf(alias, sizeof(alias), DOMAIN_ALIAS_NET "%s", name);
    make_mac(domain, name, made);
    if (mac == NULL)
        mac = json_get_text(network, "mac");
    xml_open(domain->xml, "interface", "type", tap != NULL ? "ethernet" : "bridge", NULL);
    xml_leaf(domain->xml, "mac", "address", mac != NULL ? mac : made, NULL);
    if (tap != NULL)
        xml_leaf(domain->xml, "target", "dev", tap, "managed", "no", NULL);
    else
        xml_leaf(domain->xml, "source", "bridge", json_get_text(network, "bridge"), NULL);
    xml_leaf(domain->xml, "model", "type", model != NULL ? model : models[0], NULL);
    if (boot_order > 0)
        xml_leaf(domain->xml, "boot", "order", xml_number(boot_order).text, NULL);
    else /* it is not to look for a server that it could start from */
        xml_leaf(domain->xml, "rom", "enabled", "no", NULL);
    xml_leaf(domain->xml, "alias", "name", alias, NULL);
    xml_close(domain->xml, "interface");
}

bool domain_write_interfaces(struct domain *domain, struct error *err)
{
    JSON_EACH(interface, json_get(domain->devices, "interfaces")) {
        const char *name = json_get_text(interface, "name"), *model = json_get_text(interface, "model");
        const char *mac = json_get_text(interface, "macAddress");
        const struct json *network;
        int64_t boot_order;

        if (!domain_is_net_name(name))
            return error_set(err, ERROR_INVALID, "an interface's name must be of letters, digits, - and _");
        if (domain_word(model, models) < 0)
            return error_set(err, ERROR_INVALID, "interface %s: the model %s is not known", name, model);
        if (mac != NULL && !is_mac(mac))
            return error_set(err, ERROR_INVALID, "interface %s: %s is no MAC address that a card can have", name, mac);
        network = find_network(domain, name);
        if (json_get_text(network, "tap") == NULL && json_get_text(network, "bridge") == NULL)
            return error_set(err, ERROR_INVALID, "interface %s has no network", name);
        if (!domain_boot_order(domain, interface, &boot_order, err))
            return false;
        write_interface(domain, interface, network, boot_order);
    }
    return true;
}
