/* Domain XML against golden files: tests/unit/libvirt/NAME.json is a create document, NAME.xml its domain. With
 * DAVIT_GOLDEN=write they are written anew, to be read and committed. And what is refused.
 */
#include "config.h"

#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/spawn.h"
#include "base/strbuf.h"
#include "plugins/libvirt/domain.h"
#include "plugins/libvirt/domain_xml.h"

#define GOLDEN_BYTES 65536
#define VALIDATE "/usr/bin/virt-xml-validate"
#define VIRSH "/usr/bin/virsh"
#define DRIVER_BYTES (4 * 1024 * 1024)
#define DISKS "/var/lib/davit/libvirt/disks/default.hmi"
#define RUN "/run/davit/libvirt/vms/8c5b2f0e1d34-compute-0"

static const struct golden {
    const char *name;
    bool kvm;
} goldens[] = {
    {"bare", false}, {"boot-order", false}, {"cache", false}, {"cdrom", false}, {"claim", false},
    {"claim-read-only", false}, {"clock-offset", false}, {"cloud-init", false}, {"config-files", false},
    {"container-disk", false}, {"cpu-model", true}, {"cpu-model-emulated", false}, {"efi", false},
    {"empty-disk", false}, {"escaped", false}, {"headless", false}, {"host-bridge", false}, {"host-disk", false},
    {"host-passthrough", true}, {"hyperv", true}, {"kernel-boot", false}, {"kvm", true}, {"large", true},
    {"many-disks", false}, {"no-network", false}, {"old-windows", true}, {"old-windows-emulated", false},
    {"pci-device", true}, {"read-only", false}, {"rng", false}, {"sata", false}, {"scsi-lun", false},
    {"secure-boot", true}, {"serial-port", false}, {"tablet", false}, {"timezone", false}, {"topology", false},
    {"two-networks", false}, {"unnamed-disk", false}, {"usb-device", false}, {"usb-disk", false}, {"watchdog", false},
};
#define GOLDENS (sizeof(goldens) / sizeof(goldens[0]))

static char *golden_path(const char *name, const char *end)
{
    const char *sources = getenv("srcdir");

    return mem_printf("%s/tests/unit/libvirt/%s.%s", sources == NULL ? ".." : sources, name, end);
}

static struct domain_host host_of(bool kvm)
{
    return (struct domain_host){
        .node = "press-7", .kvm = kvm, .emulator = "/usr/bin/qemu-system-x86_64", .console_socket = RUN "/console",
        .console_log = "/var/lib/davit/logs/default/hmi/compute/0.log", .vnc_socket = RUN "/vnc",
        .agent_socket = RUN "/agent", .nvram = DISKS "/nvram", .loader = "/usr/share/OVMF/OVMF_CODE_4M.fd",
        .loader_vars = "/usr/share/OVMF/OVMF_VARS_4M.fd", .secure_loader = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
        .secure_loader_vars = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
    };
}

/* As disk_prepare would answer for the document, without a disk. */
static struct disk_list disks_of(const struct json *document)
{
    const struct json *firmware = json_get(json_get(json_get(document, "vm"), "domain"), "firmware");
    struct disk_list list = {0};

    JSON_EACH(volume, json_get(json_get(document, "vm"), "volumes")) {
        struct disk *disk = &list.disks[list.count++];
        const char *name = json_get_text(volume, "name");
        bool over = json_get(volume, "image") != NULL, own = over || json_get(volume, "emptyDisk") != NULL;
        bool iso = json_get(volume, "cloudInit") != NULL || json_get(volume, "files") != NULL;

        disk->volume = mem_strdup(name);
        disk->path = mem_printf("%s/%s.%s", iso ? RUN : DISKS, name, own ? "qcow2" : iso ? "iso" : "raw");
        disk->format = own ? "qcow2" : "raw";
        disk->base = over ? mem_strdup("/var/lib/davit/images/layers/3/disk/disk.img") : NULL;
        disk->base_format = over ? "qcow2" : NULL;
        disk->read_only = json_get_boolean(json_get(volume, "claim"), "readOnly", false);
    }
    if (json_get(firmware, "kernelBoot") != NULL)
        list.kernel = mem_strdup("/var/lib/davit/images/layers/3/boot/vmlinuz");
    if (json_get_text(json_get(firmware, "kernelBoot"), "initrdPath") != NULL)
        list.initrd = mem_strdup("/var/lib/davit/images/layers/3/boot/initrd");
    return list;
}

