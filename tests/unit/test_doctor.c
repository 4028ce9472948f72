/* davit doctor: what its checks say of devices that are made up of files below a folder. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/doctor.h"
#include "cli/doctor_conf.h"
#include "unit.h"

static char root[] = "/tmp/davit-doctor-XXXXXX";
static struct doctor doctor = { .root = root };

static void write_file(const char *path, const char *text)
{
    struct error err;
    AUTO_FREE char *whole = mem_printf("%s%s", root, path);
    AUTO_FREE char *folder = mem_strdup(whole);
    *strrchr(folder, '/') = '\0';
    assert_true(file_make_dirs(folder, 0755, &err));
    assert_true(file_write_atomic(whole, text, strlen(text), 0644, false, &err));
}

static void forget(const char *path)
{
    struct error err;
    AUTO_FREE char *whole = mem_printf("%s%s", root, path);
    assert_true(file_remove_tree(whole, &err));
}

static void look(void (*check)(const struct doctor *doctor, struct finding *finding), enum verdict verdict, const char *seen)
{
    struct finding finding = { 0 };
    check(&doctor, &finding);
    if (finding.verdict != verdict || strstr(finding.seen, seen) == NULL)
        fail_msg("verdict %d, \"%s\" instead of %d, \"%s\"", (int)finding.verdict, finding.seen, (int)verdict, seen);
    assert_true((finding.remedy[0] != '\0') == (verdict != VERDICT_OK));
}

static void cgroups_of_each_version_are_known_by_their_files(void **state)
{
    (void)state;
    look(doctor_cgroups, VERDICT_FAIL, "nothing is mounted");
    write_file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
    look(doctor_cgroups, VERDICT_OK, "version 2, with cpu, memory and pids");
    write_file("/sys/fs/cgroup/cgroup.controllers", "cpuset io pids\n"); /* no word is found in another */
    look(doctor_cgroups, VERDICT_FAIL, "version 2, without cpu memory");
    forget("/sys/fs/cgroup");
    write_file("/sys/fs/cgroup/cpu/tasks", "");
    write_file("/sys/fs/cgroup/memory/tasks", "");
    look(doctor_cgroups, VERDICT_FAIL, "version 1, without pids");
    write_file("/sys/fs/cgroup/pids/tasks", "");
    write_file("/sys/fs/cgroup/unified/cgroup.procs", "");
    look(doctor_cgroups, VERDICT_OK, "version 1 (hybrid)");
}

static void a_kernel_is_known_by_what_it_lists(void **state)
{
    (void)state;
    look(doctor_overlayfs, VERDICT_FAIL, "does not have it");
    write_file("/proc/filesystems", "nodev\tsysfs\nnodev\toverlay\n\text4\n");
    look(doctor_overlayfs, VERDICT_OK, "has it");
    write_file("/proc/filesystems", "nodev\toverlayish\n");
    look(doctor_overlayfs, VERDICT_FAIL, "does not have it");
    look(doctor_seccomp, VERDICT_FAIL, "does not have it");
    write_file("/proc/sys/kernel/seccomp/actions_avail", "kill_process kill_thread trap errno trace log allow\n");
    look(doctor_seccomp, VERDICT_OK, "has it");
    look(doctor_apparmor, VERDICT_OK, "not enabled");
    write_file("/sys/module/apparmor/parameters/enabled", "Y\n");
    look(doctor_apparmor, VERDICT_OK, "enabled");
    look(doctor_tun, VERDICT_WARN, "no /dev/net/tun");
    look(doctor_zones, VERDICT_WARN, "no time zones");
}

static void memory_and_files_are_read_from_proc(void **state)
{
    (void)state;
    look(doctor_memory, VERDICT_FAIL, "says nothing");
    write_file("/proc/meminfo", "MemTotal:  1048576 kB\nMemFree: 1 kB\nMemAvailable:  524288 kB\n");
    look(doctor_memory, VERDICT_OK, "512 of 1024 MiB");
    write_file("/proc/meminfo", "MemTotal:  1048576 kB\nMemFree: 1 kB\nMemAvailable:  40960 kB\n");
    look(doctor_memory, VERDICT_WARN, "40 of 1024 MiB");
    write_file("/proc/meminfo", "MemTotal:  1048576 kB\nMemFree: 1 kB\nMemAvailable:  8192 kB\n");
    look(doctor_memory, VERDICT_FAIL, "8 of 1024 MiB");
    write_file("/proc/sys/fs/file-nr", "99000\t0\t100000\n");
    look(doctor_files, VERDICT_FAIL, "99000 of 100000");
}

static void what_the_configuration_says_rules(void **state)
{
    struct error err = { 0 };
    AUTO_FREE char *path = mem_printf("%s/etc/davitd.conf", root);
    (void)state;
    assert_null(doctor_conf_read(path, &err));
    write_file("/etc/davitd.conf", "[network]\nenabled = no\ncni_dir = /cni\n[runtime.crun]\nenabled=yes\n");
    write_file("/etc/conf.d/10.conf", "[runtime.crun]\nenabled=no\n");
    write_file("/etc/conf.d/ignored", "no ini at all\n");
    doctor.settings = doctor_conf_read(path, &err);
    assert_non_null(doctor.settings);
    look(doctor_nftables, VERDICT_OK, "not needed: [network] enabled=no");
    look(doctor_links, VERDICT_OK, "not needed");
    look(doctor_dnsmasq, VERDICT_OK, "not needed");
    look(doctor_crun, VERDICT_OK, "not needed: [runtime.crun] enabled=no");
    look(doctor_cni, VERDICT_OK, "no network in /cni");
    write_file("/cni/10-plant.conflist", "{}");
    look(doctor_cni, VERDICT_FAIL, "1 in /cni, and no folder of plugins");
    write_file("/opt/cni/bin/bridge", "");
    look(doctor_cni, VERDICT_OK, "1 in /cni");
    write_file("/etc/conf.d/20.conf", "[broken\n");
    json_free(doctor.settings);
    doctor.settings = doctor_conf_read(path, &err);
    assert_null(doctor.settings);
    assert_non_null(strstr(err.message, "20.conf:1"));
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    struct error err;
    (void)state;
    return !file_remove_tree(root, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cgroups_of_each_version_are_known_by_their_files),
        cmocka_unit_test(a_kernel_is_known_by_what_it_lists),
        cmocka_unit_test(memory_and_files_are_read_from_proc),
        cmocka_unit_test(what_the_configuration_says_rules),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
