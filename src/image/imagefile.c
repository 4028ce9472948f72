#include "config.h"

#include "image/imagefile.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "image/stream.h"
#include "image/tree_walk.h"

#define BLOCK_BYTES (64 * 1024)
#define LINK_HOPS 8
#define GUESS_BYTES (256 * 1024)          /* a document up to this size is kept on sight */
#define GUESS_TOTAL_BYTES (4 * 1024 * 1024)

struct imagefile {
    int fd;
    bool is_folder;     /* of an OCI layout, instead of an archive */
    int blob;           /* the file of it that is read; -1 */
    char *buffer;
    struct archive *archive;
    size_t next;        /* ordinal of the entry that the next header is */
    int64_t read_bytes; /* of the current entry */
    int64_t size;       /* of the current entry */
    struct imagefile_entry *entries; /* in the archive's order */
    size_t count, room;
    struct imagefile_entry **by_name;
    size_t kept_bytes;
};

static bool changed(struct error *err)
{
    return error_set(err, ERROR_INVALID, "the image changed while it was read");
}

static bool archive_start(struct imagefile *file, struct error *err)
{
    if (file->archive != NULL)
        archive_read_free(file->archive);
    file->archive = stream_new(err);
    file->next = 0;
    file->read_bytes = file->size = 0;
    if (file->archive == NULL)
        return false;
    if (lseek(file->fd, 0, SEEK_SET) != 0)
        return error_set_errno(err, errno, "going to the start of the image archive");
    archive_read_support_format_tar(file->archive);
    if (archive_read_open_fd(file->archive, file->fd, BLOCK_BYTES) != ARCHIVE_OK)
        return stream_fail(file->archive, "reading the image archive", err);
    return true;
}

static bool folder_read(struct imagefile *file, const void **data, size_t *len, struct error *err)
{
    ssize_t got = read(file->blob, file->buffer, BLOCK_BYTES);
    while (got < 0 && errno == EINTR)
        got = read(file->blob, file->buffer, BLOCK_BYTES);
    if (got < 0)
        return error_set_errno(err, errno, "reading the image's folder");
    file->read_bytes += got;
    if (got == 0 && file->read_bytes != file->size)
        return changed(err);
    *data = file->buffer;
    *len = (size_t)got;
    return file->read_bytes <= file->size || changed(err);
}

bool imagefile_read(struct imagefile *file, const void **data, size_t *len, struct error *err)
{
    int64_t offset = 0;
    if (file->is_folder)
        return folder_read(file, data, len, err);
    int rc = archive_read_data_block(file->archive, data, len, &offset);
    if (rc == ARCHIVE_EOF) {
        *len = 0;
        if (file->read_bytes != file->size)
            return error_set(err, ERROR_INVALID, "an entry of the image archive is shorter than it says");
        return true;
    }
    if (rc < ARCHIVE_WARN)
        return stream_fail(file->archive, "reading the image archive", err);
    if (offset != file->read_bytes || *len == 0)
        return error_set(err, ERROR_UNSUPPORTED, "an entry of the image archive is stored as a sparse file");
    file->read_bytes += (int64_t)*len;
    return stream_check_ratio(file->archive, err);
}

/* libarchive would skip in one go: by seeking where it can, else without a look at the ratio. */
static bool skip_rest(struct imagefile *file, struct error *err)
{
    const void *data = NULL;
    size_t len = 1;
    if (!stream_is_compressed(file->archive))
        return true;
    while (len > 0) {
        if (!imagefile_read(file, &data, &len, err))
            return false;
    }
    return true;
}

/* False with ERROR_NONE at the end. */
static bool next_header(struct imagefile *file, struct archive_entry **entry, struct error *err)
{
    err->code = ERROR_NONE;
    if (file->next > 0 && !skip_rest(file, err))
        return false;
    int rc = archive_read_next_header(file->archive, entry);
    if (rc == ARCHIVE_EOF)
        return false;
    if (rc < ARCHIVE_WARN)
        return stream_fail(file->archive, "reading the image archive (a tar file, plain, gzip or zstd)", err);
    file->next++;
    file->read_bytes = 0;
    file->size = archive_entry_size(*entry);
    if (file->next == 1 && !stream_check_filters(file->archive, err))
        return false;
    return file->size >= 0 ? true : error_set(err, ERROR_INVALID, "an entry of the image archive has a negative size");
}

static struct imagefile_entry *entry_new(struct imagefile *file)
{
    if (file->count == file->room) {
        file->room = file->room == 0 ? 64 : file->room * 2;
        file->entries = mem_resize(file->entries, file->room, sizeof(file->entries[0]));
    }
    struct imagefile_entry *entry = &file->entries[file->count++];
    *entry = (struct imagefile_entry){.ordinal = file->next};
    return entry;
}