static char *write_domain(const struct json *document, bool kvm, struct error *err)
{
    struct domain_host host = host_of(kvm);
    struct disk_list disks = disks_of(document);
    char *xml = domain_write(document, &host, &disks, err);

    disk_list_free(&disks);
    return xml;
}

static struct json *read_document(const char *name)
{
    AUTO_FREE char *path = golden_path(name, "json");
    AUTO_FREE char *text = NULL;
    struct json *document;
    struct error err;
    size_t len;

    if (!file_read(path, GOLDEN_BYTES, &text, &len, &err) || (document = json_parse(text, len, &err)) == NULL)
        fail_msg("%s: %s", name, err.message);
    return document;
}

static bool is_golden(const struct golden *golden)
{
    AUTO_JSON struct json *document = read_document(golden->name);
    AUTO_FREE char *path = golden_path(golden->name, "xml");
    AUTO_FREE char *wanted = NULL;
    struct error err;
    AUTO_FREE char *xml = write_domain(document, golden->kvm, &err);
    size_t len;

    if (xml == NULL)
        fail_msg("%s: %s", golden->name, err.message);
    if (getenv("DAVIT_GOLDEN") != NULL)
        assert_true(file_write_atomic(path, xml, strlen(xml), 0644, false, &err));
    if (!file_read(path, GOLDEN_BYTES, &wanted, &len, &err))
        fail_msg("%s", err.message);
    if (strcmp(xml, wanted) != 0)
        print_error("%s is not as its golden; it is:\n%s", golden->name, xml);
    return strcmp(xml, wanted) == 0;
}

static void every_golden_is_met_byte_by_byte(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < GOLDENS; i++)
        wrong += is_golden(&goldens[i]) ? 0 : 1;
    assert_int_equal(wrong, 0);
}

static void no_golden_is_forgotten(void **state)
{
    const char *sources = getenv("srcdir");
    AUTO_FREE char *folder = mem_printf("%s/tests/unit/libvirt", sources == NULL ? ".." : sources);
    DIR *list = opendir(folder);
    struct dirent *entry;
    size_t count = 0;

    (void)state;
    assert_non_null(list);
    while ((entry = readdir(list)) != NULL)
        count += strstr(entry->d_name, ".json") != NULL;
    closedir(list);
    assert_int_equal(count, GOLDENS);
}

static bool validates(const char *path, struct error *err)
{
    const char *argv[] = {VALIDATE, path, "domain", NULL};

    return spawn_run(argv, -1, err);
}

