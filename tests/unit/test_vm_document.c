/* VirtualMachine documents: what is taken, what follows from it, what is refused. */
#include <string.h>

#include "unit.h"

#include "protocol/document.h"
#include "protocol/security.h"
#include "protocol/vm_pod.h"

static const struct object_id address = { .namespace = "default", .resource = "virtualmachines", .name = "hmi" };

#define VM(spec) \
    "{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"hmi\",\"labels\":{\"own\":\"1\"}},\"spec\":{" spec "}}"
#define TEMPLATE(spec) "\"template\":{\"metadata\":{\"labels\":{\"kubevirt.io/vm\":\"hmi\"}},\"spec\":{" spec "}}"
#define MEMORY "\"memory\":{\"guest\":\"256Mi\"}"
#define DISK "\"disks\":[{\"name\":\"root\",\"disk\":{\"bus\":\"virtio\"}}]"
#define ROOT "{\"name\":\"root\",\"containerDisk\":{\"image\":\"disk:1\",\"imagePullSecret\":\"key\"}}"
#define SMALL TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{" DISK "}},\"volumes\":[" ROOT "]")

static void take(const char *text, struct document *document)
{
    struct refusal refusal = { 0 };
    if (!document_read(&address, text, strlen(text), document, &refusal))
        fail_msg("%s: %s: %s", text, refusal.reason, refusal.message);
    assert_non_null(document->pod);
    assert_non_null(document->pod->vm);
}

static void a_machine_is_a_pod_of_one_container(void **state)
{
    (void)state;
    struct document document;
    take(VM("\"running\":true," SMALL), &document);
    const struct pod *pod = document.pod;
    assert_int_equal(pod_count(pod), 1);
    assert_string_equal(pod_container(pod, 0)->name, VM_CONTAINER);
    assert_null(pod_container(pod, 0)->image);
    assert_string_equal(pod_image(pod, 1), "disk:1");
    assert_string_equal(pod_pull_secret(pod, 0)->name, "key");
    assert_string_equal(pod_mount_image(pod, pod_container(pod, 0)->mounts.items)->reference, "disk:1");
    assert_int_equal(pod_volume(pod, 0)->image->pull_policy, PULL_IF_NOT_PRESENT);
    assert_int_equal(pod->restart_policy, RESTART_ALWAYS);
    assert_int_equal(pod->grace_seconds, 180);
    assert_false(pod->host_network);
    assert_string_equal(json_get_text(pod->labels, "kubevirt.io/vm"), "hmi");
    assert_int_equal(document.ignored.count, 0);
    document_free(&document);
}

static void the_copy_is_the_same(void **state)
{
    (void)state;
    struct document document;
    char hash[POD_HASH_BYTES];
    take(VM("\"runStrategy\":\"RerunOnFailure\"," TEMPLATE(
             "\"domain\":{\"cpu\":{\"cores\":2},\"resources\":{\"requests\":{\"memory\":\"1Gi\"}},\"features\":{\"hyperv\":{\"relaxed\":{}}},"
             "\"devices\":{" DISK ",\"interfaces\":[{\"name\":\"default\",\"masquerade\":{},\"ports\":[{\"port\":80},"
             "{\"name\":\"rdp\",\"port\":3389,\"hostPort\":13389}]}]}},"
             "\"networks\":[{\"name\":\"default\",\"pod\":{}}],\"livenessProbe\":{\"guestAgentPing\":{},\"periodSeconds\":5},"
             "\"readinessProbe\":{\"tcpSocket\":{\"port\":80}},\"volumes\":[" ROOT ",{\"name\":\"seed\",\"cloudInitNoCloud\":{"
             "\"secretRef\":{\"name\":\"user\"},\"networkDataSecretRef\":{\"name\":\"net\"}}}]")), &document);
    struct pod *copy = pod_copy(document.pod);
    assert_non_null(copy);
    pod_hash(copy, hash);
    assert_string_equal(hash, document.hash);
    assert_non_null(pod_container(copy, 0)->liveness->handler.ping);
    assert_int_equal(pod_container(copy, 0)->liveness->period_s, 5);
    const struct container_port *ports = pod_container(copy, 0)->ports.items;
    assert_int_equal(ports[0].host_port, 80);
    assert_int_equal(ports[1].port, 3389);
    assert_int_equal(ports[1].host_port, 13389);
    assert_int_equal(copy->restart_policy, RESTART_ON_FAILURE);
    const struct projection *sources = pod_volume(copy, 1)->projected->sources.items;
    assert_string_equal(sources[0].secret->name, "user");
    assert_string_equal(sources[1].secret->name, "net");
    assert_int_equal(vm_memory_bytes(copy->vm), 1024 * 1024 * 1024);
    assert_int_equal(vm_cpus(copy->vm), 2);
    pod_free(copy);
    document_free(&document);
}

