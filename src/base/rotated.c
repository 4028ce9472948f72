#include "base/rotated.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define BLOCK_BYTES (64 * 1024) /* a line of conmon is shorter */
#define NAMES_MAX 4096

struct numbers {
    uint64_t *items; /* rising */
    size_t count;
};

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* "0.log.17" of "0.log": 17; 0: another file. */
static uint64_t number_of(const char *name, const char *base)
{
    size_t len = strlen(base);
    const char *digits = name + len + 1;
    if (strncmp(name, base, len) != 0 || name[len] != '.' || digits[0] < '1' || digits[0] > '9' ||
        strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 18)
        return 0;
    return strtoull(digits, NULL, 10);
}

static struct numbers list(const char *path)
{
    struct numbers numbers = { 0 };
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *folder_path = mem_strndup(path, slash != NULL ? (size_t)(slash - path) : 0);
    DIR *folder = opendir(slash != NULL ? folder_path : ".");
    const char *base = slash != NULL ? slash + 1 : path;
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL && numbers.count < NAMES_MAX;) {
        uint64_t number = number_of(entry->d_name, base);
        if (number == 0)
            continue;
        numbers.items = mem_resize(numbers.items, numbers.count + 1, sizeof(uint64_t));
        numbers.items[numbers.count++] = number;
    }
    if (folder != NULL)
        closedir(folder);
    if (numbers.count > 0)
        qsort(numbers.items, numbers.count, sizeof(uint64_t), compare);
    return numbers;
}

