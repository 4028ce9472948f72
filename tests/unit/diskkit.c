#include "config.h"

#include "diskkit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "qcow2kit.h"

struct kit kit;

char *at(const char *name)
{
    return mem_printf("%s/%s", kit.top, name);
}

void put_file(const char *name, const void *data, size_t len, mode_t mode)
{
    AUTO_FREE char *path = at(name);
    AUTO_FREE char *folder = mem_strdup(path);

    *strrchr(folder, '/') = '\0';
    assert_true(file_make_dirs(folder, 0755, &kit.err));
    assert_true(file_write_atomic(path, data, len, mode, false, &kit.err));
}

void put_script(const char *name, const char *text)
{
    put_file(name, text, strlen(text), 0755);
}

void put_qcow2(const char *name, void (*change)(unsigned char *image))
{
    static unsigned char image[QCOW2_FILE];

    qcow2_build(image, 3);
    if (change != NULL)
        change(image);
    put_file(name, image, sizeof(image), 0644);
}

int kit_set_up(void **state)
{
    (void)state;
    kit = (struct kit){.top = "/tmp/davit-disk-XXXXXX"};
    assert_non_null(mkdtemp(kit.top));
    kit.state = at("state");
    kit.run = at("run/vms/x");
    kit.unpack = at("davit-unpack");
    put_script("davit-unpack", "#!/bin/sh\n[ \"$1\" = --iso ] && mkdir -p \"$3.d\" && tar -xf - -C \"$3.d\" && echo \"$2\" >\"$3\"\n");
    kit.place = (struct disk_place){.state_dir = kit.state, .run_dir = kit.run, .qemu_img = QEMU_IMG,
                                    .unpack = kit.unpack, .cancel_fd = -1};
    return 0;
}

int kit_tear_down(void **state)
{
    struct error err;

    (void)state;
    disk_list_free(&kit.disks);
    bool left = disk_leave(&kit.place, &err) && file_remove_tree(kit.top, &err);
    if (!left)
        print_error("%s\n", err.message);
    free(kit.state);
    free(kit.run);
    free(kit.unpack);
    return left ? 0 : -1;
}

bool prepare_with(const char *volumes, const char *firmware)
{
    AUTO_FREE char *text = mem_printf(
        "{\"pod\":{\"namespace\":\"default\",\"name\":\"hmi\"},\"vm\":{\"object\":\"default/virtualmachines/hmi\","
        "\"hostname\":\"panel\",\"domain\":{\"firmware\":%s},\"volumes\":%s}}", firmware, volumes);
    AUTO_STRBUF struct strbuf whole;
    struct json *document;

    strbuf_init(&whole, 65536);
    for (const char *c = text; *c != '\0'; c++)
        *c == '@' ? strbuf_add(&whole, kit.top) : strbuf_add_bytes(&whole, c, 1);
    document = json_parse(whole.data, whole.len, &kit.err);
    if (document == NULL)
        fail_msg("%s", kit.err.message);
    disk_list_free(&kit.disks);
    bool ready = disk_prepare(&kit.place, document, &kit.disks, &kit.reason, &kit.err);
    json_free(document);
    return ready;
}

void assert_ready(const char *volumes)
{
    if (!prepare_with(volumes, "{}"))
        fail_msg("%s: %s", kit.reason, kit.err.message);
    assert_null(kit.reason);
}

void assert_fails(const char *volumes, const char *reason, const char *message)
{
    if (prepare_with(volumes, "{}"))
        fail_msg("taken, but: %s", message);
    if (strcmp(kit.reason, reason) != 0 || strstr(kit.err.message, message) == NULL)
        fail_msg("%s: \"%s\" is not %s: \"%s\"", kit.reason, kit.err.message, reason, message);
}

void needs_qemu_img(void)
{
    if (access(QEMU_IMG, X_OK) == 0)
        return;
    print_message("# " QEMU_IMG " is not installed (qemu-utils)\n");
    skip();
}

uint64_t overlay_bytes(const char *volume, char backing[QCOW2_BACKING_BYTES])
{
    const struct disk *disk = disk_find(&kit.disks, volume);
    uint64_t bytes = 0;

    assert_non_null(disk);
    AUTO_CLOSE int fd = open(disk->path, O_RDONLY | O_CLOEXEC);
    assert_true(qcow2_read_own(fd, &bytes, backing, &kit.err));
    return bytes;
}

ino_t inode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_ino;
}
