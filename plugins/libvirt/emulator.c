#include "config.h"

#include "emulator.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "connection.h"

#define VERSION_THOUSAND 1000ul

/* libvirt's numbers: a million, a thousand and one. */
static void print_version(char *out, size_t size, unsigned long libvirt, unsigned long qemu)
{
    snprintf(out, size, "libvirt %lu.%lu.%lu, QEMU %lu.%lu.%lu", libvirt / VERSION_THOUSAND / VERSION_THOUSAND,
             libvirt / VERSION_THOUSAND % VERSION_THOUSAND, libvirt % VERSION_THOUSAND,
             qemu / VERSION_THOUSAND / VERSION_THOUSAND, qemu / VERSION_THOUSAND % VERSION_THOUSAND, qemu % VERSION_THOUSAND);
}

/* `<secmodel><model>dac</model>…<baselabel type='kvm'>+64055:+64055</baselabel>`: whom its files must belong to. */
static void read_owner(const char *capabilities, uid_t *uid, gid_t *gid)
{
    const char *dac = strstr(capabilities, "<model>dac</model>");
    const char *label = dac != NULL ? strstr(dac, "<baselabel") : NULL;
    unsigned user, group;

    label = label != NULL ? strchr(label, '>') : NULL;
    if (label == NULL || sscanf(label, ">+%u:+%u<", &user, &group) != 2)
        return;
    *uid = user;
    *gid = group;
}

bool emulator_read(struct vms *vms, virConnectPtr line, struct error *err)
{
    unsigned long libvirt = 0, qemu = 0;
    AUTO_FREE char *capabilities = virConnectGetCapabilities(line);
    uid_t uid = 0;
    gid_t gid = 0;

    if (capabilities == NULL || virConnectGetLibVersion(line, &libvirt) < 0)
        return connection_error(line, err, "cannot ask what libvirtd can");
    if (virConnectGetVersion(line, &qemu) < 0)
        return connection_error(line, err, "libvirtd finds no QEMU: install qemu-system-x86");
    read_owner(capabilities, &uid, &gid);
    pthread_mutex_lock(&vms->lock);
    print_version(vms->version, sizeof(vms->version), libvirt, qemu);
    vms->kvm = vms->kvm && strstr(capabilities, "<domain type='kvm'") != NULL;
    vms->qemu_uid = uid;
    vms->qemu_gid = gid;
    pthread_mutex_unlock(&vms->lock);
    return true;
}
