/* Disks of images and empty ones, as disk_prepare finds, makes and refuses them. */
#include "config.h"

#include "diskkit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "qcow2kit.h"

#define ID_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define IMAGE_OF(id, layers, more) \
    "[{\"name\":\"root\",\"image\":{\"id\":\"" id "\",\"layers\":[" layers "]}" more "}]"
#define IMAGE(more) IMAGE_OF(ID_A, "\"@/layer\"", more)

static void an_overlay_is_made_once_and_kept(void **state)
{
    AUTO_FREE char *base = at("layer/disk/disk.img");
    AUTO_FREE char *id = at("state/disks/default.hmi/root.base");
    AUTO_FREE char *text = NULL;
    char backing[QCOW2_BACKING_BYTES];
    size_t len;

    (void)state;
    needs_qemu_img();
    put_qcow2("layer/disk/disk.img", NULL);
    assert_ready(IMAGE(""));
    assert_int_equal(kit.disks.count, 1);
    assert_string_equal(kit.disks.disks[0].format, "qcow2");
    assert_string_equal(kit.disks.disks[0].base, base);
    assert_string_equal(kit.disks.disks[0].base_format, "qcow2");
    assert_int_equal(overlay_bytes("root", backing), QCOW2_VIRTUAL);
    assert_string_equal(backing, base);
    assert_true(file_read(id, 256, &text, &len, &kit.err));
    assert_string_equal(text, ID_A);
    ino_t first = inode_of(kit.disks.disks[0].path);
    assert_ready(IMAGE(",\"capacityBytes\":0"));
    assert_int_equal(inode_of(kit.disks.disks[0].path), first);
    assert_ready(IMAGE_OF(ID_B, "\"@/layer\"", ""));
    assert_int_not_equal(inode_of(kit.disks.disks[0].path), first);
}

static void an_overlay_grows_and_never_shrinks(void **state)
{
    char backing[QCOW2_BACKING_BYTES];

    (void)state;
    needs_qemu_img();
    put_qcow2("layer/disk/disk.img", NULL);
    assert_ready(IMAGE(",\"capacityBytes\":16777216"));
    assert_int_equal(overlay_bytes("root", backing), 16 * MIB);
    assert_ready(IMAGE(",\"capacityBytes\":33554432"));
    assert_int_equal(overlay_bytes("root", backing), 32 * MIB);
    assert_ready(IMAGE(""));
    assert_int_equal(overlay_bytes("root", backing), 32 * MIB);
    assert_fails(IMAGE(",\"capacityBytes\":16777216"), "FailedMount", "a disk cannot shrink to 16777216");
    assert_fails(IMAGE(",\"capacityBytes\":4194304"), "FailedMount", "more than the 4194304 asked for");
}

/* The image was removed and pulled again: the same disk, under another name. */
static void an_overlay_follows_its_base(void **state)
{
    AUTO_FREE char *moved = at("other/disk/disk.img");
    char backing[QCOW2_BACKING_BYTES];

    (void)state;
    needs_qemu_img();
    put_qcow2("layer/disk/disk.img", NULL);
    put_qcow2("other/disk/disk.img", NULL);
    assert_ready(IMAGE(""));
    ino_t first = inode_of(kit.disks.disks[0].path);
    assert_ready(IMAGE_OF(ID_A, "\"@/other\"", ""));
    assert_int_equal(inode_of(kit.disks.disks[0].path), first);
    overlay_bytes("root", backing);
    assert_string_equal(backing, moved);
}

static size_t count_opens(int watch)
{
    struct inotify_event events[64];
    ssize_t got = read(watch, events, sizeof(events));
    size_t count = 0;

    for (ssize_t i = 0; i < got / (ssize_t)sizeof(events[0]); i++)
        count += (events[i].mask & IN_OPEN) != 0;
    return count;
}

/* QEMU's program has root's rights, and a base is a stranger's: it makes, grows and moves overlays without a look at it. */
static void nobody_opens_a_base_but_to_inspect_it(void **state)
{
    AUTO_FREE char *base = at("layer/disk/disk.img");
    AUTO_FREE char *moved = at("other/disk/disk.img");
    AUTO_CLOSE int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    (void)state;
    needs_qemu_img();
    put_qcow2("layer/disk/disk.img", NULL);
    put_qcow2("other/disk/disk.img", NULL);
    assert_true(inotify_add_watch(watch, base, IN_OPEN | IN_CLOSE) >= 0);
    assert_true(inotify_add_watch(watch, moved, IN_OPEN | IN_CLOSE) >= 0);
    assert_ready(IMAGE(""));
    assert_int_equal(count_opens(watch), 1);
    assert_ready(IMAGE(",\"capacityBytes\":16777216"));
    assert_int_equal(count_opens(watch), 1);
    assert_ready(IMAGE_OF(ID_A, "\"@/other\"", ",\"capacityBytes\":33554432"));
    assert_int_equal(count_opens(watch), 1);
}

