#include "config.h"

#include "create.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "reach.h"
#include "record.h"
#include "snapshot.h"
#include "workload.h"

#define XML_MODE 0600
#define PTS_FIRST 136 /* Linux, devices.txt: the ends of pseudo-terminals, which stand in for a port */
#define PTS_LAST 143
#define FIRMWARE "/usr/share/OVMF/"

struct creation {
    struct vms *vms;
    const struct json *document;
    struct instance *instance;
    int cancel_fd;
    struct disk_list disks;
};

bool create_check(const struct json *document, struct error *err)
{
    const struct json *pod = json_get(document, "pod");
    const char *namespace_ = json_get_text(pod, "namespace"), *name = json_get_text(pod, "name");

    if (!address_check(json_get_text(pod, "uid"), json_get_text(json_get(document, "container"), "name"),
                       json_get_integer(document, "attempt", 0), err))
        return false;
    if (namespace_ == NULL || !address_name_is_valid(namespace_, LIMIT_LABEL_BYTES, ""))
        return error_set(err, ERROR_INVALID, "pod.namespace must be a DNS label");
    if (name == NULL || !address_name_is_valid(name, LIMIT_NAME_BYTES, "."))
        return error_set(err, ERROR_INVALID, "pod.name must be a DNS subdomain");
    return json_get_text(json_get(document, "vm"), "object") != NULL ||
           error_set(err, ERROR_INVALID, "vm.object must say which object this is");
}

bool create_undo(const struct vms *vms, const char *id, int cancel_fd, struct error *err)
{
    AUTO_FREE char *folder = NULL;
    const struct disk_place place = vms_disk_place(vms, id, cancel_fd, &folder);
    AUTO_FREE char *record = mem_printf("%s/record.json", folder);

    unlink(record); /* first: from here on it is half made */
    return disk_leave(&place, err) && file_remove_tree(folder, err);
}

/* QEMU makes its sockets in a folder of its own, and can change nothing beside it. */
static bool make_folder(const struct creation *creation, const char *folder, struct error *err)
{
    AUTO_FREE char *sockets = mem_printf("%s/sockets", folder);
    const struct vms *vms = creation->vms;

    if (access(folder, F_OK) == 0 && !create_undo(vms, creation->instance->id, creation->cancel_fd, err))
        return error_wrap(err, "what an earlier try left");
    if (!file_make_dirs(sockets, VMS_FOLDER_MODE, err))
        return false;
    if (chown(sockets, vms->qemu_uid, vms->qemu_gid) != 0)
        return error_set_errno(err, errno, "cannot give %s to QEMU's user", sockets);
    return reach_allow(sockets, vms->qemu_uid, err);
}

static bool let_in(const struct creation *creation, const char *path, struct error *err)
{
    return path == NULL || reach_allow(path, creation->vms->qemu_uid, err);
}

static bool let_in_disks(const struct creation *creation, struct error *err)
{
    const struct disk_list *disks = &creation->disks;

    for (size_t i = 0; i < disks->count; i++) {
        if (!let_in(creation, disks->disks[i].path, err) || !let_in(creation, disks->disks[i].base, err))
            return false;
    }
    return let_in(creation, disks->kernel, err) && let_in(creation, disks->initrd, err);
}

static bool is_text(const struct json *value, const char *text)
{
    return json_text(value) != NULL && strcmp(json_text(value), text) == 0;
}

static const char *where_installed(const char *path)
{
    return access(path, R_OK) == 0 ? path : NULL;
}

static char *write_xml(const struct creation *creation, const char *folder, struct error *err)
{
    AUTO_FREE char *run_dir = NULL;
    const struct vms *vms = creation->vms;
    const struct disk_place place = vms_disk_place(vms, creation->instance->id, creation->cancel_fd, &run_dir);
    AUTO_FREE char *own = disk_folder(&place, json_get_text(json_get(creation->document, "vm"), "object"), err);
    AUTO_FREE char *console = mem_printf("%s/" CREATE_CONSOLE, folder);
    AUTO_FREE char *vnc = mem_printf("%s/" CREATE_VNC, folder);
    AUTO_FREE char *agent = mem_printf("%s/sockets/agent", folder);

    if (own == NULL)
        return NULL;
    AUTO_FREE char *nvram = mem_printf("%s/nvram", own);
    const struct domain_host host = {
        .node = vms->node, .kvm = !creation->instance->emulated, .console_socket = console, .console_log = creation->instance->log_path,
        .vnc_socket = vnc, .agent_socket = agent, .nvram = nvram,
        .loader = where_installed(FIRMWARE "OVMF_CODE_4M.fd"), .loader_vars = where_installed(FIRMWARE "OVMF_VARS_4M.fd"),
        .secure_loader = where_installed(FIRMWARE "OVMF_CODE_4M.secboot.fd"),
        .secure_loader_vars = where_installed(FIRMWARE "OVMF_VARS_4M.ms.fd"),
    };
    return let_in(creation, nvram, err) ? domain_write(creation->document, &host, &creation->disks, err) : NULL;
}

/* A volume that a snapshot cannot hold, and that the guest writes to: a `cdrom` and a read-only disk never change. */
static bool is_raw(const struct json *volume)
{
    return json_get(volume, "claim") != NULL || json_get(volume, "hostDisk") != NULL;
}

