#include "config.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "image/layer.h"
#include "image/stream.h"

#define BLOCK_BYTES 4096
#define INODE_XATTR_BYTES 64 /* what goes into an inode of ext4 itself, roughly: a file's capabilities do */
#define EARLY_BYTES (64 * 1024)

struct adder {
    struct tree *tree;
    struct archive *tar;
    struct archive_entry *entry;
    const struct tree_place *place;
    struct tree_meta meta;
    uint64_t size;
};

static bool read_meta(struct archive_entry *entry, const char *path, struct tree_meta *meta, struct error *err)
{
    int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    /* 4294967295 would mean "leave it" to chown. */
    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
        return tree_refuse(err, ERROR_INVALID, path, "has an owner outside 0 to 4294967294");
    *meta = (struct tree_meta){.uid = (uid_t)uid, .gid = (gid_t)gid, .mode = archive_entry_perm(entry) & 07777,
                               .mtime = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)}};
    return true;
}

static bool set_xattrs(const struct adder *adder, int fd, struct error *err)
{
    const char *name = NULL;
    const void *value = NULL;
    size_t len = 0;
    archive_entry_xattr_reset(adder->entry);
    while (archive_entry_xattr_next(adder->entry, &name, &value, &len) == ARCHIVE_OK) {
        if (!tree_set_xattr(fd, adder->place, name, value, len, err))
            return false;
    }
    return true;
}

static bool write_at(int fd, const char *data, size_t len, int64_t offset, const char *path, struct error *err)
{
    while (len > 0) {
        ssize_t done = pwrite(fd, data, len, offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return tree_fail(err, "writing", path);
        data += done;
        len -= (size_t)done;
        offset += done;
    }
    return true;
}

/* Holes stay holes. */
static bool write_data(const struct adder *adder, int fd, struct error *err)
{
    const void *data = NULL;
    size_t len = 0;
    int64_t offset = 0;
    uint64_t end = 0;
    for (;;) {
        int rc = archive_read_data_block(adder->tar, &data, &len, &offset);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc < ARCHIVE_WARN)
            return stream_fail(adder->tar, "reading the tar", err);
        if (offset < 0 || (uint64_t)offset > adder->size || len > adder->size - (uint64_t)offset)
            return tree_refuse(err, ERROR_INVALID, adder->place->path, "has data beyond its size");
        if (!write_at(fd, data, len, offset, adder->place->path, err))
            return false;
        end = len > 0 ? (uint64_t)offset + len : end;
    }
    if (end < adder->size && ftruncate(fd, (off_t)adder->size) != 0)
        return tree_fail(err, "making the full size of", adder->place->path);
    return true;
}

/* Begins to write a large file out while the next ones are unpacked: the disk works beside the processor, and the sync in
 * the end has little left. Where the kernel does not want to, it is as without.
 */
