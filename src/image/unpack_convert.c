/* VMDK and VHDX become qcow2 by qemu-img, which is given nothing but the file: as nobody, without a network, in a root of
 * its own that has the system's programs (read-only) and the two files. The file was checked before (disk_check).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/sandbox.h"
#include "image/unpack.h"
#include "image/unpack_stored.h"

#define LOOK_MS 500
#define SAID_BYTES 256
#define JAIL_FILES 64
#define JAIL_THREADS 512 /* of all that runs as nobody */

static const char *const programs[] = { "/usr/bin/qemu-img", "/usr/local/bin/qemu-img" };

struct conversion {
    const char *program, *format, *staging;
    rlim_t most_bytes; /* that the result may have */
    int said;          /* where it writes what went wrong */
    char text[SAID_BYTES];
    size_t len;
};

/* ---- within the child, before qemu-img */

static bool show(const char *from, const char *to, bool writable, struct error *err)
{
    unsigned long flags = MS_BIND | MS_REMOUNT | MS_NOSUID | (writable ? 0 : MS_NODEV | MS_RDONLY);
    return (mount(from, to, NULL, MS_BIND, NULL) == 0 && mount(NULL, to, NULL, flags, NULL) == 0) ||
           error_set_errno(err, errno, "showing %s to qemu-img", from);
}

static bool show_file(const char *from, const char *name, bool writable, struct error *err)
{
    AUTO_CLOSE int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return (fd >= 0 || error_set_errno(err, errno, "making %s for qemu-img", name)) && show(from, name, writable, err);
}

/* A link to below /usr where the system has one, else the folder itself. */
static bool show_folder(const char *path, struct error *err)
{
    char target[256];
    ssize_t len = readlink(path, target, sizeof(target) - 1);
    if (len < 0 && errno == ENOENT)
        return true;
    if (len > 0) {
        target[len] = '\0';
        return symlink(target, path + 1) == 0 || error_set_errno(err, errno, "making %s for qemu-img", path);
    }
    return (mkdir(path + 1, 0755) == 0 || error_set_errno(err, errno, "making %s for qemu-img", path)) &&
           show(path, path + 1, false, err);
}

/* In a mount namespace of its own, which ends with it. */
static bool make_root(const struct conversion *conversion, const char *jail, struct error *err)
{
    static const char *const folders[] = { "/usr", "/bin", "/lib", "/lib32", "/lib64" };
    AUTO_FREE char *in = mem_printf("%s/0/disk/disk.img", conversion->staging);
    AUTO_FREE char *out = mem_printf("%s/1/disk/disk.img", conversion->staging);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", jail, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755") != 0 || chdir(jail) != 0)
        return error_set_errno(err, errno, "making a root for qemu-img");
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (!show_folder(folders[i], err))
            return false;
    if (mkdir("dev", 0755) != 0)
        return error_set_errno(err, errno, "making a root for qemu-img");
    return show_file("/dev/null", "dev/null", true, err) && show_file(in, "in", false, err) && show_file(out, "out", true, err);
}

static bool limit(int what, rlim_t most, struct error *err)
{
    struct rlimit value = { most, most };
    return setrlimit((__rlimit_resource_t)what, &value) == 0 || error_set_errno(err, errno, "setting qemu-img's limits");
}

static bool enter(const struct conversion *conversion, struct error *err)
{
    AUTO_FREE char *jail = mem_printf("%s/jail", conversion->staging);
    /* Programs are started, so the list is that of who does; without a capability it makes no namespace. */
    const struct sandbox sandbox = { .user = "nobody", .chroot_dir = jail, .calls = SANDBOX_CALLS_NAMESPACES };
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
        return error_set_errno(err, errno, "making namespaces for qemu-img");
    return make_root(conversion, jail, err) && limit(RLIMIT_FSIZE, conversion->most_bytes, err) &&
           limit(RLIMIT_NOFILE, JAIL_FILES, err) && limit(RLIMIT_NPROC, JAIL_THREADS, err) &&
           limit(RLIMIT_AS, LIMIT_CONVERT_MEMORY_BYTES, err) && sandbox_enter(&sandbox, err);
}