static void libvirt_takes_every_golden(void **state)
{
    size_t wrong = 0;

    (void)state;
    if (access(VALIDATE, X_OK) != 0) {
        print_message("# " VALIDATE " is not installed (libvirt-clients): no golden was validated\n");
        skip();
    }
    for (size_t i = 0; i < GOLDENS; i++) {
        AUTO_FREE char *path = golden_path(goldens[i].name, "xml");
        struct error err;

        if (!validates(path, &err)) {
            print_error("%s: %s\n", goldens[i].name, err.message);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* Else the test above would say nothing. */
static void libvirt_refuses_what_is_no_domain(void **state)
{
    char path[] = "/tmp/davit-domain-XXXXXX";
    static const char wrong[] = "<domain type='kvm'><name>a</name><nonsense/></domain>";
    struct error err;
    int fd;

    (void)state;
    if (access(VALIDATE, X_OK) != 0) {
        print_message("# " VALIDATE " is not installed (libvirt-clients)\n");
        skip();
    }
    fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, wrong, strlen(wrong)) == (ssize_t)strlen(wrong));
    close(fd);
    bool taken = validates(path, &err);
    unlink(path);
    assert_false(taken);
}

/* What its QEMU driver writes for the commands, the caller frees. It needs no daemon: it is loaded by virsh. */
static char *ask_driver(const char *commands, struct error *err)
{
    char root[] = "/tmp/davit-embed-XXXXXX";
    AUTO_CLOSE int out = memfd_create("out", MFD_CLOEXEC);
    char *text = NULL;
    size_t len;
    struct error ignored;

    assert_non_null(mkdtemp(root));
    AUTO_FREE char *uri = mem_printf("qemu:///embed?root=%s", root);
    const char *argv[] = {VIRSH, "-q", "-c", uri, commands, NULL};
    const int stdio[3] = {-1, out, SPAWN_SAID};
    struct spawn spawn = {.argv = argv, .env = spawn_plain_env, .extra_fd = -1, .cgroup_fd = -1, .stdio = stdio};
    bool done = spawn_start(&spawn, err) && spawn_wait(&spawn, -1, err);
    AUTO_FREE char *said = spawn_said(&spawn);
    spawn_close(&spawn);
    assert_true(file_remove_tree(root, &ignored));
    if (said[0] != '\0')
        done = error_set(err, ERROR_INVALID, "%s", said);
    assert_int_equal(lseek(out, 0, SEEK_SET), 0);
    return done && file_read_fd(out, DRIVER_BYTES, &text, &len, err) ? text : NULL;
}

/* The schema takes what its driver then refuses: a bus that a machine has not, an alias of other letters. */
static void its_driver_makes_a_command_of_every_golden(void **state)
{
    AUTO_STRBUF struct strbuf commands;
    struct error err;
    size_t asked = 0, made = 0;

    (void)state;
    AUTO_FREE char *version = access(VIRSH, X_OK) == 0 ? ask_driver("version", &err) : NULL;
    if (version == NULL) {
        print_message("# " VIRSH " with libvirt's QEMU driver and QEMU is not installed: no golden was given to it\n");
        skip();
    }
    strbuf_init(&commands, GOLDEN_BYTES);
    for (size_t i = 0; i < GOLDENS; i++) {
        AUTO_FREE char *path = golden_path(goldens[i].name, "xml");

        if (goldens[i].kvm || strcmp(goldens[i].name, "usb-device") == 0) /* these need what the machine may not have */
            continue;
        strbuf_printf(&commands, "domxml-to-native qemu-argv --xml %s;", path);
        asked++;
    }
    AUTO_FREE char *text = ask_driver(commands.data, &err);
    if (text == NULL)
        fail_msg("%s", err.message);
    for (const char *at = text; (at = strstr(at, "guest=davit-8c5b2f0e1d34")) != NULL; at++)
        made++;
    assert_int_equal(made, asked);
}

/* Puts the JSON `text` at the dotted path of the document. */
static void put(struct json *at, const char *path, const char *text)
{
    AUTO_FREE char *copy = mem_strdup(path);
    char *rest = copy, *key;
    struct error err;

    while ((key = strsep(&rest, ".")) != NULL && rest != NULL) {
        struct json *next = json_get_mutable(at, key);

        at = next != NULL ? next : json_set_object(at, key);
    }
    struct json *value = json_parse(text, strlen(text), &err);
    assert_non_null(value);
    json_set(at, key, value);
}

static const struct refusal {
    const char *golden, *path, *value, *message;
} refusals[] = {
    {"container-disk", "pod.uid", "\"../../etc\"", "the uid must begin with 12 lower-case hex digits"},
    {"container-disk", "vm.domain.memoryBytes", "0", "memoryBytes must be above 0"},
    {"container-disk", "vm.domain.cpu", "{\"sockets\":16,\"cores\":16}", "256 processors"},
    {"container-disk", "vm.domain.cpu", "{\"cores\":0}", "cpu.cores must be from 1"},
    {"container-disk", "vm.domain.machine", "{\"type\":\"isapc\"}", "machine.type isapc is neither q35 nor pc"},
    {"container-disk", "vm.domain.firmware", "{\"bootloader\":\"lilo\"}", "neither bios nor efi"},
    {"container-disk", "vm.domain.firmware", "{\"secureBoot\":true}", "secureBoot needs the bootloader efi"},
    {"old-windows", "vm.domain.firmware", "{\"secureBoot\":true,\"bootloader\":\"efi\"}", "and the machine q35"},
    {"container-disk", "vm.domain.firmware", "{\"serial\":\"a\\u0001b\"}", "holds a control character"},
    {"container-disk", "vm.domain.firmware", "{\"serial\":\"a\\nb\"}", "holds a control character"},
    {"container-disk", "vm.domain.firmware", "{\"serial\":\"a\\u007fb\"}", "holds a control character"},
    {"container-disk", "vm.domain.firmware", "{\"serial\":\"a\\u0085b\"}", "holds a control character"},
    {"container-disk", "vm.domain.firmware", "{\"serial\":\"a\\uffffb\"}", "holds a control character"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"other\"}]", "disk other has no volume"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"ROOT/..\"}]", "must be a DNS label"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\"},{\"name\":\"root\"}]", "disk root is there twice"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"bus\":\"ide\"}]", "needs the machine pc"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"bus\":\"xen\"}]", "unknown bus"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"kind\":\"floppy\"}]", "unknown kind"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"cache\":\"unsafe\"}]", "cache unsafe is none of"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"kind\":\"cdrom\",\"bus\":\"virtio\"}]", "a cdrom needs"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"kind\":\"lun\",\"bus\":\"usb\"}]", "a lun needs"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"bus\":\"sata\",\"readonly\":true}]", "of cdroms only"},
    {"container-disk", "vm.domain.devices.interfaces", "[{\"name\":\"plant\"}]", "interface plant has no network"},
    {"container-disk", "vm.domain.devices.interfaces", "[{\"name\":\"default\",\"model\":\"ne2000\"}]", "model ne2000 is not"},
    {"container-disk", "vm.domain.firmware", "{\"uuid\":\"5d307ca9-b3ef-428c-8861-06e72d69f22\"}", "is no UUID"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"serial\":\"a&b\"}]", "a serial is of letters"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"serial\":\"\"}]", "a serial is of letters"},
    {"two-networks", "vm.domain.devices.interfaces", "[{\"name\":\"plant\",\"macAddress\":\"53:54:00:12:34:56\"}]", "no MAC"},
    {"two-networks", "vm.domain.devices.interfaces", "[{\"name\":\"plant\",\"macAddress\":\"52:54:00:12:34\"}]", "no MAC"},
    {"boot-order", "vm.domain.devices.interfaces", "[{\"name\":\"default\",\"bootOrder\":2}]", "bootOrder 2 is there twice"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"bootOrder\":64}]", "must be from 1 to 63"},
    {"container-disk", "vm.domain.devices.disks", "[{\"name\":\"root\",\"bootOrder\":-1}]", "must be from 1 to 63"},
    {"container-disk", "vm.domain.devices.watchdog", "{\"action\":\"explode\"}", "the watchdog's action is none of"},
    {"container-disk", "vm.domain.devices.serialPorts", "[{\"name\":\"a\",\"path\":\"/etc/shadow\"}]", "must be below /dev"},
    {"container-disk", "vm.domain.devices.serialPorts", "[{\"name\":\"a\",\"path\":\"/dev/../etc/shadow\"}]", "without .."},
    {"container-disk", "vm.domain.devices.serialPorts",
     "[{\"name\":\"a\",\"path\":\"/dev/a\"},{\"name\":\"b\",\"path\":\"/dev/b\"},{\"name\":\"c\",\"path\":\"/dev/c\"},"
     "{\"name\":\"d\",\"path\":\"/dev/d\"}]", "a machine has 4"},
    {"container-disk", "vm.domain.devices.hostDevices", "[{\"name\":\"a\"}]", "pci must be an address"},
    {"container-disk", "vm.domain.devices.hostDevices", "[{\"name\":\"a\",\"pci\":\"0000:03:00.8\"}]", "pci must be an address"},
    {"container-disk", "vm.domain.devices.hostDevices", "[{\"name\":\"a\",\"usb\":{\"vendor\":\"1234\",\"product\":\"0x1\"}}]",
     "four hex digits"},
};

static void what_no_machine_can_be_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        AUTO_JSON struct json *document = read_document(refusals[i].golden);
        struct error err = {0};

        put(document, refusals[i].path, refusals[i].value);
        AUTO_FREE char *xml = write_domain(document, true, &err);
        if (xml != NULL || err.code != ERROR_INVALID || strstr(err.message, refusals[i].message) == NULL)
            fail_msg("%s = %s: %s", refusals[i].path, refusals[i].value, xml != NULL ? "was taken" : err.message);
    }
}

