#include "cli/link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "davit/limits.h"
#include "wire/frame.h"

#define STOP_MS 2000
#define STOP_STEP_NS 1000000

extern char **environ;

static bool spawn(const char *path, int socket_fd, pid_t *pid, struct error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    char *const argv[] = {"davit-link", NULL};
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, 2, 1); /* nothing but davit itself writes to stdout */
    (void)posix_spawn_file_actions_adddup2(&actions, socket_fd, FRAME_CHILD_FD);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int result = posix_spawn(pid, path, &actions, &attributes, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    if (result == 0)
        return true;
    *pid = 0;
    return error_set_errno(err, result, "cannot start %s (is Davit installed whole? DAVIT_LIBEXEC names its folder)",
                           path);
}

bool link_start(struct link *link, struct error *err)
{
    const char *folder = getenv("DAVIT_LIBEXEC");
    AUTO_FREE char *path = mem_printf("%s/davit-link", folder != NULL && *folder != '\0' ? folder : LIBEXECDIR);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return error_set_errno(err, errno, "socketpair");
    bool started = spawn(path, pair[1], &link->pid, err);
    (void)close(pair[1]);
    link->fd = pair[0];
    return started;
}

/* The file in memory, sealed; -1 on error. A password ends at its first line's end. */
static int file_as_memfd(const char *path, bool first_line, struct error *err)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    if (!file_read(path, LIMIT_CONFIG_BYTES, &data, &len, err))
        return -1;
    if (first_line)
        len = strcspn(data, "\r\n");
    AUTO_CLOSE int fd = memfd_create("davit", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool whole = fd >= 0 && write(fd, data, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0;
    explicit_bzero(data, len);
    if (!whole) {
        (void)error_set_errno(err, errno, "%s: cannot hand it to davit-link", path);
        return -1;
    }
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    return fd_steal(&fd);
}

bool link_send_connect(const struct link *link, struct json *head, const struct options *options, struct error *err)
{
    const struct {
        const char *name;
        const char *path;
    } secrets[] = {
        {"password", options->password_file},
        {"ca", options->ca_file},
        {"cert", options->cert_file},
        {"key", options->key_file},
    };
    int fds[sizeof(secrets) / sizeof(secrets[0])];
    size_t count = 0;
    bool ok = true;
    struct json *names = json_set_array(head, "fds");
    for (size_t i = 0; ok && i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (secrets[i].path == NULL)
            continue;
        fds[count] = file_as_memfd(secrets[i].path, i == 0, err);
        ok = fds[count] >= 0 || error_wrap(err, "the broker's %s", secrets[i].name);
        count += ok ? 1 : 0;
        json_add_text(names, secrets[i].name);
    }
    ok = ok && frame_send(link->fd, head, NULL, 0, fds, count, err);
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]);
    return ok;
}

/* The DISCONNECT goes out before davit ends; a link that hangs is not waited for long. */
void link_stop(struct link *link)
{
    const struct timespec step = {.tv_nsec = STOP_STEP_NS};
    if (link->fd >= 0)
        (void)shutdown(link->fd, SHUT_WR);
    uint64_t until_ms = clock_boot_ms() + STOP_MS;
    while (link->pid > 0 && waitpid(link->pid, NULL, WNOHANG) == 0) {
        if (clock_boot_ms() < until_ms) {
            (void)nanosleep(&step, NULL);
            continue;
        }
        (void)kill(link->pid, SIGKILL);
        until_ms = UINT64_MAX;
    }
    link->pid = 0;
    if (link->fd >= 0)
        (void)close(link->fd);
    link->fd = -1;
}