static bool is_written(const struct json *document, const char *volume)
{
    JSON_EACH(disk, json_get(json_get(json_get(json_get(document, "vm"), "domain"), "devices"), "disks")) {
        if (volume != NULL && is_text(json_get(disk, "name"), volume))
            return !json_get_boolean(disk, "readonly", false) && !is_text(json_get(disk, "kind"), "cdrom");
    }
    return false;
}

static struct json *raw_disks(const struct json *document)
{
    struct json *raw = json_new_array();

    JSON_EACH(volume, json_get(json_get(document, "vm"), "volumes")) {
        const char *name = json_get_text(volume, "name");

        if (is_raw(volume) && is_written(document, name))
            json_add_text(raw, name);
    }
    return raw;
}

static bool prepare_disks(struct creation *creation, const char **reason, struct error *err)
{
    AUTO_FREE char *run_dir = NULL;
    const struct disk_place place = vms_disk_place(creation->vms, creation->instance->id, creation->cancel_fd, &run_dir);
    const char *object = json_get_text(json_get(creation->document, "vm"), "object");
    AUTO_JSON struct json *raw = raw_disks(creation->document);

    if (!workload_note(creation->vms, creation->instance->uid, object, raw, err) ||
        !disk_prepare(&place, creation->document, &creation->disks, reason, err))
        return false;
    *reason = "CreateContainerError";
    return let_in_disks(creation, err);
}

static bool is_tty(const char *path)
{
    struct stat info;
    char subsystem[PATH_MAX];

    if (stat(path, &info) != 0 || !S_ISCHR(info.st_mode))
        return false;
    if (major(info.st_rdev) >= PTS_FIRST && major(info.st_rdev) <= PTS_LAST)
        return true;
    AUTO_FREE char *link = mem_printf("/sys/dev/char/%u:%u/subsystem", major(info.st_rdev), minor(info.st_rdev));
    ssize_t len = readlink(link, subsystem, sizeof(subsystem) - 1);
    subsystem[len > 0 ? len : 0] = '\0';
    const char *slash = strrchr(subsystem, '/');
    return slash != NULL && strcmp(slash, "/tty") == 0;
}

/* libvirtd lets QEMU into whatever is named there: a disk, the host's memory. */
static bool check_serial_ports(const struct json *document, struct error *err)
{
    JSON_EACH(port, json_get(json_get(json_get(json_get(document, "vm"), "domain"), "devices"), "serialPorts")) {
        const char *name = json_get_text(port, "name"), *path = json_get_text(port, "path");

        if (path != NULL && !is_tty(path))
            return error_set(err, ERROR_INVALID, access(path, F_OK) == 0 ? "serial port %s: %s is none of this device's serial ports"
                                                                         : "serial port %s: there is no %s on this device now",
                             name != NULL ? name : "", path);
    }
    return true;
}

static bool make(struct creation *creation, const char **reason, struct error *err)
{
    struct instance *instance = creation->instance;
    AUTO_FREE char *folder = vms_folder(creation->vms, instance->id);
    AUTO_FREE char *xml_path = mem_printf("%s/domain.xml", folder);
    AUTO_FREE char *xml = NULL;

    *reason = "CreateContainerConfigError";
    if (!check_serial_ports(creation->document, err))
        return false;
    *reason = "CreateContainerError";
    if (!make_folder(creation, folder, err) || !workload_prepare_log(instance->log_path, instance->attempt, err) ||
        !prepare_disks(creation, reason, err))
        return false;
    xml = write_xml(creation, folder, err);
    if (xml == NULL) {
        *reason = "CreateContainerConfigError";
        return false;
    }
    instance->snapshots = snapshot_read(creation->vms, json_get_text(json_get(creation->document, "vm"), "object"));
    instance->created_ms = clock_wall_ms();
    return file_write_atomic(xml_path, xml, strlen(xml), XML_MODE, false, err) &&
           record_write(creation->vms, instance, err); /* last: with it it is whole */
}

struct instance *create_instance(struct vms *vms, const struct json *document, int cancel_fd, const char **reason,
                                 struct error *err)
{
    const struct json *pod = json_get(document, "pod"), *record = json_get(document, "record");
    struct creation creation = {.vms = vms, .document = document, .cancel_fd = cancel_fd};
    struct instance *instance = instance_new(json_get_text(pod, "uid"), json_get_text(pod, "namespace"),
                                             json_get_text(pod, "name"),
                                             json_get_text(json_get(document, "container"), "name"),
                                             json_get_integer(document, "attempt", 0));
    struct error ignored; /* why it could not be made is what is told */
    bool made;

    creation.instance = instance;
    instance->record = record != NULL ? json_copy(record) : NULL;
    instance->emulated = !vms->kvm || is_text(json_get(json_get(document, "vm"), "emulated"), "yes");
    instance->log_path = workload_log(vms, instance->namespace_, instance->name, instance->uid, instance->container,
                                      instance->attempt);
    made = make(&creation, reason, err);
    disk_list_free(&creation.disks);
    if (made)
        return instance;
    if (!create_undo(vms, instance->id, -1, &ignored))
        vms_log(vms, 4, "what was made of %s is left until the next start: %s", instance->id, ignored.message);
    instance_free(instance);
    return NULL;
}
