#include "config.h"

#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/flow.h"
#include "base/memory.h"

#define CONTROL_BYTES 64

static int connect_to(const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        error_set(err, ERROR_INVALID, "%s is too long for a socket", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        error_set_errno(err, errno, "QEMU does not listen at %s", path);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd_steal(&fd);
}

bool console_is_left(int control)
{
    char data[CONTROL_BYTES];
    ssize_t got = recv(control, data, sizeof(data), MSG_DONTWAIT);

    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

enum wait { WAIT_CONTROL, WAIT_CANCEL, WAIT_IN_FROM, WAIT_IN_TO, WAIT_OUT_FROM, WAIT_OUT_TO, WAITS };

static void copy(struct flow *in, struct flow *out, const struct console_ends *ends)
{
    struct pollfd fds[WAITS];

    /* The socket's own end is the guest's: what it still said is brought first. */
    while (!out->broken && (out->from >= 0 || out->used < out->len)) {
        int in_from, in_to, out_from, out_to;

        flow_waits(in, &in_from, &in_to);
        flow_waits(out, &out_from, &out_to);
        const int all[WAITS] = {ends->control, ends->cancel_fd, in_from, in_to, out_from, out_to};
        for (int i = 0; i < WAITS; i++)
            fds[i] = (struct pollfd){.fd = all[i], .events = i == WAIT_IN_TO || i == WAIT_OUT_TO ? POLLOUT : POLLIN};
        if (poll(fds, WAITS, -1) <= 0)
            continue;
        if ((fds[WAIT_CONTROL].revents != 0 && console_is_left(ends->control)) || fds[WAIT_CANCEL].revents != 0)
            return;
        if (fds[WAIT_IN_FROM].revents != 0 || fds[WAIT_IN_TO].revents != 0)
            flow_move(in);
        if (fds[WAIT_OUT_FROM].revents != 0 || fds[WAIT_OUT_TO].revents != 0)
            flow_move(out);
    }
}

bool console_join(const char *socket_path, const struct console_ends *ends, struct error *err)
{
    AUTO_CLOSE int fd = connect_to(socket_path, err);
    AUTO_FREE struct flow *in = mem_alloc(sizeof(*in)); /* too large for a thread's stack here */
    AUTO_FREE struct flow *out = mem_alloc(sizeof(*out));

    if (fd < 0)
        return false;
    *in = (struct flow){.from = ends->in, .to = fd};
    *out = (struct flow){.from = fd, .to = ends->out};
    if (ends->in >= 0)
        fcntl(ends->in, F_SETFL, fcntl(ends->in, F_GETFL) | O_NONBLOCK);
    if (ends->out >= 0)
        fcntl(ends->out, F_SETFL, fcntl(ends->out, F_GETFL) | O_NONBLOCK);
    copy(in, out, ends);
    return true;
}