static void a_raw_base_is_padded_to_a_sector(void **state)
{
    static const char raw[5000] = "\xeb\x63";
    char backing[QCOW2_BACKING_BYTES];

    (void)state;
    needs_qemu_img();
    put_file("layer/disk/disk.img", raw, sizeof(raw), 0644);
    assert_ready(IMAGE(""));
    assert_string_equal(kit.disks.disks[0].base_format, "raw");
    assert_int_equal(overlay_bytes("root", backing), 5120);
}

static void name_a_backing_file(unsigned char *image)
{
    AUTO_FREE char *canary = at("canary");

    qcow2_put(image, 8, 8, 512);
    qcow2_put(image, 16, 4, strlen(canary));
    memcpy(image + 512, canary, strlen(canary));
}

static void name_passwd(unsigned char *image)
{
    qcow2_put(image, 8, 8, 512);
    qcow2_put(image, 16, 4, strlen("/etc/passwd"));
    memcpy(image + 512, "/etc/passwd", strlen("/etc/passwd"));
}

static void name_a_data_file(unsigned char *image)
{
    AUTO_FREE char *canary = at("canary");

    qcow2_put(image, 72, 8, 1 << 2);
    qcow2_put(image, 104, 4, 0x44415441);
    qcow2_put(image, 108, 4, strlen(canary));
    memcpy(image + 112, canary, strlen(canary));
}

static bool was_opened(int watch)
{
    char events[512];

    return read(watch, events, sizeof(events)) > 0;
}

/* Neither by us, nor by QEMU's program, which is not even started. */
static void no_file_of_the_host_is_read_for_a_hostile_disk(void **state)
{
    AUTO_FREE char *canary = at("canary");
    AUTO_FREE char *program = at("qemu-img");
    AUTO_FREE char *ran = at("ran");
    AUTO_FREE char *script = mem_printf("#!/bin/sh\n: >%s\n", ran);
    AUTO_CLOSE int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    (void)state;
    put_script("qemu-img", script);
    put_file("canary", "secret", 6, 0644);
    assert_true(watch >= 0 && inotify_add_watch(watch, canary, IN_OPEN | IN_ACCESS) >= 0);
    kit.place.qemu_img = program;
    put_qcow2("layer/disk/disk.img", name_a_backing_file);
    assert_fails(IMAGE(""), "InvalidImage", "has a backing file");
    put_qcow2("layer/disk/disk.img", name_a_data_file);
    assert_fails(IMAGE(""), "InvalidImage", "has an external data file");
    put_qcow2("layer/disk/disk.img", name_passwd);
    assert_fails(IMAGE(""), "InvalidImage", "volume root: the image's disk disk.img: the qcow2 has a backing file");
    assert_int_equal(kit.err.code, ERROR_INVALID);
    assert_false(was_opened(watch));
    assert_int_not_equal(access(ran, F_OK), 0);
    /* And both would have been seen. */
    put_qcow2("layer/disk/disk.img", NULL);
    assert_false(prepare_with(IMAGE(""), "{}"));
    assert_int_equal(access(ran, F_OK), 0);
    AUTO_CLOSE int opened = open(canary, O_RDONLY | O_CLOEXEC);
    assert_true(opened >= 0 && was_opened(watch));
}

static void what_lies_below_disk_must_be_one_file(void **state)
{
    AUTO_FREE char *folder = at("layer/disk");
    AUTO_FREE char *link = at("layer/disk/x");
    AUTO_FREE char *more = at("layer/disk/y");

    (void)state;
    assert_true(file_make_dirs(folder, 0755, &kit.err));
    assert_fails(IMAGE(""), "InvalidImage", "the image's /disk has no disk");
    assert_int_equal(symlink("/etc/shadow", link), 0);
    assert_fails(IMAGE(""), "InvalidImage", "the image's /disk/x is no regular file");
    assert_fails(IMAGE(",\"path\":\"/disk/x\""), "InvalidImage", "the image's /disk/x is no regular file");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(mkfifo(link, 0644), 0);
    assert_fails(IMAGE(""), "InvalidImage", "the image's /disk/x is no regular file");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(mkdir(link, 0755), 0);
    assert_fails(IMAGE(""), "InvalidImage", "the image's /disk/x is no regular file");
    assert_int_equal(rmdir(link), 0);
    put_qcow2("layer/disk/x", NULL);
    put_qcow2("layer/disk/y", NULL);
    assert_fails(IMAGE(""), "InvalidImage", "the image's /disk has more than one file");
    assert_int_equal(unlink(more), 0);
    assert_int_equal(truncate(link, 0), 0);
    assert_fails(IMAGE(""), "InvalidImage", "it is empty");
}

