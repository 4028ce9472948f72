#include "config.h"

#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/spawn.h"
#include "base/strbuf.h"
#include "exec_files.h"
#include "tree.h"

#define PIPE_BYTES (64 * 1024) /* what a pipe can hold: the rest came behind the end */
#define OUTPUT_BYTES 10240 /* Kubernetes: of a probe's output */

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
    size_t left = PIPE_BYTES;
    for (ssize_t got; open && left > 0 && (got = read(out, data, sizeof(data))) > 0; left -= (size_t)got < left ? (size_t)got : left)
        strbuf_add_bytes(output, data, (size_t)got);
    return true;
}

static bool run(const char *const *argv, uint64_t due_ms, int cancel_fd, struct exec_result *result, struct error *err)
{
    AUTO_STRBUF struct strbuf output;
    int out[2];

    strbuf_init(&output, OUTPUT_BYTES);
    if (pipe2(out, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    struct spawn spawn = {.argv = argv, .env = spawn_plain_env, .extra_fd = -1, .cgroup_fd = -1, .out_fd = out[1],
                          .err_to_out = true};
    bool good = spawn_start(&spawn, err);
    close(out[1]);
    if (good) {
        fcntl(out[0], F_SETFL, O_NONBLOCK);
        result->timed_out = !collect(out[0], spawn.pidfd, cancel_fd, due_ms, &output);
        if (result->timed_out)
            tree_kill(spawn.pid);
        result->exit_code = spawn_reap(&spawn);
        result->output = strbuf_steal(&output);
    }
    close(out[0]);
    spawn_close(&spawn);
    return good;
}

bool exec_capture(const struct crun *crun, const char *id, const struct json *command, int64_t timeout_ms, int cancel_fd,
                  struct exec_result *result, struct error *err)
{
    struct exec_files files;
    uint64_t due_ms = clock_boot_ms() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 1000);
    bool good = exec_files_make(crun, id, "exec", command, NULL, &files, err);

    *result = (struct exec_result){0};
    good = good && run(files.argv, due_ms, cancel_fd, result, err);
    exec_files_remove(&files);
    return good;
}
