#include "config.h"

#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "spawn.h"

#define CONFIG_BYTES (4 * 1024 * 1024)
#define OUTPUT_BYTES 10240 /* Kubernetes: of a probe's output */
#define CHILDREN_BYTES 65536
#define TREE_DEPTH 64

/* The container's own process, with another command: whatever it may not, the command may not either. */
static bool write_process(const struct crun *crun, const char *id, const struct json *command, const char *path,
                          struct error *err)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    AUTO_FREE char *config_path = mem_printf("%s/config.json", bundle);
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *out = NULL;
    size_t len;

    if (!file_read(config_path, CONFIG_BYTES, &text, &len, err))
        return false;
    AUTO_JSON struct json *config = json_parse(text, len, err);
    struct json *process = json_get_mutable(config, "process");
    if (process == NULL)
        return error_set(err, ERROR_INVALID, "%s has no process", config_path);
    json_set(process, "args", json_copy(command));
    json_set_boolean(process, "terminal", false);
    out = json_print(process);
    return file_write_atomic(path, out, strlen(out), 0600, false, err);
}

/* A process and all its descendants, deepest last: none of them can make another one that is missed for long. */
static void kill_tree(pid_t pid, int depth)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/task/%d/children", pid, pid);
    AUTO_FREE char *text = NULL;
    struct error ignored; /* it has gone */
    size_t len;

    kill(pid, SIGKILL);
    if (depth <= 0 || !file_read(path, CHILDREN_BYTES, &text, &len, &ignored))
        return;
    for (char *at = text, *end; *at != '\0'; at = end + strspn(end, " \n")) {
        long child = strtol(at, &end, 10);

        if (end == at)
            return;
        kill_tree((pid_t)child, depth - 1);
    }
}

static void kill_command(const char *pidfile)
{
    AUTO_FREE char *text = NULL;
    struct error ignored; /* it never began */
    size_t len;

    if (!file_read(pidfile, 32, &text, &len, &ignored))
        return;
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    if (pid > 1)
        kill_tree(pid, TREE_DEPTH);
}

/* Reads until the command has ended (its children may hold the pipe), or the time is over. */
static bool collect(int out, int pidfd, int cancel_fd, uint64_t due_ms, struct strbuf *output)
{
    char data[4096];
    bool ended = false, open = true;

    while (!ended) {
        uint64_t now = clock_boot_ms();
        struct pollfd fds[3] = {{.fd = pidfd, .events = POLLIN},
                                {.fd = open ? out : -1, .events = POLLIN},
                                {.fd = cancel_fd, .events = POLLIN}};

        if (now >= due_ms || poll(fds, 3, (int)(due_ms - now)) == 0 || fds[2].revents != 0)
            return false;
        ended = fds[0].revents != 0;
        if (fds[1].revents == 0)
            continue;
        ssize_t got = read(out, data, sizeof(data));
        open = got > 0;
        if (got > 0)
            strbuf_add_bytes(output, data, (size_t)got);
    }
    for (ssize_t got; open && (got = read(out, data, sizeof(data))) > 0;)
        strbuf_add_bytes(output, data, (size_t)got);
    return true;
}

static int reap(const struct spawn *spawn)
{
    siginfo_t info = {0};

    while (waitid(P_PIDFD, (id_t)spawn->pidfd, &info, WEXITED) != 0 && errno == EINTR)
        ;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static bool run(const char *const *argv, const char *pidfile, uint64_t due_ms, int cancel_fd, struct exec_result *result,
                struct error *err)
{
    AUTO_STRBUF struct strbuf output;
    int out[2];

    if (pipe2(out, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    struct spawn spawn = {.argv = argv, .env = spawn_plain_env, .extra_fd = -1, .cgroup_fd = -1, .out_fd = out[1],
                          .err_to_out = true};
    bool good = spawn_start(&spawn, err);
    close(out[1]);
    strbuf_init(&output, OUTPUT_BYTES);
    if (good) {
        fcntl(out[0], F_SETFL, O_NONBLOCK);
        result->timed_out = !collect(out[0], spawn.pidfd, cancel_fd, due_ms, &output);
        if (result->timed_out) {
            kill_command(pidfile);
            pidfd_send_signal(spawn.pidfd, SIGKILL, NULL, 0);
        }
        result->exit_code = reap(&spawn);
        result->output = strbuf_steal(&output);
    }
    close(out[0]);
    spawn_close(&spawn);
    return good;
}

bool exec_capture(const struct crun *crun, const char *id, const struct json *command, int64_t timeout_ms, int cancel_fd,
                  struct exec_result *result, struct error *err)
{
    static unsigned serial;
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    unsigned number = __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
    AUTO_FREE char *process = mem_printf("%s/exec-%u.json", bundle, number);
    AUTO_FREE char *pidfile = mem_printf("%s/exec-%u.pid", bundle, number);
    AUTO_FREE char *root = mem_printf("--root=%s/crun", crun->run_dir);
    AUTO_FREE char *pid_option = mem_printf("--pid-file=%s", pidfile);
    AUTO_FREE char *process_option = mem_printf("--process=%s", process);
    const char *const argv[] = {crun->crun_path, root, crun_manager(crun), "exec", pid_option, process_option,
                                id, NULL};
    uint64_t due_ms = clock_boot_ms() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 1000);

    *result = (struct exec_result){0};
    if (json_size(command) == 0)
        return error_set(err, ERROR_INVALID, "exec needs a command");
    bool good = write_process(crun, id, command, process, err) && run(argv, pidfile, due_ms, cancel_fd, result, err);
    unlink(process);
    unlink(pidfile);
    return good;
}