static void hash_of(const char *text, char out[POD_HASH_BYTES])
{
    struct document document;
    take(text, &document);
    memcpy(out, document.hash, POD_HASH_BYTES);
    document_free(&document);
}

static void what_a_running_machine_does_not_notice_restarts_nothing(void **state)
{
    (void)state;
    static const char *const same[] = {
        VM("\"runStrategy\":\"Halted\"," SMALL),
        VM("\"running\":false," SMALL),
        VM("\"running\":true," TEMPLATE("\"terminationGracePeriodSeconds\":5,\"domain\":{" MEMORY ",\"devices\":{" DISK "}},\"volumes\":[" ROOT "]")),
        VM("\"running\":true," TEMPLATE("\"readinessProbe\":{\"tcpSocket\":{\"port\":80}},\"domain\":{" MEMORY ",\"devices\":{" DISK "}},\"volumes\":[" ROOT "]")),
    };
    static const char *const other[] = {
        VM("\"running\":true," TEMPLATE("\"domain\":{\"memory\":{\"guest\":\"512Mi\"},\"devices\":{" DISK "}},\"volumes\":[" ROOT "]")),
        VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"machine\":{\"type\":\"pc\"},\"devices\":{" DISK "}},\"volumes\":[" ROOT "]")),
    };
    char first[POD_HASH_BYTES], hash[POD_HASH_BYTES];
    hash_of(VM("\"running\":true," SMALL), first);
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        hash_of(same[i], hash);
        assert_string_equal(hash, first);
    }
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        hash_of(other[i], hash);
        assert_string_not_equal(hash, first);
    }
}

static void data_volumes_are_pulled_by_their_url(void **state)
{
    (void)state;
    struct document document;
    take(VM("\"running\":true,\"dataVolumeTemplates\":[{\"metadata\":{\"name\":\"d1\"},\"spec\":{\"source\":{\"http\":{"
            "\"url\":\"https://example.com/x.qcow2.xz\",\"checksum\":\"sha256:"
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}},\"storage\":{\"resources\":{\"requests\":{"
            "\"storage\":\"10Gi\"}}}}},{\"metadata\":{\"name\":\"d2\"},\"spec\":{\"source\":{\"registry\":{\"url\":\"docker://a/b:1\"}}}}],"
            TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"disks\":[{\"name\":\"a\"},{\"name\":\"b\"}]}},\"volumes\":["
                     "{\"name\":\"a\",\"dataVolume\":{\"name\":\"d1\"}},{\"name\":\"b\",\"dataVolume\":{\"name\":\"d2\"}}]")), &document);
    assert_string_equal(pod_image(document.pod, 1), "https://example.com/x.qcow2.xz#sha256="
                        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    assert_string_equal(pod_image(document.pod, 2), "a/b:1");
    assert_int_equal(vm_data_size(vm_data_template(document.pod->vm, "d1")), 10ll << 30);
    document_free(&document);
}

