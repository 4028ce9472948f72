#include "config.h"

#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"

#define SIZE_MOST 32767 /* columns and rows */

/* Bound by its folder's descriptor: its whole path may be longer than a socket's can be. */
int console_listen(const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = strrchr(path, '/') + 1;
    AUTO_FREE char *folder_path = mem_strndup(path, (size_t)(name - path));
    AUTO_CLOSE int folder = open(folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int len = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", folder, name);

    if (folder < 0 || fd < 0 || len >= (int)sizeof(address.sun_path) ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1) != 0) {
        error_set_errno(err, errno, "cannot make the socket %s for a terminal", path);
        return -1;
    }
    return fd_steal(&fd);
}

int console_take_master(int listen_fd)
{
    AUTO_CLOSE int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    char byte[256];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = byte, .iov_len = sizeof(byte)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    int master = -1;

    if (fd < 0 || recvmsg(fd, &message, MSG_CMSG_CLOEXEC) < 0)
        return -1;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&master, CMSG_DATA(header), sizeof(master));
    if (master >= 0)
        fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    return master;
}

void console_resize(int master, int64_t columns, int64_t rows)
{
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};

    if (master >= 0 && columns > 0 && rows > 0)
        ioctl(master, TIOCSWINSZ, &size);
}

bool console_read_resize(const char *line, int64_t *columns, int64_t *rows)
{
    long width, height;
    int len = 0;

    if (sscanf(line, "resize %ld %ld%n", &width, &height, &len) != 2 || line[len] != '\0' || width < 1 ||
        height < 1 || width > SIZE_MOST || height > SIZE_MOST)
        return false;
    *columns = width;
    *rows = height;
    return true;
}

void console_flow_waits(const struct console_flow *flow, int *from, int *to)
{
    bool full = flow->used < flow->len;

    *from = full ? -1 : flow->from;
    *to = full ? flow->to : -1;
}

/* False: it must be waited for. */
static bool take(struct console_flow *flow)
{
    ssize_t got = read(flow->from, flow->data, sizeof(flow->data));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) /* of a master: EIO, nobody has the terminal open any more */
        flow->from = -1;
    flow->used = 0;
    flow->len = got > 0 ? (size_t)got : 0;
    return got > 0;
}

static bool give(struct console_flow *flow)
{
    ssize_t put = flow->to < 0 ? (ssize_t)(flow->len - flow->used)
                               : write(flow->to, flow->data + flow->used, flow->len - flow->used);

    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (put < 0) {
        flow->broken = true;
        flow->to = -1;
    }
    flow->used += put > 0 ? (size_t)put : 0;
    return true;
}

void console_flow_move(struct console_flow *flow)
{
    bool moved = true;

    while (moved && flow->used < flow->len)
        moved = give(flow);
    /* Once a turn: one that writes without an end must not keep others from being looked at. */
    if (!moved || flow->from < 0 || !take(flow))
        return;
    while (moved && flow->used < flow->len)
        moved = give(flow);
}
