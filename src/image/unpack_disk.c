#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "image/disk.h"
#include "image/sparse.h"
#include "image/stream.h"
#include "image/unpack.h"
#include "image/unpack_stored.h"

#define READ_BYTES (256 * 1024)

struct taking {
    struct plain plain;
    struct stored stored;
    struct checksum served;
    const char *expected; /* "": nobody knows it */
    struct digest whole;
    struct sparse file;
};

/* ---- the folder */

int unpack_make_disk(const struct unpack *unpack, const char *dir, struct error *err)
{
    AUTO_FREE char *folder = mem_printf("%s/disk", dir);
    AUTO_FREE char *path = mem_printf("%s/disk/disk.img", dir);
    int fd = -1;
    if (mkdirat(unpack->staging, dir, 0755) != 0 || mkdirat(unpack->staging, folder, 0755) != 0)
        (void)error_set_errno(err, errno, "making the folder of a disk");
    else if ((fd = openat(unpack->staging, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444)) < 0)
        (void)error_set_errno(err, errno, "making the file of a disk");
    return fd;
}

static bool read_at(void *ctx, uint64_t offset, void *data, size_t len, struct error *err)
{
    const int *fd = ctx;
    ssize_t got = pread(*fd, data, len, (off_t)offset);
    if (got == (ssize_t)len)
        return true;
    return error_set_errno(err, got < 0 ? errno : EIO, "reading the disk");
}

bool unpack_look_at_disk(int fd, enum disk_format *format, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_set_errno(err, errno, "looking at the disk");
    const struct disk_bytes bytes = { .read = read_at, .ctx = &fd, .size = (uint64_t)st.st_size };
    return disk_check(&bytes, format, err);
}

bool unpack_say_disk(const struct unpacked_disk *disk, struct error *err)
{
    AUTO_JSON struct json *head = json_new_texts("op", "disk", "dir", disk->dir, "digest", disk->digest, "format",
                                                 disk_format_name(disk->format), NULL);
    json_set_text(head, "served", disk->served[0] != '\0' ? disk->served : NULL);
    json_set_integer(head, "bytes", (int64_t)disk->bytes);
    return unpack_say(head, err) && unpack_say_done(err);
}

/* ---- its bytes */

static bool take_block(struct taking *taking, const void *data, size_t len, struct error *err)
{
    if (!unpack_parent_may_speak())
        return error_set(err, ERROR_UNAVAILABLE, "nobody waits for the disk any more");
    if (taking->file.size + len > LIMIT_DISK_BYTES)
        return error_set(err, ERROR_LIMIT, "it unpacks to more than %llu bytes", (unsigned long long)LIMIT_DISK_BYTES);
    digest_add(&taking->whole, data, len);
    return sparse_add(&taking->file, data, len, err);
}

static bool take_all(struct taking *taking, struct error *err)
{
    const void *data = NULL;
    size_t len = 1;
    while (len > 0) {
        if (!plain_next(&taking->plain, &data, &len))
            return plain_fail(&taking->plain, taking->plain.raw, "decompressing", err);
        if (len > 0 && !take_block(taking, data, len, err))
            return false;
    }
    if (!plain_finish(&taking->plain))
        return plain_fail(&taking->plain, taking->plain.raw, "reading the rest of it", err);
    return sparse_finish(&taking->file, err);
}

static bool check_served(struct taking *taking, struct error *err)
{
    char found[CHECKSUM_BYTES];
    if (taking->expected[0] == '\0')
        return true;
    checksum_text(&taking->served, found);
    if (strcmp(found, taking->expected) == 0)
        return true;
    return error_set(err, ERROR_CONFLICT, "its bytes have the checksum %s instead of %s", found, taking->expected);
}

/* What is damaged on its way seldom decompresses: what is said of it is that it is another one. */
static bool blame_source(struct taking *taking, struct error *err)
{
    if (taking->stored.read == 0 && err->code == ERROR_INVALID)
        (void)error_set(err, ERROR_INVALID, "it is empty");
    return plain_is_about_content(err->code) && plain_drain(&taking->plain, unpack_parent_may_speak) &&
           check_served(taking, err) && false;
}

/* VMDK and VHDX are somebody's to convert, who imports them; no domain is to open them. */
static bool check_format(int fd, bool imports, enum disk_format *format, struct error *err)
{
    if (!unpack_look_at_disk(fd, format, err))
        return false;
    if (imports || *format == DISK_RAW || *format == DISK_QCOW2)
        return true;
    return error_set(err, ERROR_UNSUPPORTED, "it is a %s disk, and raw and qcow2 are taken: davit vm import converts a file",
                     disk_format_name(*format));
}

static void digest_end(struct digest *digest, char out[DIGEST_OCI_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    digest_hex(digest, hex);
    snprintf(out, DIGEST_OCI_BYTES, "sha256:%s", hex);
}

static bool take(struct taking *taking, bool imports, struct error *err)
{
    struct unpacked_disk disk = { .dir = "0" };
    const struct plain_source source = { .read = stored_read, .ctx = &taking->stored };
    if (!plain_open(&taking->plain, &source, true, err) || !take_all(taking, err))
        return blame_source(taking, err);
    if (!check_served(taking, err) || !check_format(taking->file.fd, imports, &disk.format, err))
        return false;
    disk.bytes = taking->file.bytes;
    digest_end(&taking->whole, disk.digest);
    plain_digest(&taking->plain, disk.served);
    return unpack_say_disk(&disk, err);
}

bool unpack_disk(struct unpack *unpack, const struct json *request, struct error *err)
{
    struct taking taking = { .expected = json_get_text(request, "checksum") };
    if (taking.expected == NULL)
        taking.expected = "";
    if (taking.expected[0] != '\0' && !checksum_is_valid(taking.expected))
        return error_set(err, ERROR_INTERNAL, "the request for a disk is not understood");
    AUTO_CLOSE int fd = unpack_make_disk(unpack, "0", err);
    if (fd < 0)
        return false;
    AUTO_FREE char *buffer = mem_alloc(STORED_READ_BYTES);
    taking.stored = (struct stored){ .buffer = buffer, .size = json_get_integer(request, "size", -1),
                                     .checksum = &taking.served };
    checksum_init(&taking.served, taking.expected);
    digest_init(&taking.whole);
    sparse_init(&taking.file, fd, unpack->bytes_left);
    bool ok = take(&taking, json_get_boolean(request, "imports", false), err);
    plain_close(&taking.plain);
    sparse_free(&taking.file);
    return ok;
}

/* ---- a disk that somebody else wrote */

static bool digest_file(int fd, struct digest *digest, struct error *err)
{
    AUTO_FREE char *buffer = mem_alloc(READ_BYTES);
    digest_init(digest);
    for (off_t at = 0;;) {
        ssize_t got = pread(fd, buffer, READ_BYTES, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(err, errno, "reading the disk");
        if (got == 0)
            return true;
        digest_add(digest, buffer, (size_t)got);
        at += got;
        if (!unpack_parent_may_speak())
            return error_set(err, ERROR_UNAVAILABLE, "nobody waits for the disk any more");
    }
}

bool unpack_report_disk(int fd, const char *dir, struct error *err)
{
    struct unpacked_disk disk = { .dir = dir };
    struct digest digest;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_set_errno(err, errno, "looking at the disk");
    disk.bytes = (uint64_t)st.st_blocks * 512;
    if (!check_format(fd, false, &disk.format, err) || !digest_file(fd, &digest, err))
        return false;
    digest_end(&digest, disk.digest);
    return unpack_say_disk(&disk, err);
}
