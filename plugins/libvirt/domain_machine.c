/* What a domain is, its devices apart: processors, firmware, features, clock. */
#include "config.h"

#include <string.h>

#include "davit/limits.h"
#include "domain_part.h"

static bool read_count(const struct json *cpu, const char *key, int64_t *out, struct error *err)
{
    *out = json_get_integer(cpu, key, 1);
    return (*out >= 1 && *out <= LIMIT_VM_CPUS) ||
           error_set(err, ERROR_INVALID, "cpu.%s must be from 1 to %d", key, LIMIT_VM_CPUS);
}

/* Emulation has no model of this host to offer: the most that it can do. */
static void write_model(struct domain *domain, const char *model)
{
    static const char *const modes[] = {"host-model", "host-passthrough", NULL};
    int mode = domain_word(model, modes);

    if (mode < 0) {
        xml_open(domain->xml, "cpu", "mode", "custom", "match", "exact", "check", domain->host->kvm ? "partial" : "none",
                 NULL);
        xml_text(domain->xml, "model", model, "fallback", "forbid", NULL);
    } else {
        xml_open(domain->xml, "cpu", "mode", domain->host->kvm ? modes[mode] : "maximum", NULL);
    }
}

static bool write_cpu(struct domain *domain, struct error *err)
{
    const struct json *cpu = json_get(domain->wanted, "cpu");
    int64_t sockets, cores, threads;

    if (!read_count(cpu, "sockets", &sockets, err) || !read_count(cpu, "cores", &cores, err) ||
        !read_count(cpu, "threads", &threads, err))
        return false;
    if (sockets * cores * threads > LIMIT_VM_CPUS)
        return error_set(err, ERROR_INVALID, "cpu: %lld processors, a machine can have %d",
                         (long long)(sockets * cores * threads), LIMIT_VM_CPUS);
    xml_text(domain->xml, "vcpu", xml_number(sockets * cores * threads).text, "placement", "static", NULL);
    write_model(domain, json_get_text(cpu, "model"));
    xml_leaf(domain->xml, "topology", "sockets", xml_number(sockets).text, "dies", "1", "cores", xml_number(cores).text,
             "threads", xml_number(threads).text, NULL);
    xml_close(domain->xml, "cpu");
    return true;
}

static bool write_loader(struct domain *domain, struct error *err)
{
    const struct domain_host *host = domain->host;
    const char *loader = domain->secure ? host->secure_loader : host->loader;
    const char *vars = domain->secure ? host->secure_loader_vars : host->loader_vars;

    if (!domain->efi)
        return true;
    if (loader == NULL || vars == NULL)
        return error_set(err, ERROR_UNSUPPORTED, "this device has no firmware for the bootloader efi%s: install ovmf",
                         domain->secure ? " with secure boot" : "");
    xml_text(domain->xml, "loader", loader, "readonly", "yes", "secure", domain->secure ? "yes" : "no", "type", "pflash",
             NULL);
    xml_text(domain->xml, "nvram", host->nvram, "template", vars, NULL);
    return true;
}

static bool write_kernel(struct domain *domain, struct error *err)
{
    const struct json *boot = json_get(json_get(domain->wanted, "firmware"), "kernelBoot");
    const char *args = json_get_text(boot, "kernelArgs");

    if (boot == NULL)
        return true;
    if (domain->disks->kernel == NULL)
        return error_set(err, ERROR_INVALID, "kernelBoot names no kernel that is there");
    xml_text(domain->xml, "kernel", domain->disks->kernel, NULL);
    if (domain->disks->initrd != NULL)
        xml_text(domain->xml, "initrd", domain->disks->initrd, NULL);
    if (args != NULL && args[0] != '\0')
        xml_text(domain->xml, "cmdline", args, NULL);
    return true;
}

static bool write_os(struct domain *domain, struct error *err)
{
    const char *serial = json_get_text(json_get(domain->wanted, "firmware"), "serial");

    if (serial != NULL) {
        xml_open(domain->xml, "sysinfo", "type", "smbios", NULL);
        xml_open(domain->xml, "system", NULL);
        xml_text(domain->xml, "entry", serial, "name", "serial", NULL);
        xml_close(domain->xml, "system");
        xml_close(domain->xml, "sysinfo");
    }
    xml_open(domain->xml, "os", NULL);
    xml_text(domain->xml, "type", "hvm", "arch", "x86_64", "machine", domain->q35 ? "q35" : "pc", NULL);
    if (!write_loader(domain, err) || !write_kernel(domain, err))
        return false;
    if (serial != NULL)
        xml_leaf(domain->xml, "smbios", "mode", "sysinfo", NULL);
    xml_close(domain->xml, "os");
    return true;
}