static bool keep_data(struct imagefile *file, struct imagefile_entry *entry, bool only_json, struct error *err)
{
    size_t size = (size_t)entry->size, at = 0, len = 0;
    const void *data = NULL;
    AUTO_FREE char *kept = mem_alloc(size + 1);
    while (at < size) {
        if (!imagefile_read(file, &data, &len, err))
            return false;
        if (len == 0 || len > size - at)
            return error_set(err, ERROR_INVALID, "the image archive's '%s' has another size than it says", entry->name);
        memcpy(kept + at, data, len);
        if (only_json && at == 0 && kept[0] != '{' && kept[0] != '[')
            return true;
        at += len;
    }
    file->kept_bytes += size;
    entry->data = mem_steal(&kept);
    return true;
}

static bool is_document_name(const char *name)
{
    size_t len = strlen(name);
    return strncmp(name, "blobs/", 6) == 0 || strcmp(name, "oci-layout") == 0 ||
           (len > 5 && strcmp(name + len - 5, ".json") == 0);
}

/* Name and link of an entry, cleaned; `link` is "" for a file. */
static bool read_names(struct archive_entry *header, char *name, char *link, struct error *err)
{
    const char *raw = archive_entry_pathname(header);
    const char *hardlink = archive_entry_hardlink(header);
    const char *symlink = archive_entry_symlink(header);
    link[0] = '\0';
    if (raw == NULL)
        return error_set(err, ERROR_INVALID, "an entry has no name");
    if (!path_clean(raw, name, err))
        return false;
    if (hardlink != NULL)
        return path_clean(hardlink, link, err);
    return symlink == NULL || path_clean_link(name, symlink, link, err);
}

