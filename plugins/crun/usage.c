#include "config.h"

#include "usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "davit/limits.h"

#define BLOCK_BYTES 512       /* of st_blocks, whatever the file system has */
#define LOOK_EVERY 1024       /* entries, between two looks at the time */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)
#define NICEST 19

/* The folders on the way down: a descriptor each, so that nothing that is moved meanwhile leads elsewhere. */
struct walk {
    DIR *folders[LIMIT_USAGE_DEPTH];
    size_t depth;
    dev_t device;
    uint64_t due_ms;
    int cancel_fd;
    struct usage *out;
};

void usage_be_nice(void)
{
    pid_t thread = (pid_t)syscall(SYS_gettid);

    setpriority(PRIO_PROCESS, (id_t)thread, NICEST);
    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, thread, IOPRIO_IDLE);
}

static bool enter(struct walk *walk, int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
    DIR *folder;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP; /* it has gone meanwhile */
    folder = fdopendir(fd);
    if (folder == NULL) {
        close(fd);
        return false;
    }
    walk->folders[walk->depth++] = folder;
    return true;
}

/* A file with more names is shared among them, so that all of them count it once. */
static void count(struct walk *walk, const struct stat *found)
{
    int64_t bytes = (int64_t)found->st_blocks * BLOCK_BYTES;

    if (!S_ISDIR(found->st_mode) && found->st_nlink > 1)
        bytes /= (int64_t)found->st_nlink;
    walk->out->bytes += bytes;
    walk->out->entries++;
}

static bool is_over(const struct walk *walk)
{
    struct pollfd cancel = {.fd = walk->cancel_fd, .events = POLLIN};

    if (walk->out->entries >= LIMIT_USAGE_ENTRIES)
        return true;
    if (walk->out->entries % LOOK_EVERY != 0)
        return false;
    return clock_boot_ms() >= walk->due_ms || (walk->cancel_fd >= 0 && poll(&cancel, 1, 0) > 0);
}

static void look(struct walk *walk, DIR *folder, const char *name)
{
    struct stat found;

    if (fstatat(dirfd(folder), name, &found, AT_SYMLINK_NOFOLLOW) != 0 || found.st_dev != walk->device)
        return;
    count(walk, &found);
    if (S_ISDIR(found.st_mode) && (walk->depth == LIMIT_USAGE_DEPTH || !enter(walk, dirfd(folder), name)))
        walk->out->partial = true;
}

void usage_of(const char *path, int cancel_fd, struct usage *out)
{
    struct walk walk = {.due_ms = clock_boot_ms() + LIMIT_USAGE_MS, .cancel_fd = cancel_fd, .out = out};
    struct stat root;

    *out = (struct usage){0};
    if (lstat(path, &root) != 0 || !S_ISDIR(root.st_mode))
        return;
    walk.device = root.st_dev;
    count(&walk, &root);
    out->partial = !enter(&walk, AT_FDCWD, path);
    while (walk.depth > 0) {
        DIR *folder = walk.folders[walk.depth - 1];
        const struct dirent *entry = is_over(&walk) ? NULL : readdir(folder);

        if (entry == NULL) {
            out->partial = out->partial || is_over(&walk);
            closedir(folder);
            walk.depth--;
        } else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            look(&walk, folder, entry->d_name);
        }
    }
}