static int open_one(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static bool is_same(int a, int b)
{
    struct stat one, other;
    return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

size_t rotated_open(const char *path, int fds[ROTATED_FILES])
{
    /* The one that is written first: what is put aside meanwhile is found twice, and never missed. */
    AUTO_CLOSE int current = open_one(path);
    struct numbers numbers = list(path);
    size_t count = 0;
    for (size_t i = numbers.count > ROTATED_FILES - 1 ? numbers.count - (ROTATED_FILES - 1) : 0; i < numbers.count; i++) {
        AUTO_FREE char *name = mem_printf("%s.%" PRIu64, path, numbers.items[i]);
        AUTO_CLOSE int fd = open_one(name);
        if (fd >= 0 && (current < 0 || !is_same(fd, current)))
            fds[count++] = fd_steal(&fd);
        else if (fd >= 0)
            break; /* the current one, renamed since: what came after it, is read later */
    }
    if (current >= 0)
        fds[count++] = fd_steal(&current);
    free(numbers.items);
    return count;
}

size_t rotated_open_shifted(const char *path, int fds[ROTATED_FILES])
{
    int newest_first[ROTATED_FILES];
    size_t count = 0;
    /* The newest first: what is shifted meanwhile is found twice, and never missed. */
    for (int number = -1; number < ROTATED_FILES - 1; number++) {
        AUTO_FREE char *name = number < 0 ? mem_strdup(path) : mem_printf("%s.%d", path, number);
        AUTO_CLOSE int fd = open_one(name);
        if (fd < 0 && number >= 0)
            break;
        if (fd >= 0 && (count == 0 || !is_same(fd, newest_first[count - 1])))
            newest_first[count++] = fd_steal(&fd);
    }
    for (size_t i = 0; i < count; i++)
        fds[i] = newest_first[count - 1 - i];
    return count;
}

bool rotated_put_aside(const char *path, size_t keep, struct error *err)
{
    struct numbers numbers = list(path);
    uint64_t next = numbers.count > 0 ? numbers.items[numbers.count - 1] + 1 : 1;
    AUTO_FREE char *to = mem_printf("%s.%" PRIu64, path, next);
    bool good = rename(path, to) == 0 || error_set_errno(err, errno, "cannot rename %s", path);
    size_t kept = keep > 0 ? keep - 1 : 0; /* beside the new one */
    for (size_t i = 0; good && i + kept < numbers.count; i++) {
        AUTO_FREE char *name = mem_printf("%s.%" PRIu64, path, numbers.items[i]);
        unlink(name);
    }
    free(numbers.items);
    return good;
}

void rotated_remove(const char *path)
{
    struct numbers numbers = list(path);
    for (size_t i = 0; i < numbers.count; i++) {
        AUTO_FREE char *name = mem_printf("%s.%" PRIu64, path, numbers.items[i]);
        unlink(name);
    }
    free(numbers.items);
    unlink(path);
}

void rotated_take(struct rotated *log, const int *fds, size_t count)
{
    size_t from = 0;
    for (size_t i = 0; log->count > 0 && i < count; i++)
        if (is_same(log->fds[log->count - 1], fds[i]))
            from = i + 1;
    if (log->count > 0 && count > 0 && from == 0)
        log->gap = true;
    for (size_t i = 0; i < count; i++) {
        if (i >= from && log->count < ROTATED_CHAIN)
            log->fds[log->count++] = fds[i];
        else
            close(fds[i]);
    }
}

static void drop_first(struct rotated *log, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(log->fds[i]);
    log->count -= count;
    memmove(log->fds, log->fds + count, log->count * sizeof(log->fds[0]));
}

ssize_t rotated_read(struct rotated *log, char *out, size_t len)
{
    while (log->count > 0) {
        ssize_t got = read(log->fds[0], out, len);
        if (got > 0)
            return got;
        if (got < 0 && errno == EINTR)
            continue;
        /* A newer one is there since before this look: nobody writes here any more. */
        if (log->count == 1)
            return 0;
        drop_first(log, 1);
    }
    return 0;
}

struct tail {
    int64_t lines;
    bool (*is_line)(const char *line, size_t len);
    char *block;
};

/* Looks at one file from its end. Returns where to begin, or -1: further up. */
static off_t tail_of(struct tail *tail, int fd)
{
    struct stat info;
    off_t end = fstat(fd, &info) == 0 ? info.st_size : 0;
    while (end > 0) {
        off_t begin = end > BLOCK_BYTES ? end - BLOCK_BYTES : 0;
        ssize_t got = pread(fd, tail->block, (size_t)(end - begin), begin);
        size_t stop = got > 0 ? (size_t)got : 0;
        off_t reached = end;
        while (stop > 0) {
            size_t close_at = tail->block[stop - 1] == '\n' ? stop - 1 : stop;
            const char *before = memrchr(tail->block, '\n', close_at);
            size_t start = before != NULL ? (size_t)(before - tail->block) + 1 : 0;
            if (before == NULL && begin > 0)
                break; /* its beginning is in the block before */
            if (tail->is_line(tail->block + start, close_at - start) && tail->lines-- == 0)
                return begin + (off_t)stop;
            stop = start;
            reached = begin + (off_t)start;
        }
        if (reached == end)
            return begin; /* no line is so long */
        end = reached;
    }
    return -1;
}

bool rotated_seek_tail(struct rotated *log, int64_t lines, bool (*is_line)(const char *line, size_t len), struct error *err)
{
    AUTO_FREE char *block = mem_alloc(BLOCK_BYTES);
    struct tail tail = { .lines = lines, .is_line = is_line, .block = block };
    for (size_t i = log->count; i-- > 0;) {
        off_t begin = lines > 0 ? tail_of(&tail, log->fds[i]) : lseek(log->fds[i], 0, SEEK_END);
        if (begin < 0)
            continue;
        if (lseek(log->fds[i], begin, SEEK_SET) < 0)
            return error_set_errno(err, errno, "cannot seek in the log");
        drop_first(log, i);
        break;
    }
    return true;
}

void rotated_skip_before(struct rotated *log, uint64_t wall_ms)
{
    struct stat info;
    while (log->count > 1 && fstat(log->fds[0], &info) == 0 && ((uint64_t)info.st_mtim.tv_sec + 1) * 1000 < wall_ms)
        drop_first(log, 1);
}

void rotated_close(struct rotated *log)
{
    drop_first(log, log->count);
}