static void run_program(const struct conversion *conversion) __attribute__((noreturn));
static void run_program(const struct conversion *conversion)
{
    char *const argv[] = { mem_strdup("qemu-img"), mem_strdup("convert"), mem_strdup("-f"), mem_strdup(conversion->format),
                           mem_strdup("-O"), mem_strdup("qcow2"), mem_strdup("/in"), mem_strdup("/out"), NULL };
    char *const env[] = { NULL };
    struct error err = { 0 };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    signal(SIGPIPE, SIG_DFL);
    if (enter(conversion, &err) && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(conversion->said, 2) >= 0 &&
        close_range(3, ~0u, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0) {
        execve(conversion->program, argv, env);
        (void)error_set_errno(&err, errno, "starting %s", conversion->program);
    }
    dprintf(fcntl(conversion->said, F_GETFD) >= 0 ? conversion->said : 2, "%s", err.message);
    _exit(127);
}

/* ---- beside it */

static void listen_to(struct conversion *conversion, int fd)
{
    char bytes[SAID_BYTES];
    ssize_t got = read(fd, bytes, sizeof(bytes));
    for (ssize_t i = 0; i < got && conversion->len + 1 < sizeof(conversion->text); i++)
        conversion->text[conversion->len++] = bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : ' ';
}

static bool judge(const struct conversion *conversion, int status, struct error *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (strstr(conversion->text, "File too large") != NULL)
        return error_set(err, ERROR_NO_SPACE, "it needs more than the %llu bytes that are free for it",
                         (unsigned long long)conversion->most_bytes);
    if (WIFSIGNALED(status))
        return error_set(err, ERROR_INVALID, "qemu-img was ended by signal %d", WTERMSIG(status));
    return error_set(err, strstr(conversion->text, "No space left") != NULL ? ERROR_NO_SPACE : ERROR_INVALID,
                     "qemu-img does not read it: %s", conversion->text);
}

/* What it wrote is read while it runs; an end of the pipe is its end. */
static bool watch(struct conversion *conversion, pid_t pid, int said, struct error *err)
{
    int status = 0;
    bool wanted = true, late = false;
    uint64_t due_ms = clock_boot_ms() + LIMIT_CONVERT_MS;
    struct pollfd look = { .fd = said, .events = POLLIN };
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (poll(&look, 1, LOOK_MS) > 0 && (look.revents & POLLIN) != 0)
            listen_to(conversion, said);
        else if (look.revents != 0)
            look.fd = -1;
        wanted = wanted && unpack_parent_may_speak();
        late = late || clock_boot_ms() > due_ms;
        if (!wanted || late)
            kill(pid, SIGKILL);
    }
    listen_to(conversion, said);
    if (!wanted)
        return error_set(err, ERROR_UNAVAILABLE, "nobody waits for the disk any more");
    if (late)
        return error_set(err, ERROR_TIMEOUT, "qemu-img was not done within %d s", LIMIT_CONVERT_MS / 1000);
    return judge(conversion, status, err);
}

static bool run(struct conversion *conversion, struct error *err)
{
    int ends[2];
    /* What it starts, if anything, sees and reaches no process but its own. */
    if (pipe2(ends, O_CLOEXEC) != 0 || unshare(CLONE_NEWPID) != 0)
        return error_set_errno(err, errno, "preparing qemu-img");
    AUTO_CLOSE int reading = ends[0];
    AUTO_CLOSE int writing = ends[1];
    conversion->said = writing;
    fcntl(reading, F_SETFL, O_NONBLOCK);
    pid_t pid = fork();
    if (pid == 0)
        run_program(conversion);
    close(fd_steal(&writing));
    if (pid < 0)
        return error_set_errno(err, errno, "starting qemu-img");
    return watch(conversion, pid, reading, err);
}

static const char *find_program(struct error *err)
{
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
        if (access(programs[i], X_OK) == 0)
            return programs[i];
    (void)error_set(err, ERROR_UNSUPPORTED, "VMDK and VHDX are read by qemu-img, which is not on this device: install "
                    "qemu-utils (Debian, Ubuntu) or qemu-img (Fedora, openSUSE: qemu-tools)");
    return NULL;
}

/* qemu-img's, until it is done. */
static bool lend(int fd, uid_t owner, mode_t mode, struct error *err)
{
    return (fchown(fd, owner, (gid_t)-1) == 0 && fchmod(fd, mode) == 0) ||
           error_set_errno(err, errno, "handing the file to qemu-img");
}

int unpack_convert(const struct unpack *unpack, const struct json *request, struct error *err)
{
    struct conversion conversion = { .format = json_get_text(request, "format"), .staging = json_get_text(request, "staging"),
                                     .program = find_program(err) };
    uid_t nobody = 0;
    if (conversion.program == NULL)
        return -1;
    conversion.most_bytes = unpack->bytes_left;
    AUTO_CLOSE int fd = unpack_make_disk(unpack, "1", err);
    if (fd < 0)
        return -1;
    if (conversion.format == NULL || !sandbox_user("nobody", &nobody, err))
        return -1;
    if (mkdirat(unpack->staging, "jail", 0700) != 0) {
        (void)error_set_errno(err, errno, "making a root for qemu-img");
        return -1;
    }
    if (!lend(fd, nobody, 0600, err) || !run(&conversion, err) || !lend(fd, 0, 0444, err))
        return -1;
    return fd_steal(&fd);
}
