#include "config.h"

#include "domain.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "domain_part.h"

#define UID_DIGITS 12
#define BOOT_ORDERS 64

bool domain_name(const char *uid, char out[DOMAIN_NAME_BYTES], struct error *err)
{
    size_t len = (size_t)snprintf(out, DOMAIN_NAME_BYTES, "davit-");

    for (const char *at = uid == NULL ? "" : uid; *at != '\0' && len < DOMAIN_NAME_BYTES - 1; at++) {
        if (*at == '-')
            continue;
        if (strchr("0123456789abcdef", *at) == NULL)
            break;
        out[len++] = *at;
    }
    out[len] = '\0';
    return len == DOMAIN_NAME_BYTES - 1 ||
           error_set(err, ERROR_INVALID, "the uid must begin with %d lower-case hex digits", UID_DIGITS);
}

int domain_word(const char *text, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (text == NULL || strcmp(text, words[i]) == 0)
            return i;
    }
    return -1;
}

bool domain_is_label(const char *text)
{
    return text != NULL && text[0] != '\0' && strlen(text) <= LIMIT_LABEL_BYTES &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

bool domain_is_net_name(const char *text)
{
    return text != NULL && text[0] != '\0' && strlen(text) <= LIMIT_LABEL_BYTES &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(text);
}

bool domain_boot_order(struct domain *domain, const struct json *device, int64_t *order, struct error *err)
{
    *order = json_get_integer(device, "bootOrder", 0);
    if (*order < 0 || *order >= BOOT_ORDERS)
        return error_set(err, ERROR_INVALID, "bootOrder must be from 1 to %d", BOOT_ORDERS - 1);
    if (*order > 0 && (domain->boot_orders >> *order & 1) != 0)
        return error_set(err, ERROR_INVALID, "bootOrder %d is there twice", (int)*order);
    domain->boot_orders |= *order > 0 ? 1ull << *order : 0;
    return true;
}

struct domain_digits domain_digits(const struct domain *domain, const char *what)
{
    struct domain_digits out;
    struct digest digest;
    char hex[DIGEST_HEX_BYTES];

    digest_init(&digest);
    digest_add_text(&digest, domain->host->node == NULL ? "" : domain->host->node);
    digest_add_text(&digest, domain->object);
    digest_add_text(&digest, what);
    digest_hex(&digest, hex);
    snprintf(out.text, sizeof(out.text), "%.32s", hex);
    return out;
}

/* 8-4-4-4-12 hex digits. */
static bool is_uuid(const char *text)
{
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : text[i] == '\0' || strchr("0123456789abcdefABCDEF", text[i]) == NULL)
            return false;
    }
    return text[36] == '\0';
}

static bool write_head(struct domain *domain, struct error *err)
{
    const struct json *pod = json_get(domain->document, "pod"), *wanted = domain->wanted;
    const char *container = json_get_text(json_get(domain->document, "container"), "name");
    int64_t attempt = json_get_integer(domain->document, "attempt", 0), bytes = json_get_integer(wanted, "memoryBytes", 0);
    const char *uuid = json_get_text(json_get(wanted, "firmware"), "uuid");
    char name[DOMAIN_NAME_BYTES], made[sizeof("01234567-0123-8123-8123-0123456789ab")];
    struct domain_digits digits = domain_digits(domain, "uuid");

    if (!domain_name(json_get_text(pod, "uid"), name, err))
        return false;
    if (bytes <= 0)
        return error_set(err, ERROR_INVALID, "memoryBytes must be above 0");
    if (uuid != NULL && !is_uuid(uuid))
        return error_set(err, ERROR_INVALID, "firmware.uuid is no UUID");
    /* Of version 8, "custom". It stays over documents and reboots: a guest's licence may hang on it. */
    snprintf(made, sizeof(made), "%.8s-%.4s-8%.3s-8%.3s-%.12s", digits.text, digits.text + 8, digits.text + 12,
             digits.text + 15, digits.text + 18);
    xml_text(domain->xml, "name", name, NULL);
    xml_text(domain->xml, "uuid", uuid != NULL ? uuid : made, NULL);
    xml_open(domain->xml, "metadata", NULL);
    xml_leaf(domain->xml, "davit:instance", "xmlns:davit", DOMAIN_NAMESPACE, "uid", json_get_text(pod, "uid"),
             "container", container, "attempt", xml_number(attempt).text, "namespace", json_get_text(pod, "namespace"),
             "name", json_get_text(pod, "name"), NULL);
    xml_close(domain->xml, "metadata");
    xml_text(domain->xml, "memory", xml_number(bytes).text, "unit", "b", NULL);
    return true;
}