static void no_folder_of_an_image_leads_out_of_it(void **state)
{
    AUTO_FREE char *layer = at("layer");
    AUTO_FREE char *link = at("layer/disk");
    AUTO_FREE char *outside = at("outside");

    (void)state;
    put_qcow2("outside/disk.img", NULL);
    assert_true(file_make_dirs(layer, 0755, &kit.err));
    assert_int_equal(symlink(outside, link), 0);
    assert_fails(IMAGE(""), "InvalidImage", "is no folder of the image itself");
    assert_fails(IMAGE(",\"path\":\"/disk/disk.img\""), "InvalidImage", "is no folder of the image itself");
    assert_fails(IMAGE(",\"path\":\"/../outside/disk.img\""), "FailedMount", "without ..");
    assert_fails(IMAGE(",\"path\":\"disk.img\""), "FailedMount", "must be absolute");
    assert_fails(IMAGE(",\"path\":\"/nowhere/disk.img\""), "InvalidImage", "is not there");
    assert_fails(IMAGE_OF(ID_A, "\"@/gone\"", ""), "FailedMount", "cannot open the layer");
    assert_fails(IMAGE_OF("sha256:../../x", "\"@/layer\"", ""), "FailedMount", "is not on this device");
}

/* One that stays within the image is as well refused: nothing is followed. */
static void no_link_of_an_image_is_followed(void **state)
{
    AUTO_FREE char *link = at("layer/link");

    (void)state;
    put_qcow2("layer/real/sub/disk.img", NULL);
    assert_int_equal(symlink("real", link), 0);
    assert_fails(IMAGE(",\"path\":\"/link/sub/disk.img\""), "InvalidImage", "is no folder of the image itself");
    assert_fails(IMAGE(",\"path\":\"/link/disk.img\""), "InvalidImage", "is no folder of the image itself");
}

#define LAYERS(more) IMAGE_OF(ID_A, "\"@/low\",\"@/high\"", more)

static void the_topmost_layer_rules(void **state)
{
    AUTO_FREE char *low = at("low/disk/disk.img");
    AUTO_FREE char *high = at("high/disk/disk.img");
    AUTO_FREE char *high_folder = at("high/disk");

    (void)state;
    needs_qemu_img();
    put_qcow2("low/disk/disk.img", NULL);
    assert_true(file_make_dirs(high_folder, 0755, &kit.err));
    assert_ready(LAYERS(""));
    assert_string_equal(kit.disks.disks[0].base, low);
    assert_ready(LAYERS(",\"path\":\"/disk/disk.img\""));
    assert_string_equal(kit.disks.disks[0].base, low);
    put_qcow2("high/disk/disk.img", NULL);
    assert_ready(LAYERS(""));
    assert_string_equal(kit.disks.disks[0].base, high);
    assert_int_equal(unlink(high), 0);
    if (setxattr(high_folder, "user.overlay.opaque", "y", 1, 0) == 0) { /* not every /tmp has them */
        assert_fails(LAYERS(""), "InvalidImage", "has no disk");
        assert_int_equal(removexattr(high_folder, "user.overlay.opaque"), 0);
    }
    if (mknod(high, S_IFCHR | 0644, makedev(0, 0)) == 0) /* a whiteout, for root */
        assert_fails(LAYERS(",\"path\":\"/disk/disk.img\""), "InvalidImage", "is not there");
}

static void a_kernel_and_its_initrd_are_found_in_the_image(void **state)
{
    AUTO_FREE char *kernel = at("layer/boot/vmlinuz");
    AUTO_FREE char *initrd = at("layer/initrd");
    AUTO_FREE char *link = at("layer/boot/link");

    (void)state;
    put_file("layer/boot/vmlinuz", "k", 1, 0644);
    put_file("layer/initrd", "i", 1, 0644);
    assert_int_equal(symlink("/etc/shadow", link), 0);
    assert_true(prepare_with("[]", "{\"kernelBoot\":{\"kernelPath\":\"/boot/vmlinuz\",\"initrdPath\":\"/initrd\","
                                   "\"image\":{\"layers\":[\"@/layer\"]}}}"));
    assert_string_equal(kit.disks.kernel, kernel);
    assert_string_equal(kit.disks.initrd, initrd);
    assert_false(prepare_with("[]", "{\"kernelBoot\":{\"kernelPath\":\"/boot/link\",\"image\":{\"layers\":[\"@/layer\"]}}}"));
    assert_string_equal(kit.reason, "InvalidImage");
    assert_non_null(strstr(kit.err.message, "kernelBoot.kernelPath: the image's /boot/link is no regular file"));
}

