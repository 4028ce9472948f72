/* Disks in files that others can reach, a claim's and the host's; seeds; and what is left when a VM goes. */
#include "config.h"

#include "diskkit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define CLAIM(bytes) "[{\"name\":\"data\",\"claim\":{\"path\":\"@/claims/hist\",\"sizeBytes\":" bytes "}}]"

static off_t size_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

static void assert_holds(const char *path, const char *wanted)
{
    AUTO_FREE char *text = NULL;
    size_t len;

    if (!file_read(path, 65536, &text, &len, &kit.err))
        fail_msg("%s", kit.err.message);
    assert_string_equal(text, wanted);
}

static void a_claim_is_a_sparse_file_that_grows(void **state)
{
    AUTO_FREE char *image = at("claims/hist/disk.img");
    struct stat info;

    (void)state;
    assert_ready(CLAIM("1048576"));
    assert_string_equal(kit.disks.disks[0].format, "raw");
    assert_false(kit.disks.disks[0].read_only);
    assert_int_equal(stat(image, &info), 0);
    assert_int_equal(info.st_size, MIB);
    assert_int_equal(info.st_blocks, 0);
    assert_int_equal(inode_of(kit.disks.disks[0].path), info.st_ino);
    assert_ready(CLAIM("2097152"));
    assert_int_equal(size_of(image), 2 * MIB);
    assert_ready(CLAIM("1048576"));
    assert_int_equal(size_of(image), 2 * MIB);
}

/* A guest that writes another format's header into its own disk would name a file of the host with it. */
static void a_claim_is_raw_whatever_stands_in_it(void **state)
{
    (void)state;
    put_qcow2("claims/hist/disk.img", NULL);
    assert_ready(CLAIM("1048576"));
    assert_string_equal(kit.disks.disks[0].format, "raw");
    assert_null(kit.disks.disks[0].base);
}

/* A pod of the same claim has made it a link: before, and after it was looked at. */
static void a_claims_file_that_is_a_link_is_refused(void **state)
{
    AUTO_FREE char *folder = at("claims/hist");
    AUTO_FREE char *image = at("claims/hist/disk.img");

    (void)state;
    assert_true(file_make_dirs(folder, 0755, &kit.err));
    assert_int_equal(symlink("/etc/shadow", image), 0);
    assert_fails(CLAIM("1048576"), "FailedMount", "cannot open");
    assert_int_equal(unlink(image), 0);
    assert_int_equal(mkfifo(image, 0644), 0);
    assert_fails(CLAIM("1048576"), "FailedMount", "is no regular file");
    assert_int_equal(unlink(image), 0);
    assert_ready(CLAIM("1048576"));
    ino_t looked_at = inode_of(image);
    assert_int_equal(unlink(image), 0);
    assert_int_equal(symlink("/etc/shadow", image), 0);
    assert_int_equal(inode_of(kit.disks.disks[0].path), looked_at);
}

static void a_read_only_claim_must_be_there(void **state)
{
    static const char claim[] = "[{\"name\":\"data\",\"claim\":{\"path\":\"@/claims/hist\",\"sizeBytes\":1048576,\"readOnly\":true}}]";

    (void)state;
    assert_fails(claim, "FailedMount", "cannot open");
    put_file("claims/hist/disk.img", "data", 4, 0644);
    assert_ready(claim);
    assert_true(kit.disks.disks[0].read_only);
    assert_int_equal(size_of(kit.disks.disks[0].path), 4);
}

static void a_claim_without_room_waits(void **state)
{
    (void)state;
    assert_fails(CLAIM("70368744177664"), "InsufficientDisk", "it asks for 70368744177664 bytes");
    assert_int_equal(kit.err.code, ERROR_NO_SPACE);
    assert_fails(CLAIM("70368744177665"), "FailedMount", "a disk can have");
    assert_fails("[{\"name\":\"data\",\"claim\":{\"path\":\"../x\"}}]", "FailedMount", "without ..");
}