/* Kubernetes: a feature that is named is on, unless it says enabled: false. */
static const char *state_of(const struct json *feature)
{
    return json_get_boolean(feature, "enabled", true) ? "on" : "off";
}

static const struct {
    const char *key, *element;
} hyperv_features[] = {
    {"relaxed", "relaxed"}, {"vapic", "vapic"}, {"spinlocks", "spinlocks"}, {"vpindex", "vpindex"}, {"runtime", "runtime"},
    {"synic", "synic"}, {"synictimer", "stimer"}, {"reset", "reset"}, {"vendorid", "vendor_id"},
    {"frequencies", "frequencies"}, {"reenlightenment", "reenlightenment"}, {"tlbflush", "tlbflush"}, {"ipi", "ipi"},
    {"evmcs", "evmcs"},
};

static void write_hyperv_feature(struct domain *domain, const char *element, const struct json *feature)
{
    struct xml_number retries = xml_number(json_get_integer(feature, "spinlocks", 4096)); /* KubeVirt's default */
    const struct json *direct = json_get(feature, "direct");

    if (strcmp(element, "stimer") == 0 && direct != NULL) {
        xml_open(domain->xml, element, "state", state_of(feature), NULL);
        xml_leaf(domain->xml, "direct", "state", state_of(direct), NULL);
        xml_close(domain->xml, element);
        return;
    }
    xml_leaf(domain->xml, element, "state", state_of(feature),
             strcmp(element, "spinlocks") == 0 ? "retries" : "value",
             strcmp(element, "spinlocks") == 0 ? retries.text : json_get_text(feature, "vendorid"), NULL);
}

/* What KVM pretends to be for Windows; emulation has none of it, and Windows runs without. */
static const struct json *hyperv_of(const struct domain *domain)
{
    return domain->host->kvm ? json_get(json_get(domain->wanted, "features"), "hyperv") : NULL;
}

static void write_features(struct domain *domain)
{
    const struct json *features = json_get(domain->wanted, "features"), *hyperv = hyperv_of(domain);

    xml_open(domain->xml, "features", NULL);
    if (json_get_boolean(features, "acpi", true))
        xml_leaf(domain->xml, "acpi", NULL);
    if (json_get_boolean(features, "apic", true))
        xml_leaf(domain->xml, "apic", NULL);
    if (domain->secure || json_get_boolean(features, "smm", false))
        xml_leaf(domain->xml, "smm", "state", "on", NULL);
    if (json_size(hyperv) > 0) {
        xml_open(domain->xml, "hyperv", "mode", "custom", NULL);
        for (size_t i = 0; i < sizeof(hyperv_features) / sizeof(hyperv_features[0]); i++) {
            const struct json *feature = json_get(hyperv, hyperv_features[i].key);

            if (feature != NULL)
                write_hyperv_feature(domain, hyperv_features[i].element, feature);
        }
        xml_close(domain->xml, "hyperv");
    }
    xml_leaf(domain->xml, "vmport", "state", "off", NULL);
    xml_close(domain->xml, "features");
}

static void open_clock(struct domain *domain)
{
    const struct json *clock = json_get(domain->wanted, "clock");
    const char *timezone = json_get_text(clock, "timezone");
    int64_t offset_s = json_get_integer(clock, "offsetSeconds", 0);

    if (timezone != NULL)
        xml_open(domain->xml, "clock", "offset", "timezone", "timezone", timezone, NULL);
    else if (json_get_boolean(clock, "localtime", false))
        xml_open(domain->xml, "clock", "offset", "localtime", NULL);
    else if (offset_s != 0)
        xml_open(domain->xml, "clock", "offset", "variable", "adjustment", xml_number(offset_s).text, "basis", "utc", NULL);
    else
        xml_open(domain->xml, "clock", "offset", "utc", NULL);
}

/* A tick that came late is made up for, or a busy host's guests fall behind; the HPET costs a wake-up a tick. */
static void write_clock(struct domain *domain)
{
    open_clock(domain);
    xml_leaf(domain->xml, "timer", "name", "rtc", "tickpolicy", "catchup", NULL);
    if (domain->host->kvm)
        xml_leaf(domain->xml, "timer", "name", "pit", "tickpolicy", "delay", NULL);
    xml_leaf(domain->xml, "timer", "name", "hpet", "present", "no", NULL);
    if (json_size(hyperv_of(domain)) > 0)
        xml_leaf(domain->xml, "timer", "name", "hypervclock", "present", "yes", NULL);
    xml_close(domain->xml, "clock");
}

bool domain_write_machine(struct domain *domain, struct error *err)
{
    if (!write_cpu(domain, err) || !write_os(domain, err))
        return false;
    write_features(domain);
    write_clock(domain);
    return true;
}