static bool scan_entry(struct imagefile *file, struct archive_entry *header, struct error *err)
{
    char name[LIMIT_PATH_BYTES], link[LIMIT_PATH_BYTES];
    if (archive_entry_filetype(header) != AE_IFREG && archive_entry_filetype(header) != AE_IFLNK &&
        archive_entry_hardlink(header) == NULL)
        return true;
    if (!read_names(header, name, link, err))
        return error_wrap(err, "the image archive");
    if (file->count == LIMIT_ARCHIVE_ENTRIES)
        return error_set(err, ERROR_LIMIT, "the image archive has more than %d files", LIMIT_ARCHIVE_ENTRIES);
    struct imagefile_entry *entry = entry_new(file);
    entry->name = mem_strdup(name);
    entry->link = link[0] != '\0' ? mem_strdup(link) : NULL;
    entry->size = archive_entry_size(header);
    if (entry->link == NULL && entry->size <= GUESS_BYTES && is_document_name(name) &&
        file->kept_bytes + (size_t)entry->size <= GUESS_TOTAL_BYTES)
        return keep_data(file, entry, true, err);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    const struct imagefile_entry *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* A name twice could be one thing when it is looked at and another when it is unpacked. */
static bool index_names(struct imagefile *file, struct error *err)
{
    char shown[PATH_SHOW_BYTES];
    file->by_name = mem_array(file->count + 1, sizeof(file->by_name[0]));
    for (size_t i = 0; i < file->count; i++)
        file->by_name[i] = &file->entries[i];
    qsort(file->by_name, file->count, sizeof(file->by_name[0]), compare_names);
    for (size_t i = 1; i < file->count; i++) {
        if (compare_names(&file->by_name[i - 1], &file->by_name[i]) == 0)
            return error_set(err, ERROR_INVALID, "the image archive has '%s' twice",
                             path_show(file->by_name[i]->name, shown));
    }
    return true;
}

/* Files alone, by a path without any link. */
static bool folder_seek(struct imagefile *file, const struct imagefile_entry *entry, struct error *err)
{
    struct stat st;
    if (file->blob >= 0)
        close(fd_steal(&file->blob));
    file->blob = tree_open_below(file->fd, entry->name, O_RDONLY | O_NONBLOCK);
    if (file->blob < 0)
        return error_set_errno(err, errno, "opening '%.100s' of the image's folder", entry->name);
    if (fstat(file->blob, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != entry->size)
        return changed(err);
    file->read_bytes = 0;
    file->size = entry->size;
    return true;
}

/* What is no file, or a link, is not there. */
static bool folder_add(struct imagefile *file, const char *name, struct error *err)
{
    struct stat st;
    AUTO_CLOSE int fd = tree_open_below(file->fd, name, O_PATH);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return true;
    if (file->count == LIMIT_ARCHIVE_ENTRIES)
        return error_set(err, ERROR_LIMIT, "the image's folder has more than %d files", LIMIT_ARCHIVE_ENTRIES);
    struct imagefile_entry *entry = entry_new(file);
    entry->name = mem_strdup(name);
    entry->size = st.st_size;
    file->next++;
    return true;
}

static bool folder_add_blobs(struct imagefile *file, struct error *err)
{
    static const char blobs[] = "blobs/sha256";
    int fd = tree_open_below(file->fd, blobs, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL)
        return error_set_errno(err, errno, "this is no folder of an OCI layout: %s", blobs);
    bool ok = true;
    for (const struct dirent *entry; ok && (entry = readdir(dir)) != NULL;) {
        AUTO_FREE char *name = mem_printf("%s/%s", blobs, entry->d_name);
        ok = folder_add(file, name, err);
    }
    closedir(dir);
    return ok;
}

static bool folder_open(struct imagefile *file, struct error *err)
{
    file->is_folder = true;
    file->buffer = mem_alloc(BLOCK_BYTES);
    return folder_add(file, "oci-layout", err) && folder_add(file, "index.json", err) && folder_add_blobs(file, err);
}

static bool archive_open(struct imagefile *file, struct error *err)
{
    struct archive_entry *header = NULL;
    bool ok = archive_start(file, err);
    while (ok && next_header(file, &header, err))
        ok = scan_entry(file, header, err);
    return ok && err->code == ERROR_NONE;
}

struct imagefile *imagefile_open(int fd, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
        error_set(err, ERROR_UNSUPPORTED, "the image archive is a pipe or a device, and it is read more than once: "
                                          "put it into a file first");
        return NULL;
    }
    struct imagefile *file = mem_alloc(sizeof(*file));
    file->fd = fd;
    file->blob = -1;
    if (!(S_ISDIR(st.st_mode) ? folder_open(file, err) : archive_open(file, err)) || !index_names(file, err)) {
        imagefile_free(file);
        return NULL;
    }
    return file;
}

void imagefile_free(struct imagefile *file)
{
    if (file == NULL)
        return;
    for (size_t i = 0; i < file->count; i++) {
        free(file->entries[i].name);
        free(file->entries[i].link);
        free(file->entries[i].data);
    }
    if (file->archive != NULL)
        archive_read_free(file->archive);
    if (file->blob >= 0)
        close(file->blob);
    free(file->buffer);
    free(file->entries);
    free(file->by_name);
    free(file);
}

struct imagefile_entry *imagefile_find(struct imagefile *file, const char *name)
{
    for (unsigned hop = 0; hop <= LINK_HOPS; hop++) {
        struct imagefile_entry key = {.name = (char *)(uintptr_t)name};
        struct imagefile_entry *key_at = &key;
        struct imagefile_entry **found = bsearch(&key_at, file->by_name, file->count, sizeof(file->by_name[0]),
                                                 compare_names);
        if (found == NULL || (*found)->link == NULL)
            return found != NULL ? *found : NULL;
        name = (*found)->link;
    }
    return NULL;
}

bool imagefile_want(struct imagefile_entry *entry, struct error *err)
{
    if (entry->size > LIMIT_IMAGE_CONFIG_BYTES)
        return error_set(err, ERROR_LIMIT, "the image archive's '%.80s' has %lld bytes, more than a document's %d",
                         entry->name, (long long)entry->size, LIMIT_IMAGE_CONFIG_BYTES);
    entry->wanted = true;
    return true;
}

bool imagefile_collect(struct imagefile *file, struct error *err)
{
    for (size_t i = 0; i < file->count; i++) {
        struct imagefile_entry *entry = &file->entries[i];
        if (!entry->wanted || entry->data != NULL)
            continue;
        if (file->kept_bytes + (size_t)entry->size > LIMIT_ARCHIVE_JSON_BYTES)
            return error_set(err, ERROR_LIMIT,
                             "the image archive has more than %d bytes of manifests and configurations",
                             LIMIT_ARCHIVE_JSON_BYTES);
        if (!imagefile_seek(file, entry, err) || !keep_data(file, entry, false, err))
            return false;
    }
    return true;
}

bool imagefile_seek(struct imagefile *file, const struct imagefile_entry *entry, struct error *err)
{
    struct archive_entry *header = NULL;
    if (file->is_folder)
        return folder_seek(file, entry, err);
    if (file->next >= entry->ordinal && !archive_start(file, err))
        return false;
    while (file->next < entry->ordinal) {
        if (!next_header(file, &header, err))
            return err->code != ERROR_NONE ? false : changed(err);
    }
    return file->size == entry->size ? true : changed(err);
}
