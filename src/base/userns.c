#include "config.h"

#include "base/userns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define FOLDER_MODE 0700
#define RANGE_BYTES 64
#define SUBID_BYTES (1024 * 1024)
#define SUBID_USER "davit:"

/* ---- a child that is in it as long as it is bound */

struct holder {
    int userns; /* -1: it makes a new one */
    int kind;   /* another namespace in it; 0: none */
    int ready[2];
    pid_t pid;
};

static bool set_loopback_up(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

/* Of a process with many threads: only async-signal-safe calls. */
static _Noreturn void hold(const struct holder *holder)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool good = holder->userns >= 0 ? setns(holder->userns, CLONE_NEWUSER) == 0 : unshare(CLONE_NEWUSER) == 0;
    if (good && holder->kind != 0)
        good = unshare(holder->kind) == 0 && (holder->kind != CLONE_NEWNET || set_loopback_up());
    /* It has more rights now, in there, than who made it may have: else that one could not see its namespaces. */
    prctl(PR_SET_DUMPABLE, 1);
    int failed = good ? 0 : errno;
    if (write(holder->ready[1], &failed, sizeof(failed)) == sizeof(failed) && good)
        pause();
    _exit(1);
}

static void holder_end(struct holder *holder)
{
    kill(holder->pid, SIGKILL);
    while (waitpid(holder->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static bool holder_begin(struct holder *holder, struct error *err)
{
    struct clone_args args = { .exit_signal = SIGCHLD };
    int failed = EPIPE;
    if (pipe2(holder->ready, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    holder->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (holder->pid == 0)
        hold(holder);
    close(holder->ready[1]);
    if (holder->pid < 0)
        failed = errno;
    else
        while (read(holder->ready[0], &failed, sizeof(failed)) < 0 && errno == EINTR)
            ;
    close(holder->ready[0]);
    if (failed == 0)
        return true;
    if (holder->pid > 0)
        holder_end(holder);
    return error_set_errno(err, failed, "hostUsers: false: the kernel gives no user namespace (see user.max_user_namespaces)");
}

static bool bind_of(const struct holder *holder, const char *word, const char *path, struct error *err)
{
    AUTO_FREE char *source = mem_printf("/proc/%d/ns/%s", holder->pid, word);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot make %s", path);
    close(fd);
    return mount(source, path, NULL, MS_BIND, NULL) == 0 || error_set_errno(err, errno, "cannot bind %s to %s", source, path);
}

bool userns_make_namespace(int userns, int kind, const char *path, struct error *err)
{
    struct holder holder = { .userns = userns, .kind = kind };
    if (!holder_begin(&holder, err))
        return false;
    bool good = bind_of(&holder, kind == CLONE_NEWNET ? "net" : "ipc", path, err);
    holder_end(&holder);
    return good;
}

/* ---- ranges */

static bool read_subid(const char *path, int64_t *first, int64_t *count)
{
    AUTO_FREE char *text = NULL;
    struct error ignored; /* then there is none */
    size_t len;
    if (!file_read_regular(path, SUBID_BYTES, &text, &len, &ignored))
        return false;
    const char *line = strncmp(text, SUBID_USER, strlen(SUBID_USER)) == 0 ? text : strstr(text, "\n" SUBID_USER);
    return line != NULL && sscanf(strchr(line, ':'), ":%" SCNd64 ":%" SCNd64, first, count) == 2;
}

static bool find_source(struct userns_source *source, struct error *err)
{
    int64_t first, count, group_first = -1, group_count = -1;
    if (!read_subid("/etc/subuid", &first, &count))
        return true;
    if (!read_subid("/etc/subgid", &group_first, &group_count) || group_first != first || group_count != count)
        return error_set(err, ERROR_INVALID, "the user davit has other ids in /etc/subuid than in /etc/subgid: they must be the same");
    source->first = first;
    source->count = count;
    return true;
}

static bool read_range(const char *folder, const char *name, int64_t *first)
{
    AUTO_FREE char *path = mem_printf("%s/%s", folder, name);
    AUTO_FREE char *text = NULL;
    struct error ignored; /* then it has none */
    size_t len;
    return file_read(path, RANGE_BYTES, &text, &len, &ignored) && sscanf(text, "%" SCNd64, first) == 1;
}

static bool is_taken(const char *folder, int64_t first)
{
    DIR *open = opendir(folder);
    struct dirent *entry;
    bool taken = false;
    while (open != NULL && !taken && (entry = readdir(open)) != NULL) {
        const char *ending = strstr(entry->d_name, ".range");
        int64_t other = -1;
        taken = ending != NULL && read_range(folder, entry->d_name, &other) && other < first + USERNS_IDS &&
                first < other + USERNS_IDS;
    }
    if (open != NULL)
        closedir(open);
    return taken;
}

static bool take_range(const struct userns_source *source, const char *uid, int64_t *first, struct error *err)
{
    AUTO_FREE char *name = mem_printf("%s.range", uid);
    AUTO_FREE char *path = mem_printf("%s/%s", source->folder, name);
    char text[RANGE_BYTES];
    if (read_range(source->folder, name, first))
        return true;
    for (*first = source->first; *first + USERNS_IDS <= source->first + source->count; *first += USERNS_IDS) {
        if (is_taken(source->folder, *first))
            continue;
        int len = snprintf(text, sizeof(text), "%" PRId64 "\n", *first);
        return file_write_atomic(path, text, (size_t)len, 0600, false, err);
    }
    return error_set(err, ERROR_LIMIT, "hostUsers: false: every range of 65536 ids is given (%" PRId64 " from %" PRId64
                     "): see [security] user_range= in davitd.conf", source->count, source->first);
}

/* ---- the namespace */

static bool is_namespace(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

static bool write_map(pid_t pid, const char *name, int64_t first, struct error *err)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/%s", pid, name);
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
    char text[RANGE_BYTES];
    int len = snprintf(text, sizeof(text), "0 %" PRId64 " %u\n", first, USERNS_IDS);
    return (fd >= 0 && write(fd, text, (size_t)len) == len) || error_set_errno(err, errno, "cannot write %s", path);
}

static bool make(int64_t first, const char *path, struct error *err)
{
    struct holder holder = { .userns = -1 };
    if (!holder_begin(&holder, err))
        return false;
    bool good = write_map(holder.pid, "uid_map", first, err) && write_map(holder.pid, "gid_map", first, err) &&
                bind_of(&holder, "user", path, err);
    holder_end(&holder);
    return good;
}

static int lock_folder(const char *folder, struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/lock", folder);
    int fd = file_make_dirs(folder, FOLDER_MODE, err) ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0 && flock(fd, LOCK_EX) == 0)
        return fd;
    error_set_errno(err, errno, "cannot lock %s", path);
    if (fd >= 0)
        close(fd);
    return -1;
}

bool userns_open(const struct userns_source *source, const char *uid, int *fd, int64_t *first, struct error *err)
{
    struct userns_source from = *source;
    AUTO_FREE char *path = mem_printf("%s/%s", source->folder, uid);
    AUTO_CLOSE int lock = lock_folder(source->folder, err);
    int64_t mine;
    if (lock < 0 || !find_source(&from, err) || !take_range(&from, uid, &mine, err))
        return false;
    if (!is_namespace(path) && !make(mine, path, err))
        return false;
    if (first != NULL)
        *first = mine;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd >= 0 || error_set_errno(err, errno, "cannot open %s", path);
}

bool userns_remove(const char *folder, const char *uid, struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/%s", folder, uid);
    AUTO_FREE char *range = mem_printf("%s.range", path);
    while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        ;
    if ((unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR) || (unlink(range) != 0 && errno != ENOENT))
        return error_set_errno(err, errno, "cannot remove %s", path);
    return true;
}