#define HOST(path, type, more) \
    "[{\"name\":\"host\",\"hostDisk\":{\"path\":\"@/" path "\",\"type\":\"" type "\",\"within\":[\"@/srv\"],\"without\":[\"@/srv/davit\"]" more "}}]"

static void a_host_disk_is_one_that_is_allowed(void **state)
{
    AUTO_FREE char *image = at("srv/x.img");
    AUTO_FREE char *link = at("srv/link.img");
    AUTO_FREE char *secret = at("secret.img");
    AUTO_FREE char *good_link = at("srv/good.img");

    (void)state;
    put_file("srv/x.img", "disk", 4, 0644);
    put_file("secret.img", "secret", 6, 0644);
    put_file("srv/davit/x.img", "own", 3, 0644);
    assert_ready(HOST("srv/x.img", "Disk", ""));
    assert_string_equal(kit.disks.disks[0].format, "raw");
    assert_int_equal(inode_of(kit.disks.disks[0].path), inode_of(image));
    assert_int_equal(symlink(image, good_link), 0);
    assert_ready(HOST("srv/good.img", "Disk", ""));
    assert_int_equal(inode_of(kit.disks.disks[0].path), inode_of(image));
    assert_fails(HOST("secret.img", "Disk", ""), "FailedMount", "which is not allowed on this device");
    assert_int_equal(symlink(secret, link), 0);
    assert_fails(HOST("srv/link.img", "Disk", ""), "FailedMount", "which is not allowed on this device");
    assert_fails(HOST("srv/davit/x.img", "Disk", ""), "FailedMount", "which is not allowed on this device");
    assert_fails(HOST("srv/../secret.img", "Disk", ""), "FailedMount", "without ..");
    assert_fails(HOST("srv", "Disk", ""), "FailedMount", "is not a file");
    assert_fails(HOST("srv/none.img", "Disk", ""), "FailedMount", "is not a file");
    assert_fails(HOST("srv/x.img", "Folder", ""), "FailedMount", "neither Disk nor DiskOrCreate");
}

static void a_host_disk_is_made_where_that_is_asked(void **state)
{
    AUTO_FREE char *image = at("srv/new.img");
    AUTO_FREE char *folder = at("srv");
    AUTO_FREE char *outside = at("new.img");

    (void)state;
    assert_true(file_make_dirs(folder, 0755, &kit.err));
    assert_fails(HOST("srv/new.img", "DiskOrCreate", ""), "FailedMount", "nobody says how large");
    assert_ready(HOST("srv/new.img", "DiskOrCreate", ",\"capacityBytes\":1048576"));
    assert_int_equal(size_of(image), MIB);
    assert_ready(HOST("srv/new.img", "DiskOrCreate", ",\"capacityBytes\":2097152"));
    assert_int_equal(size_of(image), MIB);
    assert_fails(HOST("new.img", "DiskOrCreate", ",\"capacityBytes\":1048576"), "FailedMount", "which is not allowed");
    assert_int_not_equal(access(outside, F_OK), 0);
    assert_fails(HOST("srv/large.img", "DiskOrCreate", ",\"capacityBytes\":70368744177664"), "InsufficientDisk", "are free");
}

/* Another filesystem takes no link. */
static void a_disk_of_another_filesystem_is_mounted_and_left(void **state)
{
    AUTO_FREE char *folder = at("srv");

    (void)state;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        print_message("# mounting needs root\n");
        skip();
    }
    assert_true(file_make_dirs(folder, 0755, &kit.err));
    assert_int_equal(mount("tmpfs", folder, "tmpfs", 0, NULL), 0);
    put_file("srv/x.img", "disk", 4, 0644);
    assert_ready(HOST("srv/x.img", "Disk", ""));
    AUTO_FREE char *held = mem_strdup(kit.disks.disks[0].path);
    assert_int_equal(strncmp(held, kit.run, strlen(kit.run)), 0);
    assert_holds(held, "disk");
    assert_ready(HOST("srv/x.img", "Disk", ""));
    assert_holds(held, "disk");
    assert_true(disk_leave(&kit.place, &kit.err));
    assert_int_not_equal(access(held, F_OK), 0);
    assert_true(disk_leave(&kit.place, &kit.err));
    assert_int_equal(umount(folder), 0);
}