/* What people write of a machine that others made. */
static void what_kubevirt_understands_is_understood(void **state)
{
    (void)state;
    struct document document;
    take(VM("\"running\":true," TEMPLATE(
             "\"domain\":{\"machine\":{\"type\":\"pc-i440fx-rhel7.6.0\"},\"memory\":{\"guest\":134217728},"
             "\"resources\":{\"limits\":{\"cpu\":\"1500m\"},\"requests\":{\"cpu\":4}},\"devices\":{\"interfaces\":["
             "{\"name\":\"Line_A\",\"bridge\":{},\"model\":\"\",\"macAddress\":\"\"}]}},"
             "\"networks\":[{\"name\":\"Line_A\",\"multus\":{\"networkName\":\"plant/br0\"}}]")), &document);
    const struct vm *vm = document.pod->vm;
    assert_string_equal(vm_machine(vm), "pc");
    assert_int_equal(vm_memory_bytes(vm), 134217728);
    assert_int_equal(vm_cpus(vm), 2);
    assert_int_equal(vm_topology(vm).sockets, 2);
    assert_string_equal(vm_bridge(vm_network(vm, 0)->multus), "br0");
    assert_null(vm_interface(vm, 0)->model);
    assert_null(vm_interface(vm, 0)->mac);
    document_free(&document);
    take(VM("\"running\":true," TEMPLATE("\"domain\":{\"machine\":{\"type\":\"pc-q35-rhel8.2.0\"},\"cpu\":{\"threads\":2},"
                                       "\"resources\":{\"requests\":{\"cpu\":4,\"memory\":\"64M\"}},\"devices\":{}}")), &document);
    assert_string_equal(vm_machine(document.pod->vm), "q35");
    assert_int_equal(vm_cpus(document.pod->vm), 2);
    document_free(&document);
}

static void seeds_and_answers_are_files_of_secrets(void **state)
{
    (void)state;
    struct document document;
    take(VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{}},\"volumes\":["
             "{\"name\":\"drive\",\"cloudInitConfigDrive\":{\"secretRef\":{\"name\":\"user\"}}},"
             "{\"name\":\"answers\",\"sysprep\":{\"configMap\":{\"name\":\"unattend\"}}},"
             "{\"name\":\"others\",\"sysprep\":{\"secret\":{\"name\":\"key\"}}}]")), &document);
    const struct projection *sources = pod_volume(document.pod, 0)->projected->sources.items;
    assert_string_equal(sources[0].secret->name, "user");
    assert_string_equal(pod_volume(document.pod, 1)->config_map->name, "unattend");
    assert_string_equal(pod_volume(document.pod, 2)->secret->name, "key");
    document_free(&document);
}

static void an_instance_runs_once(void **state)
{
    (void)state;
    static const struct object_id id = { .namespace = "default", .resource = "virtualmachineinstances", .name = "one" };
    static const char text[] = "{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachineInstance\",\"metadata\":{\"name\":\"one\","
                               "\"labels\":{\"a\":\"b\"}},\"spec\":{\"domain\":{" MEMORY ",\"devices\":{\"autoattachPodInterface\":false}}}}";
    struct document document;
    struct refusal refusal = { 0 };
    if (!document_read(&id, text, sizeof(text) - 1, &document, &refusal))
        fail_msg("%s: %s", refusal.reason, refusal.message);
    assert_int_equal(vm_strategy(document.pod->vm), VM_ONCE);
    assert_int_equal(document.pod->restart_policy, RESTART_NEVER);
    assert_true(document.pod->host_network);
    assert_string_equal(json_get_text(document.pod->labels, "a"), "b");
    document_free(&document);
    /* Its paths are its own. */
    static const char odd[] = "{\"apiVersion\":\"kubevirt.io/v1alpha3\",\"kind\":\"VirtualMachineInstance\",\"metadata\":{\"name\":\"one\","
                              "\"annotations\":{\"hooks.kubevirt.io/hookSidecars\":\"[]\",\"other\":\"\"}},"
                              "\"spec\":{\"priorityClassName\":\"x\",\"domain\":{" MEMORY ",\"devices\":{}}}}";
    assert_true(document_read(&id, odd, sizeof(odd) - 1, &document, &refusal));
    assert_int_equal(document.ignored.count, 2);
    assert_string_equal(document.ignored.paths.items[0], "metadata.annotations.hooks.kubevirt.io/hookSidecars");
    assert_string_equal(document.ignored.paths.items[1], "spec.priorityClassName");
    document_free(&document);
    static const char bad[] = "{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachineInstance\",\"metadata\":{\"name\":\"one\"},"
                              "\"spec\":{\"domain\":{\"devices\":{}}}}";
    assert_false(document_read(&id, bad, sizeof(bad) - 1, &document, &refusal));
    assert_string_equal(refusal.message, "no memory requested, one of spec.domain.memory.guest, spec.domain.resources.limits.memory or "
                                         "spec.domain.resources.requests.memory must be set");
}