/* A crash is an end as any other: the core decides what follows, and a domain that lies about, dead, keeps its memory. */
static void write_ends(struct domain *domain)
{
    xml_text(domain->xml, "on_poweroff", "destroy", NULL);
    xml_text(domain->xml, "on_reboot", "restart", NULL);
    xml_text(domain->xml, "on_crash", "destroy", NULL);
    /* Nobody would wake it. */
    xml_open(domain->xml, "pm", NULL);
    xml_leaf(domain->xml, "suspend-to-mem", "enabled", "no", NULL);
    xml_leaf(domain->xml, "suspend-to-disk", "enabled", "no", NULL);
    xml_close(domain->xml, "pm");
}

static bool write_all(struct domain *domain, struct error *err)
{
    xml_open(domain->xml, "domain", "type", domain->host->kvm ? "kvm" : "qemu", NULL);
    if (!write_head(domain, err) || !domain_write_machine(domain, err))
        return false;
    write_ends(domain);
    xml_open(domain->xml, "devices", NULL);
    if (domain->host->emulator != NULL)
        xml_text(domain->xml, "emulator", domain->host->emulator, NULL);
    if (!domain_write_disks(domain, err) || !domain_write_interfaces(domain, err) || !domain_write_devices(domain, err))
        return false;
    xml_close(domain->xml, "devices");
    xml_close(domain->xml, "domain");
    return true;
}

static bool read_machine(struct domain *domain, struct error *err)
{
    static const char *const machines[] = {"q35", "pc", NULL};
    static const char *const bootloaders[] = {"bios", "efi", NULL};
    const struct json *firmware = json_get(domain->wanted, "firmware");
    const char *type = json_get_text(json_get(domain->wanted, "machine"), "type");
    int machine = domain_word(type, machines);
    int bootloader = domain_word(json_get_text(firmware, "bootloader"), bootloaders);

    if (machine < 0)
        return error_set(err, ERROR_INVALID, "machine.type %s is neither q35 nor pc", type);
    if (bootloader < 0)
        return error_set(err, ERROR_INVALID, "firmware.bootloader is neither bios nor efi");
    domain->q35 = machine == 0;
    domain->efi = bootloader == 1;
    domain->secure = json_get_boolean(firmware, "secureBoot", false);
    if (domain->secure && (!domain->efi || !domain->q35))
        return error_set(err, ERROR_INVALID, "secureBoot needs the bootloader efi and the machine q35");
    return true;
}

char *domain_write(const struct json *document, const struct domain_host *host, const struct disk_list *disks,
                   struct error *err)
{
    const struct json *vm = json_get(document, "vm"), *wanted = json_get(vm, "domain");
    struct xml xml;
    struct domain domain = {.document = document, .wanted = wanted, .devices = json_get(wanted, "devices"),
                            .object = json_get_text(vm, "object"), .host = host, .disks = disks, .xml = &xml};

    if (domain.object == NULL || json_type(wanted) != JSON_OBJECT) {
        error_set(err, ERROR_INVALID, "the document has no vm.object or no vm.domain");
        return NULL;
    }
    if (!read_machine(&domain, err))
        return NULL;
    xml_init(&xml);
    if (!write_all(&domain, err)) {
        strbuf_free(&xml.text);
        return NULL;
    }
    return xml_take(&xml, err);
}