static void assert_in_iso(const char *volume, const char *name, const char *wanted)
{
    AUTO_FREE char *path = mem_printf("%s/%s.iso.d/%s", kit.run, volume, name);

    assert_holds(path, wanted);
}

static void a_cloud_init_seed_has_its_files(void **state)
{
    AUTO_FREE char *none = mem_printf("%s/bare.iso.d/network-config", kit.run);

    (void)state;
    assert_ready("[{\"name\":\"seed\",\"cloudInit\":{\"userData\":\"#cloud-config\\n\",\"networkData\":\"version: 2\\n\","
                 "\"metaData\":\"instance-id: x\\n\"}},{\"name\":\"bare\",\"cloudInit\":{\"userData\":\"u\"}}]");
    assert_string_equal(kit.disks.disks[0].format, "raw");
    assert_holds(kit.disks.disks[0].path, "cidata\n");
    assert_in_iso("seed", "user-data", "#cloud-config\n");
    assert_in_iso("seed", "network-config", "version: 2\n");
    assert_in_iso("seed", "meta-data", "instance-id: x\n");
    assert_in_iso("bare", "meta-data", "{\"instance-id\":\"hmi.default\",\"local-hostname\":\"panel\"}");
    assert_int_not_equal(access(none, F_OK), 0);
}

static void a_config_drive_is_laid_out_as_openstack_has_it(void **state)
{
    AUTO_FREE char *none = mem_printf("%s/bare.iso.d/openstack/latest/network_data.json", kit.run);

    (void)state;
    assert_ready("[{\"name\":\"drive\",\"cloudInit\":{\"configDrive\":true,\"userData\":\"{}\",\"networkData\":\"net\"}},"
                 "{\"name\":\"bare\",\"cloudInit\":{\"configDrive\":true,\"userData\":\"u\"}}]");
    assert_holds(kit.disks.disks[0].path, "config-2\n");
    assert_in_iso("drive", "openstack/latest/user_data", "{}");
    assert_in_iso("drive", "openstack/latest/network_data.json", "net");
    assert_in_iso("drive", "openstack/latest/meta_data.json", "{\"uuid\":\"hmi.default\",\"hostname\":\"panel\"}");
    assert_int_not_equal(access(none, F_OK), 0);
}

#define NAME_50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FILES(items, label) "[{\"name\":\"conf\",\"files\":{\"items\":[" items "]},\"label\":\"" label "\"}]"

