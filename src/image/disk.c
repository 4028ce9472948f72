#include "config.h"

#include "image/disk.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"

#define HEAD_BYTES 512

const char *disk_format_name(enum disk_format format)
{
    static const char *const names[] = { [DISK_RAW] = "raw", [DISK_QCOW2] = "qcow2", [DISK_VMDK] = "vmdk",
                                         [DISK_VHDX] = "vhdx" };
    return names[format];
}

const char *disk_format_to_convert(const char *name)
{
    for (enum disk_format format = DISK_VMDK; format <= DISK_VHDX; format++)
        if (strcmp(disk_format_name(format), name) == 0)
            return disk_format_name(format);
    return NULL;
}

uint64_t disk_little(const uint8_t *at, size_t len)
{
    uint64_t value = 0;
    while (len-- > 0)
        value = value << 8 | at[len];
    return value;
}

uint64_t disk_big(const uint8_t *at, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | at[i];
    return value;
}

bool disk_read(const struct disk_bytes *bytes, uint64_t offset, void *data, size_t len, const char *what, struct error *err)
{
    if (offset > bytes->size || len > bytes->size - offset)
        return error_set(err, ERROR_INVALID, "it ends before its %s: it is truncated", what);
    return bytes->read(bytes->ctx, offset, data, len, err);
}

bool disk_check_size(uint64_t bytes, struct error *err)
{
    if (bytes == 0)
        return error_set(err, ERROR_INVALID, "it is a disk of 0 bytes");
    if (bytes > LIMIT_DISK_BYTES)
        return error_set(err, ERROR_LIMIT, "it is a disk of %llu bytes: %llu are the most", (unsigned long long)bytes,
                         (unsigned long long)LIMIT_DISK_BYTES);
    return true;
}

/* ---- which format */

/* What would be taken for a raw disk, and boot nothing. */
static const struct {
    size_t offset;
    const char *magic;
    size_t len;
    const char *name;
} others[] = {
    { 0, "QED\0", 4, "a QED disk" },
    { 0, "COWD", 4, "an old VMware disk (COWD)" },
    { 0, "# Disk DescriptorFile", 21, "a VMware descriptor, whose disk lies in other files: give that as one file "
                                      "(monolithicSparse or streamOptimized)" },
    { 0, "conectix", 8, "a dynamic VHD" },
    { 0x40, "\x7f\x10\xda\xbe", 4, "a VirtualBox disk (VDI)" },
    { 0, "PK\x03\x04", 4, "a zip archive" },
    { 0, "<!DOCTYPE", 9, "a web page" }, /* of a portal, or an error that says it is none */
    { 0, "<!doctype", 9, "a web page" },
    { 0, "<html", 5, "a web page" },
    { 257, "ustar", 5, "a tar archive (of an OVA, take the .vmdk out)" },
};

static bool refuse_others(const uint8_t *head, size_t len, struct error *err)
{
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (others[i].offset + others[i].len <= len &&
            memcmp(head + others[i].offset, others[i].magic, others[i].len) == 0)
            return error_set(err, ERROR_UNSUPPORTED, "it is %s; raw, qcow2, VMDK and VHDX disks are taken", others[i].name);
    return true;
}

static const struct {
    const char *magic;
    size_t len;
    enum disk_format format;
    bool (*check)(const struct disk_bytes *bytes, struct error *err);
} known[] = {
    { "QFI\xfb", 4, DISK_QCOW2, disk_check_qcow2 },
    { "KDMV", 4, DISK_VMDK, disk_check_vmdk },
    { "vhdxfile", 8, DISK_VHDX, disk_check_vhdx },
};

bool disk_check(const struct disk_bytes *bytes, enum disk_format *format, struct error *err)
{
    uint8_t head[HEAD_BYTES] = { 0 };
    size_t len = bytes->size < HEAD_BYTES ? (size_t)bytes->size : HEAD_BYTES;
    if (!disk_read(bytes, 0, head, len, "head", err))
        return false;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (len < known[i].len || memcmp(head, known[i].magic, known[i].len) != 0)
            continue;
        *format = known[i].format;
        return known[i].check(bytes, err) || error_wrap(err, "the %s disk", disk_format_name(*format));
    }
    *format = DISK_RAW;
    return refuse_others(head, len, err) && disk_check_size(bytes->size, err);
}

/* ---- as an image */

struct json *disk_config(const char *digest)
{
    struct json *config = json_new_texts("os", "unknown", NULL);
    json_set_text(json_set_object(config, "davit"), "disk", digest);
    return config;
}

void disk_image_id(const char *digest, char out[DIGEST_OCI_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    AUTO_JSON struct json *config = disk_config(digest);
    AUTO_FREE char *text = json_print_canonical(config);
    digest_of(text, strlen(text), hex);
    snprintf(out, DIGEST_OCI_BYTES, "sha256:%s", hex);
}

void disk_layer_id(const char *digest, char out[DIGEST_OCI_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    struct digest sum;
    digest_init(&sum);
    digest_add_text(&sum, "davit disk/disk.img");
    digest_add_text(&sum, digest);
    digest_hex(&sum, hex);
    snprintf(out, DIGEST_OCI_BYTES, "sha256:%s", hex);
}
