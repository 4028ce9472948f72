/* What tests of disks share: a folder of their own, a document in it, and what came of it. qemu-img is the real one;
 * davit-unpack is played by tar.
 */
#ifndef TESTS_DISKKIT_H
#define TESTS_DISKKIT_H

#include "unit.h"

#include <sys/types.h>

#include "plugins/libvirt/disk.h"
#include "plugins/libvirt/qcow2.h"

#define QEMU_IMG "/usr/bin/qemu-img"
#define MIB (1024 * 1024)

extern struct kit {
    char top[32]; /* everything lies below it */
    char *state, *run, *unpack;
    struct disk_place place;
    struct disk_list disks; /* of the last prepare_with, and how it ended */
    const char *reason;
    struct error err;
} kit;

int kit_set_up(void **state);
int kit_tear_down(void **state);

char *at(const char *name); /* below kit.top; the caller frees */
void put_file(const char *name, const void *data, size_t len, mode_t mode);
void put_script(const char *name, const char *text);
void put_qcow2(const char *name, void (*change)(unsigned char *image));
/* `volumes` and `firmware` as JSON in which @ stands for kit.top. */
bool prepare_with(const char *volumes, const char *firmware);
void assert_ready(const char *volumes);
void assert_fails(const char *volumes, const char *reason, const char *message);
void needs_qemu_img(void); /* else the test is skipped, and says so */
/* A qcow2's own size, and its base. */
uint64_t overlay_bytes(const char *volume, char backing[QCOW2_BACKING_BYTES]);
ino_t inode_of(const char *path);

#endif