static void a_restricted_device_gives_a_machine_nothing_of_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what; /* NULL: it may */
    } cases[] = {
        { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{}}")), NULL },
        { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"autoattachPodInterface\":false}}")), NULL },
        { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"serialPorts\":[{\"name\":\"plc\","
                                          "\"path\":\"/dev/ttyS0\"}]}}")), "devices of the host" },
        { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"hostDevices\":[{\"name\":\"stick\","
                                          "\"deviceName\":\"usb:0529:0001\"}]}}")), "devices of the host" },
        { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"interfaces\":[{\"name\":\"plant\",\"bridge\":{}}]}},"
                                          "\"networks\":[{\"name\":\"plant\",\"multus\":{\"networkName\":\"br0\"}}]")), "a bridge of the host" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct document document;
        struct error err = { 0 };
        take(cases[i].text, &document);
        assert_true(security_allows(LEVEL_BASELINE, document.pod, &err));
        assert_int_equal(security_allows(LEVEL_RESTRICTED, document.pod, &err), cases[i].what == NULL);
        assert_true(cases[i].what == NULL || strstr(err.message, cases[i].what) != NULL);
        document_free(&document);
    }
}

/* Each with a word of its message. */
static const struct {
    const char *text, *word;
} refusals[] = {
    { VM(SMALL), "Running or RunStrategy" },
    { VM("\"running\":true,\"runStrategy\":\"Always\"," SMALL), "mutually exclusive" },
    { VM("\"runStrategy\":\"Sometimes\"," SMALL), "Unsupported value" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{\"devices\":{}}")), "no memory requested" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{\"memory\":{\"guest\":\"-1\"},\"devices\":{}}")), "memory.guest" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{\"cpu\":{\"cores\":64,\"sockets\":4}," MEMORY ",\"devices\":{}}")), "at most 255" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{" DISK "}}")), "'root' not found" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{" DISK "}},\"volumes\":[{\"name\":\"root\"}]")), "exactly one source" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{" DISK "}},\"volumes\":[{\"name\":\"root\",\"dataVolume\":{\"name\":\"x\"}}]")),
      "none of spec.dataVolumeTemplates" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"disks\":[{\"name\":\"root\",\"disk\":{\"bus\":\"ide\"}}]}},\"volumes\":[" ROOT "]")),
      "machine.type pc" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"disks\":[{\"name\":\"root\",\"cdrom\":{\"bus\":\"virtio\"}}]}},\"volumes\":[" ROOT "]")),
      "CD-ROM" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"firmware\":{\"bootloader\":{\"efi\":{}}},\"devices\":{}}")), "SMM" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"interfaces\":[{\"name\":\"x\",\"masquerade\":{}}]}}")), "'x' not found" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"interfaces\":[{\"name\":\"x\",\"macAddress\":\"01:00:00:00:00:00\"}]}},"
                                      "\"networks\":[{\"name\":\"x\",\"pod\":{}}]")), "MAC address" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"hostDevices\":[{\"name\":\"x\",\"deviceName\":\"nvidia.com/T4\"}]}}")),
      "usb:1234:5678" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"serialPorts\":[{\"name\":\"x\",\"path\":\"/etc/passwd\"}]}}")), "/dev/ttyS0" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{" DISK "}},\"volumes\":[" ROOT ",{\"name\":\"s\",\"cloudInitNoCloud\":{}}]")),
      "requires userdata" },
    { VM("\"running\":true," TEMPLATE("\"readinessProbe\":{\"tcpSocket\":{\"port\":80}},\"domain\":{" MEMORY ",\"devices\":{"
                                      "\"autoattachPodInterface\":false}}")), "no address to ask" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{}},\"volumes\":[{\"name\":\"s\",\"cloudInitConfigDrive\":{}}]")),
      "cloudInitConfigDrive requires userdata" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{}},\"volumes\":[{\"name\":\"s\",\"sysprep\":{}}]")), "a configMap or a secret" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{}},\"volumes\":[{\"name\":\"s\",\"ephemeral\":{}}]")), "of the kinds" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"machine\":{\"type\":\"virt\"},\"devices\":{}}")), "q35 or pc" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"disks\":[{\"name\":\"root\",\"disk\":{\"bus\":\"sata\",\"readonly\":true}}]}},"
                                      "\"volumes\":[" ROOT "]")), "read-only CD-ROMs" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{}},\"networks\":[{\"name\":\"x\",\"multus\":{\"networkName\":\"a/b/c\"}}]")),
      "bridge of this device" },
    { VM("\"running\":true,\"dataVolumeTemplates\":[{\"metadata\":{\"name\":\"d\"},\"spec\":{\"source\":{\"pvc\":{}}}}]," SMALL), "of the kinds" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{\"resources\":{\"requests\":{\"cpu\":\"4k\",\"memory\":\"1Gi\"}},\"devices\":{}}")),
      "at most 255" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"features\":{\"hyperv\":{\"warp\":{}}},\"devices\":{}}")), "no enlightenment" },
    { VM("\"running\":true," TEMPLATE("\"domain\":{" MEMORY ",\"devices\":{\"interfaces\":[{\"name\":\"d\",\"masquerade\":{},\"ports\":[{\"port\":80},"
                                      "{\"port\":80}]}]}},\"networks\":[{\"name\":\"d\",\"pod\":{}}]")), "Duplicate" },
};

