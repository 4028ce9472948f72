/* Disks of virtual machines as they come from outside: what they are, by their own bytes, and whether they may be used.
 * Pure: bytes are asked for, nothing is opened. A disk that names other files would have a host's files read by whoever
 * opens it.
 */
#ifndef IMAGE_DISK_H
#define IMAGE_DISK_H

#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"

enum disk_format { DISK_RAW, DISK_QCOW2, DISK_VMDK, DISK_VHDX };

struct disk_bytes {
    /* `len` bytes from `offset` on, all within `size`. */
    bool (*read)(void *ctx, uint64_t offset, void *data, size_t len, struct error *err);
    void *ctx;
    uint64_t size;
};

/* "raw", "qcow2", "vmdk", "vhdx": qemu-img's words too. */
const char *disk_format_name(enum disk_format format);
/* Its name where no domain is to open it and qemu-img makes another of it first, static; NULL: it may stay. */
const char *disk_format_to_convert(const char *name);
/* Refused: ERROR_INVALID what is damaged, names other files, or wants what nobody may give; ERROR_UNSUPPORTED formats that
 * are known but not taken; ERROR_LIMIT over a cap.
 */
MUST_CHECK bool disk_check(const struct disk_bytes *bytes, enum disk_format *format, struct error *err);

/* As an image: its configuration, the digest of that, which is the image's id, and the name of its only layer. The layer's
 * is no digest of the file itself, for the same bytes may be a container's layer, which is another folder.
 */
struct json *disk_config(const char *digest);
void disk_image_id(const char *digest, char out[DIGEST_OCI_BYTES]);
void disk_layer_id(const char *digest, char out[DIGEST_OCI_BYTES]);

/* Within the disk's own files. */
MUST_CHECK bool disk_check_qcow2(const struct disk_bytes *bytes, struct error *err);
MUST_CHECK bool disk_check_vmdk(const struct disk_bytes *bytes, struct error *err);
MUST_CHECK bool disk_check_vhdx(const struct disk_bytes *bytes, struct error *err);
/* False where the file ends before. */
MUST_CHECK bool disk_read(const struct disk_bytes *bytes, uint64_t offset, void *data, size_t len, const char *what,
                          struct error *err);
MUST_CHECK bool disk_check_size(uint64_t bytes, struct error *err); /* of what a guest sees */
uint64_t disk_little(const uint8_t *at, size_t len);
uint64_t disk_big(const uint8_t *at, size_t len);

#endif
