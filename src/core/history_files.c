#include "core/history_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "davit/limits.h"

#define ENDING ".history"
#define FILE_MOST_BYTES (LIMIT_HISTORY_SEGMENT_BYTES + 2 * LIMIT_HISTORY_MEMORY_BYTES)

static int is_history(const struct dirent *entry)
{
    size_t digits = strspn(entry->d_name, "0123456789");
    return digits > 0 && digits < 20 && strcmp(entry->d_name + digits, ENDING) == 0;
}

char *history_file_path(const char *folder, uint64_t number)
{
    return mem_printf("%s/%08" PRIu64 ENDING, folder, number);
}

static int by_number(const void *a, const void *b)
{
    const struct history_file *one = a, *other = b;
    return one->number < other->number ? -1 : one->number > other->number;
}

void history_files_read(const char *folder, struct history_files *files)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_history, NULL);
    *files = (struct history_files){ .list = mem_array(count > 0 ? (size_t)count : 1, sizeof(*files->list)) };
    for (int i = 0; i < count; i++) {
        struct stat info;
        uint64_t number = strtoull(entries[i]->d_name, NULL, 10);
        AUTO_FREE char *path = mem_printf("%s/%s", folder, entries[i]->d_name);
        free(entries[i]);
        if (stat(path, &info) != 0)
            continue;
        files->list[files->count++] = (struct history_file){ number, (size_t)info.st_size };
        files->bytes += (size_t)info.st_size;
        files->last = number > files->last ? number : files->last;
    }
    free(entries);
    qsort(files->list, files->count, sizeof(*files->list), by_number);
}

void history_files_free(struct history_files *files)
{
    free(files->list);
    *files = (struct history_files){ 0 };
}

static bool write_all(int fd, const char *path, const char *text, size_t len, struct error *err)
{
    for (size_t done = 0; done < len;) {
        ssize_t now = write(fd, text + done, len - done);
        if (now < 0 && errno != EINTR)
            return error_set_errno(err, errno, "cannot write %s", path);
        done += now > 0 ? (size_t)now : 0;
    }
    return fdatasync(fd) == 0 || error_set_errno(err, errno, "cannot write %s", path);
}

/* A name is on the disk once its folder is. */
static bool sync_folder_of(const char *path, struct error *err)
{
    AUTO_FREE char *folder = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
    AUTO_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return (fd >= 0 && fsync(fd) == 0) || error_set_errno(err, errno, "cannot sync %s", folder);
}

bool history_file_append(const char *path, const char *text, size_t len, struct error *err)
{
    AUTO_FREE char *folder = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
    if (!file_make_dirs(folder, 0700, err))
        return false;
    bool is_new = access(path, F_OK) != 0;
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot write %s", path);
    return write_all(fd, path, text, len, err) && (!is_new || sync_folder_of(path, err));
}

size_t history_file_read(const char *path, struct history *out)
{
    AUTO_FREE char *text = NULL;
    struct error err;
    size_t len = 0;
    if (!file_read_regular(path, FILE_MOST_BYTES, &text, &len, &err)) {
        log_warn("samples that were kept cannot be read: %s", err.message);
        return 1;
    }
    return history_read_lines(text, len, out);
}

void history_file_remove(const char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        log_warn("cannot remove %s: %m", path);
}

void history_files_forget_oldest(struct history_files *files)
{
    files->bytes -= files->list[0].bytes;
    files->count--;
    memmove(files->list, files->list + 1, files->count * sizeof(*files->list));
}