static void without_its_firmware_this_device_cannot(void **state)
{
    AUTO_JSON struct json *document = read_document("efi");
    struct domain_host host = host_of(false);
    struct disk_list disks = disks_of(document);
    struct error err;

    (void)state;
    host.loader = NULL;
    AUTO_FREE char *xml = domain_write(document, &host, &disks, &err);
    disk_list_free(&disks);
    assert_null(xml);
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "install ovmf"));
}

/* A licence hangs on it: the same over documents, another one on another device. */
static void a_made_uuid_stays_with_the_object_and_the_device(void **state)
{
    AUTO_JSON struct json *document = read_document("host-bridge");
    struct disk_list disks = disks_of(document);
    struct domain_host host = host_of(false);
    struct error err;

    (void)state;
    AUTO_FREE char *first = domain_write(document, &host, &disks, &err);
    put(document, "pod.uid", "\"aaaaaaaa-1d34-4f7a-9a51-0d2f6c3b7a10\"");
    AUTO_FREE char *second = domain_write(document, &host, &disks, &err);
    host.node = "press-8";
    AUTO_FREE char *third = domain_write(document, &host, &disks, &err);
    disk_list_free(&disks);
    const char *uuid = strstr(first, "<uuid>"), *mac = strstr(first, "<mac address=");
    assert_memory_equal(uuid, strstr(second, "<uuid>"), 42);
    assert_memory_equal(mac, strstr(second, "<mac address="), 32);
    assert_memory_not_equal(uuid, strstr(third, "<uuid>"), 42);
    assert_memory_not_equal(mac, strstr(third, "<mac address="), 32);
}