static void an_empty_disk_is_made_once_and_grows(void **state)
{
    char backing[QCOW2_BACKING_BYTES];

    (void)state;
    needs_qemu_img();
    assert_ready("[{\"name\":\"s\",\"emptyDisk\":{\"capacityBytes\":1048576}}]");
    assert_int_equal(overlay_bytes("s", backing), MIB);
    assert_string_equal(backing, "");
    assert_null(kit.disks.disks[0].base);
    ino_t first = inode_of(kit.disks.disks[0].path);
    assert_ready("[{\"name\":\"s\",\"emptyDisk\":{\"capacityBytes\":2097152}}]");
    assert_int_equal(overlay_bytes("s", backing), 2 * MIB);
    assert_int_equal(inode_of(kit.disks.disks[0].path), first);
    assert_fails("[{\"name\":\"s\",\"emptyDisk\":{\"capacityBytes\":1048576}}]", "FailedMount", "a disk cannot shrink");
    assert_fails("[{\"name\":\"s\",\"emptyDisk\":{}}]", "FailedMount", "emptyDisk has no capacity");
    assert_fails("[{\"name\":\"s\",\"emptyDisk\":{\"capacityBytes\":9007199254740991}}]", "FailedMount", "must be from 0 to");
}

/* A volume's name that was an image's, and is an empty disk's by now, and the other way round: another disk each time. */
static void a_name_that_means_another_disk_gets_another_disk(void **state)
{
    char backing[QCOW2_BACKING_BYTES];

    (void)state;
    needs_qemu_img();
    put_qcow2("layer/disk/disk.img", NULL);
    assert_ready(IMAGE(""));
    assert_ready("[{\"name\":\"root\",\"emptyDisk\":{\"capacityBytes\":1048576}}]");
    assert_int_equal(overlay_bytes("root", backing), MIB);
    assert_string_equal(backing, "");
    assert_ready(IMAGE(""));
    assert_int_equal(overlay_bytes("root", backing), QCOW2_VIRTUAL);
    assert_string_not_equal(backing, "");
}

static void what_no_volume_can_be_is_refused(void **state)
{
    (void)state;
    assert_fails("[{\"name\":\"../x\",\"emptyDisk\":{}}]", "FailedMount", "must be a DNS label");
    assert_fails("[{\"name\":\"x\",\"floppy\":{}}]", "FailedMount", "volume x is of a kind");
    assert_fails("[{\"name\":\"root\",\"image\":{\"id\":\"" ID_A "\",\"layers\":[]}}]", "FailedMount", "the image has 0 layers");
}

/* The program hangs: the call's own deadline ends it, and nothing is taken for made. */
static void a_program_that_hangs_is_ended_with_the_call(void **state)
{
    AUTO_FREE char *program = at("qemu-img");
    AUTO_FREE char *made = at("state/disks/default.hmi/s.qcow2");
    int ends[2];

    (void)state;
    put_script("qemu-img", "#!/bin/sh\nexec sleep 600\n");
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    kit.place.qemu_img = program;
    kit.place.cancel_fd = ends[0];
    assert_fails("[{\"name\":\"s\",\"emptyDisk\":{\"capacityBytes\":1048576}}]", "FailedMount", "has not ended in time");
    assert_int_equal(kit.err.code, ERROR_TIMEOUT);
    assert_int_not_equal(access(made, F_OK), 0);
    close(ends[0]);
    close(ends[1]);
}

static void a_full_disk_is_said_to_be_one(void **state)
{
    AUTO_FREE char *program = at("qemu-img");

    (void)state;
    put_script("qemu-img", "#!/bin/sh\necho 'qemu-img: x: Could not resize image: No space left on device' >&2\nexit 1\n");
    kit.place.qemu_img = program;
    assert_fails("[{\"name\":\"s\",\"emptyDisk\":{\"capacityBytes\":1048576}}]", "InsufficientDisk", "No space left");
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, kit_set_up, kit_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_KIT(an_overlay_is_made_once_and_kept),
        WITH_KIT(an_overlay_grows_and_never_shrinks),
        WITH_KIT(an_overlay_follows_its_base),
        WITH_KIT(nobody_opens_a_base_but_to_inspect_it),
        WITH_KIT(a_raw_base_is_padded_to_a_sector),
        WITH_KIT(no_file_of_the_host_is_read_for_a_hostile_disk),
        WITH_KIT(what_lies_below_disk_must_be_one_file),
        WITH_KIT(no_folder_of_an_image_leads_out_of_it),
        WITH_KIT(no_link_of_an_image_is_followed),
        WITH_KIT(the_topmost_layer_rules),
        WITH_KIT(a_kernel_and_its_initrd_are_found_in_the_image),
        WITH_KIT(an_empty_disk_is_made_once_and_grows),
        WITH_KIT(a_name_that_means_another_disk_gets_another_disk),
        WITH_KIT(what_no_volume_can_be_is_refused),
        WITH_KIT(a_program_that_hangs_is_ended_with_the_call),
        WITH_KIT(a_full_disk_is_said_to_be_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