static void write_out_early(const struct adder *adder, int fd)
{
    if (adder->size >= EARLY_BYTES)
        (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static bool add_file(const struct adder *adder, struct error *err)
{
    AUTO_CLOSE int fd = -1;
    if (!tree_add_file(adder->tree, adder->place, &fd, err) || !write_data(adder, fd, err))
        return false;
    write_out_early(adder, fd);
    return tree_seal_file(fd, adder->place, &adder->meta, err) && set_xattrs(adder, fd, err);
}

static bool add_folder(const struct adder *adder, struct error *err)
{
    AUTO_CLOSE int fd = -1;
    return tree_add_folder(adder->tree, adder->place, &adder->meta, &fd, err) && set_xattrs(adder, fd, err);
}

static bool add_by_type(const struct adder *adder, struct error *err)
{
    switch (archive_entry_filetype(adder->entry)) {
    case AE_IFREG:
        return add_file(adder, err);
    case AE_IFDIR:
        return add_folder(adder, err);
    case AE_IFLNK:
        return tree_add_symlink(adder->tree, adder->place, archive_entry_symlink(adder->entry), &adder->meta, err);
    case AE_IFIFO:
        return tree_add_fifo(adder->tree, adder->place, &adder->meta, err);
    case AE_IFSOCK:
        log_debug("a socket in a layer is left out: nothing listens on it");
        return true;
    case AE_IFCHR:
    case AE_IFBLK:
        return tree_refuse(err, ERROR_DENIED, adder->place->path,
                           "is a device: containers get theirs from the runtime, never from an image");
    default:
        return tree_refuse(err, ERROR_UNSUPPORTED, adder->place->path, "is of a type that a layer cannot have");
    }
}

static uint64_t xattr_bytes(struct archive_entry *entry)
{
    const char *name = NULL;
    const void *value = NULL;
    size_t len = 0;
    uint64_t bytes = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK)
        bytes += strlen(name) + len;
    return bytes > INODE_XATTR_BYTES ? bytes : 0;
}

static bool charge(uint64_t entries, uint64_t bytes, const struct layer_limits *limits, struct layer_sum *sum,
                   struct error *err)
{
    sum->entries += entries;
    if (sum->entries > limits->entries)
        return error_set(err, ERROR_LIMIT, "it has more than %llu entries", (unsigned long long)limits->entries);
    if (bytes > limits->bytes || sum->bytes > limits->bytes - bytes)
        return error_set(err, ERROR_LIMIT, "it unpacks to more than %llu bytes", (unsigned long long)limits->bytes);
    sum->bytes += bytes;
    return true;
}

static uint64_t in_blocks(uint64_t bytes)
{
    return bytes / BLOCK_BYTES * BLOCK_BYTES + (bytes % BLOCK_BYTES > 0 ? BLOCK_BYTES : 0);
}

/* The declared size counts, before a byte of it is read; what is not there in the end fails anyway. */
static bool charge_entry(struct archive_entry *entry, const char *path, const struct layer_limits *limits,
                         struct layer_sum *sum, struct error *err)
{
    int64_t size = archive_entry_hardlink(entry) == NULL ? archive_entry_size(entry) : 0;
    if (size < 0)
        return tree_refuse(err, ERROR_INVALID, path, "has a negative size");
    uint64_t blocks = size > 0 ? in_blocks((uint64_t)size) : BLOCK_BYTES;
    return charge(1, blocks + in_blocks(xattr_bytes(entry)), limits, sum, err);
}

static bool add_entry(struct tree *tree, struct archive *tar, struct archive_entry *entry,
                      const struct layer_limits *limits, struct layer_sum *sum, struct error *err)
{
    char path[LIMIT_PATH_BYTES], target[LIMIT_PATH_BYTES];
    struct tree_place place;
    const char *raw = archive_entry_pathname(entry);
    const char *hardlink = archive_entry_hardlink(entry);
    if (raw == NULL)
        return error_set(err, ERROR_INVALID, "an entry has no name");
    if (!path_clean(raw, path, err) || !charge_entry(entry, path, limits, sum, err))
        return false;
    bool whiteout = strncmp(path_base(path), WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0;
    if (!whiteout && hardlink != NULL)
        return path_clean(hardlink, target, err) && tree_add_hardlink(tree, path, target, err);
    if (!tree_locate(tree, path, &place, err))
        return false;
    if (whiteout)
        return tree_add_whiteout(tree, &place, err);
    struct adder adder = {.tree = tree, .tar = tar, .entry = entry, .place = &place,
                          .size = (uint64_t)archive_entry_size(entry)};
    return read_meta(entry, path, &adder.meta, err) && add_by_type(&adder, err);
}

bool layer_add_entry(struct tree *tree, struct archive *tar, struct archive_entry *entry,
                     const struct layer_limits *limits, struct layer_sum *sum, struct error *err)
{
    uint64_t before = tree->made;
    if (!add_entry(tree, tar, entry, limits, sum, err))
        return false;
    /* One name can make 255 folders. */
    uint64_t made = tree->made - before;
    return charge(made, made * BLOCK_BYTES, limits, sum, err);
}