static void files_become_an_iso(void **state)
{
    struct stat info;
    AUTO_FREE char *script = mem_printf("%s/conf.iso.d/deep/er/run", kit.run);

    (void)state;
    assert_ready(FILES("{\"path\":\"a\",\"mode\":420,\"data\":\"YQo=\"},{\"path\":\"deep/er/run\",\"mode\":493,\"data\":\"\"},"
                       "{\"path\":\"" NAME_50 "/" NAME_50 "/" NAME_50 "\",\"data\":\"Yg==\"}", ""));
    assert_holds(kit.disks.disks[0].path, "cfgdata\n");
    assert_in_iso("conf", "a", "a\n");
    assert_in_iso("conf", NAME_50 "/" NAME_50 "/" NAME_50, "b");
    assert_int_equal(stat(script, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0755);
    assert_int_equal(stat(kit.disks.disks[0].path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_ready(FILES("", "PLANT"));
    assert_holds(kit.disks.disks[0].path, "PLANT\n");
}

static void files_that_lead_elsewhere_are_refused(void **state)
{
    (void)state;
    assert_fails(FILES("{\"path\":\"../a\",\"data\":\"\"}", ""), "FailedMount", "relative and without ..");
    assert_fails(FILES("{\"path\":\"/a\",\"data\":\"\"}", ""), "FailedMount", "relative and without ..");
    assert_fails(FILES("{\"path\":\"a\",\"data\":\"?\"}", ""), "FailedMount", "no base64");
    assert_fails(FILES("{\"path\":\"" NAME_50 NAME_50 NAME_50 "\",\"data\":\"\"}", ""), "FailedMount", "too long");
    assert_fails(FILES("", "--all"), "FailedMount", "the label --all");
    assert_fails(FILES("", "a/b"), "FailedMount", "the label a/b");
}

static void what_the_writer_of_isos_says_is_told(void **state)
{
    (void)state;
    put_script("davit-unpack", "#!/bin/sh\necho 'it is broken' >&2\nexit 1\n");
    assert_fails(FILES("", ""), "FailedMount", "volume conf: it is broken");
}

static void a_vm_that_goes_takes_its_own_disks_only(void **state)
{
    AUTO_FREE char *image = at("claims/hist/disk.img");
    AUTO_FREE char *folder = at("state/disks/default.hmi");
    AUTO_FREE char *other = at("state/disks/default.other/root.qcow2");

    (void)state;
    put_file("state/disks/default.other/root.qcow2", "x", 1, 0600);
    put_file("state/disks/default.hmi/root.qcow2", "x", 1, 0600);
    assert_ready(CLAIM("1048576"));
    assert_true(disk_forget(&kit.place, "default/virtualmachines/hmi", &kit.err));
    assert_int_not_equal(access(folder, F_OK), 0);
    assert_int_equal(size_of(image), MIB);
    assert_int_equal(access(other, F_OK), 0);
    assert_true(disk_forget(&kit.place, "default/virtualmachines/hmi", &kit.err));
}

/* What the document does not name any more must not hold a removed claim's room. */
static void a_claim_that_is_not_named_any_more_is_let_go(void **state)
{
    AUTO_FREE char *held = at("state/disks/default.hmi/data.raw");

    (void)state;
    assert_ready(CLAIM("1048576"));
    assert_int_equal(access(held, F_OK), 0);
    assert_ready("[]");
    assert_int_not_equal(access(held, F_OK), 0);
}

static void assert_folder(const char *object, const char *wanted)
{
    AUTO_FREE char *folder = disk_folder(&kit.place, object, &kit.err);
    AUTO_FREE char *whole = wanted == NULL ? NULL : mem_printf("%s/disks/%s", kit.state, wanted);

    if (wanted == NULL)
        assert_null(folder);
    else
        assert_string_equal(folder, whole);
}

static void each_object_has_a_folder_of_its_own(void **state)
{
    (void)state;
    assert_folder("default/virtualmachines/hmi", "default.hmi");
    assert_folder("default/virtualmachines/a.b", "default.a.b");
    assert_folder("default/virtualmachineinstances/hmi", "default.hmi@virtualmachineinstances");
    assert_folder("a.b/virtualmachines/hmi", NULL);
    assert_folder("default/virtualmachines/..", NULL);
    assert_folder("default/virtualmachines/a/b", NULL);
    assert_folder("../virtualmachines/a", NULL);
    assert_folder("default/virtualmachines", NULL);
    assert_folder("", NULL);
    assert_folder(NULL, NULL);
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, kit_set_up, kit_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_KIT(a_claim_is_a_sparse_file_that_grows),
        WITH_KIT(a_claim_is_raw_whatever_stands_in_it),
        WITH_KIT(a_claims_file_that_is_a_link_is_refused),
        WITH_KIT(a_read_only_claim_must_be_there),
        WITH_KIT(a_claim_without_room_waits),
        WITH_KIT(a_host_disk_is_one_that_is_allowed),
        WITH_KIT(a_host_disk_is_made_where_that_is_asked),
        WITH_KIT(a_disk_of_another_filesystem_is_mounted_and_left),
        WITH_KIT(a_cloud_init_seed_has_its_files),
        WITH_KIT(a_config_drive_is_laid_out_as_openstack_has_it),
        WITH_KIT(files_become_an_iso),
        WITH_KIT(files_that_lead_elsewhere_are_refused),
        WITH_KIT(what_the_writer_of_isos_says_is_told),
        WITH_KIT(a_vm_that_goes_takes_its_own_disks_only),
        WITH_KIT(a_claim_that_is_not_named_any_more_is_let_go),
        WITH_KIT(each_object_has_a_folder_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
