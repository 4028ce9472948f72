#include "config.h"

#include "cli/link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
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

static bool spawn(const char *path, int socket_fd, int log_fd, pid_t *pid, struct error *err)
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
    (void)posix_spawn_file_actions_adddup2(&actions, log_fd, 1);
    (void)posix_spawn_file_actions_adddup2(&actions, log_fd, 2);
    (void)posix_spawn_file_actions_adddup2(&actions, socket_fd, FRAME_CHILD_FD);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int result = posix_spawn(pid, path, &actions, &attributes, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    if (result == 0)
        return true;
    *pid = 0;
    return error_set(err, ERROR_INTERNAL,
                     "cannot start %s: %s. Is Davit installed whole? DAVIT_LIBEXEC names its folder.", path,
                     strerror(result));
}

bool link_start(struct link *link, struct error *err)
{
    const char *folder = getenv("DAVIT_LIBEXEC");
    AUTO_FREE char *path = mem_printf("%s/davit-link", folder != NULL && *folder != '\0' ? folder : LIBEXECDIR);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return error_set_errno(err, errno, "socketpair");
    link->log_fd = memfd_create("davit-link", MFD_CLOEXEC);
    bool started = link->log_fd >= 0 ? spawn(path, pair[1], link->log_fd, &link->pid, err)
                                     : error_set_errno(err, errno, "memfd_create");
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

/* Not "not found": that is said of objects. */
static bool secret_error(const char *name, struct error *err)
{
    err->code = ERROR_INVALID;
    return error_wrap(err, "the broker's %s", name);
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
        {"proxyPassword", options->proxy_password_file},
    };
    int fds[sizeof(secrets) / sizeof(secrets[0])];
    size_t count = 0;
    bool ok = true;
    struct json *names = json_set_array(head, "fds");
    for (size_t i = 0; ok && i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (secrets[i].path == NULL)
            continue;
        fds[count] = file_as_memfd(secrets[i].path, strstr(secrets[i].name, "assword") != NULL, err);
        ok = fds[count] >= 0 || secret_error(secrets[i].name, err);
        count += ok ? 1 : 0;
        json_add_text(names, secrets[i].name);
    }
    ok = ok && frame_send(link->fd, head, NULL, 0, fds, count, err);
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]);
    return ok;
}

/* The link's lines but for what it only mentions. */
static void show_log(int log_fd)
{
    AUTO_FREE char *log = NULL;
    size_t len = 0;
    struct error ignored = {0};
    if (log_fd < 0 || lseek(log_fd, 0, SEEK_SET) != 0)
        return;
    if (!file_read_fd(log_fd, LIMIT_CONFIG_BYTES, &log, &len, &ignored))
        return;
    for (char *line = log; *line != '\0';) {
        size_t line_len = strcspn(line, "\n");
        bool is_last = line[line_len] == '\0';
        line[line_len] = '\0';
        if (strstr(line, ": info: ") == NULL && strstr(line, ": debug: ") == NULL)
            (void)fprintf(stderr, "%s\n", line);
        line += line_len + (is_last ? 0 : 1);
    }
}

/* The DISCONNECT goes out before davit ends; a link that hangs is not waited for long. */
static void wait_for_end(pid_t pid)
{
    const struct timespec step = {.tv_nsec = STOP_STEP_NS};
    uint64_t until_ms = clock_boot_ms() + STOP_MS;
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        (void)nanosleep(&step, NULL);
        if (clock_boot_ms() < until_ms)
            continue;
        (void)kill(pid, SIGKILL);
        until_ms = UINT64_MAX;
    }
}

void link_stop(struct link *link, bool is_explained)
{
    if (link->fd >= 0)
        (void)shutdown(link->fd, SHUT_WR);
    if (link->pid > 0)
        wait_for_end(link->pid);
    if (!is_explained)
        show_log(link->log_fd);
    if (link->fd >= 0)
        (void)close(link->fd);
    if (link->log_fd >= 0)
        (void)close(link->log_fd);
    *link = (struct link){.fd = -1, .log_fd = -1};
}