static void text_that_is_no_utf8_is_refused(void **state)
{
    struct xml xml;
    struct error err;

    (void)state;
    xml_init(&xml);
    xml_leaf(&xml, "a", "b", "\xc3(", NULL);
    assert_null(xml_take(&xml, &err));
    assert_non_null(strstr(err.message, "is no UTF-8"));
}

static void a_name_is_of_the_uid(void **state)
{
    char name[DOMAIN_NAME_BYTES];
    struct error err;

    (void)state;
    assert_true(domain_name("8c5b2f0e-1d34-4f7a-9a51-0d2f6c3b7a10", name, &err));
    assert_string_equal(name, "davit-8c5b2f0e1d34");
    assert_false(domain_name("8c5b2f0e-1d3", name, &err));
    assert_false(domain_name("8C5B2F0E-1d34-4f7a", name, &err));
    assert_false(domain_name(NULL, name, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_is_met_byte_by_byte),
        cmocka_unit_test(no_golden_is_forgotten),
        cmocka_unit_test(libvirt_takes_every_golden),
        cmocka_unit_test(its_driver_makes_a_command_of_every_golden),
        cmocka_unit_test(libvirt_refuses_what_is_no_domain),
        cmocka_unit_test(what_no_machine_can_be_is_refused_with_a_reason),
        cmocka_unit_test(without_its_firmware_this_device_cannot),
        cmocka_unit_test(a_made_uuid_stays_with_the_object_and_the_device),
        cmocka_unit_test(text_that_is_no_utf8_is_refused),
        cmocka_unit_test(a_name_is_of_the_uid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