static void what_cannot_be_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct document document;
        struct refusal refusal = { 0 };
        if (document_read(&address, refusals[i].text, strlen(refusals[i].text), &document, &refusal))
            fail_msg("%s was taken", refusals[i].text);
        assert_string_equal(refusal.reason, "InvalidVirtualMachine");
        if (strstr(refusal.message, refusals[i].word) == NULL)
            fail_msg("%s: %s", refusals[i].text, refusal.message);
    }
}

static void what_is_not_honoured_is_listed(void **state)
{
    (void)state;
    struct document document;
    take(VM("\"running\":true," TEMPLATE("\"evictionStrategy\":\"LiveMigrate\",\"domain\":{" MEMORY ",\"ioThreadsPolicy\":\"auto\",\"devices\":{" DISK
                                         "}},\"volumes\":[" ROOT "]")), &document);
    assert_int_equal(document.ignored.count, 2);
    assert_string_equal(document.ignored.paths.items[0], "spec.template.spec.evictionStrategy");
    assert_string_equal(document.ignored.paths.items[1], "spec.template.spec.domain.ioThreadsPolicy");
    document_free(&document);
}

/* What pod_write makes of a machine is no field of a Pod. */
static void a_pod_cannot_be_a_machine(void **state)
{
    (void)state;
    static const struct object_id id = { .namespace = "default", .resource = "pods", .name = "p" };
    static const char text[] = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"vm\":{\"running\":true," SMALL
                               "},\"containers\":[{\"name\":\"a\",\"image\":\"b\"}]}}";
    struct document document;
    struct refusal refusal = { 0 };
    assert_true(document_read(&id, text, sizeof(text) - 1, &document, &refusal));
    assert_null(document.pod->vm);
    assert_string_equal(document.ignored.paths.items[0], "spec.vm");
    document_free(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_is_a_pod_of_one_container),
        cmocka_unit_test(the_copy_is_the_same),
        cmocka_unit_test(what_a_running_machine_does_not_notice_restarts_nothing),
        cmocka_unit_test(data_volumes_are_pulled_by_their_url),
        cmocka_unit_test(what_kubevirt_understands_is_understood),
        cmocka_unit_test(seeds_and_answers_are_files_of_secrets),
        cmocka_unit_test(an_instance_runs_once),
        cmocka_unit_test(a_restricted_device_gives_a_machine_nothing_of_its_own),
        cmocka_unit_test(what_cannot_be_is_refused_with_a_reason),
        cmocka_unit_test(what_is_not_honoured_is_listed),
        cmocka_unit_test(a_pod_cannot_be_a_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
