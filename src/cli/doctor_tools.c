/* The programs that Davit starts, or that virtual machines need. */
#include "config.h"

#include <string.h>

#include "base/kvm.h"
#include "base/memory.h"
#include "base/spawn.h"
#include "cli/doctor.h"

static void judge_program(struct finding *finding, const char *name, enum verdict verdict, const char *remedy)
{
    AUTO_FREE char *version = doctor_version(name);
    AUTO_FREE char *path = spawn_find(name);
    if (path == NULL)
        finding_set(finding, verdict, remedy, "%s is not installed", name);
    else if (version == NULL)
        finding_set(finding, verdict, remedy, "%s says no version", path);
    else
        finding_ok(finding, "%.80s (%s)", version, path);
}

void doctor_crun(const struct doctor *doctor, struct finding *finding)
{
    if (doctor_is_on(doctor, "runtime.crun.enabled"))
        judge_program(finding, "crun", VERDICT_FAIL, "No container starts without it: install the package crun.");
    else
        finding_ok(finding, "not needed: [runtime.crun] enabled=no");
}

void doctor_conmon(const struct doctor *doctor, struct finding *finding)
{
    if (doctor_is_on(doctor, "runtime.crun.enabled"))
        judge_program(finding, "conmon", VERDICT_FAIL, "No container starts without it: install the package conmon.");
    else
        finding_ok(finding, "not needed: [runtime.crun] enabled=no");
}

void doctor_dnsmasq(const struct doctor *doctor, struct finding *finding)
{
    if (doctor_is_on(doctor, "network.enabled"))
        judge_program(finding, "dnsmasq", VERDICT_WARN,
                      "Names of Services, and addresses of virtual machines: install the package dnsmasq-base.");
    else
        finding_ok(finding, "not needed: [network] enabled=no");
}

static bool has_libvirt(const struct doctor *doctor)
{
    AUTO_FREE char *plugin = mem_printf("%s/libvirt.so", doctor_setting(doctor, "paths.plugin_dir", PLUGINDIR));
    return doctor_is_on(doctor, "runtime.libvirt.enabled") && doctor_exists(doctor, plugin);
}

static const char *emulator_of(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return "qemu-system-x86_64";
#elif defined(__aarch64__)
    return "qemu-system-aarch64";
#else
    return "qemu-system-arm";
#endif
}

void doctor_libvirt(const struct doctor *doctor, struct finding *finding)
{
    static const char *const SOCKETS[] = {"/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"};
    if (!has_libvirt(doctor)) {
        finding_ok(finding, "not installed: this device runs no virtual machines");
        return;
    }
    AUTO_FREE char *version = doctor_version(emulator_of());
    bool listens = doctor_exists(doctor, SOCKETS[0]) || doctor_exists(doctor, SOCKETS[1]);
    const char *uri = doctor_setting(doctor, "runtime.libvirt.uri", "qemu:///system");
    if (version == NULL)
        finding_set(finding, VERDICT_WARN, "Only virtual machines need it: install QEMU, as the package qemu-system-x86.",
                    "%s is not installed", emulator_of());
    else if (!listens && strcmp(uri, "qemu:///system") == 0)
        finding_set(finding, VERDICT_WARN, "Only virtual machines need it: systemctl start libvirtd.", "%.80s, and no libvirtd listens",
                    version);
    else
        finding_ok(finding, "%.80s, %.80s", version, uri);
}

void doctor_kvm(const struct doctor *doctor, struct finding *finding)
{
    const char *why = NULL;
    if (!has_libvirt(doctor))
        finding_ok(finding, "not needed: this device runs no virtual machines");
    else if (kvm_is_usable(&why))
        finding_ok(finding, "virtual machines have the processor's help");
    else
        finding_set(finding, VERDICT_WARN, "Virtual machines are emulated, and slow: switch virtualization on in the firmware.", "%s",
                    why);
}
