#include "config.h"

#include "wire/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(LIMIT_FRAME_FDS * sizeof(int))];
};

ssize_t socket_send(int fd, const struct iovec *parts, size_t part_count, const int *fds, size_t fd_count)
{
    union control control;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = part_count};

    if (fd_count > 0) {
        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* Everything that came is kept, so that it can be closed. */
static void fds_collect(struct msghdr *message, int *fds, size_t *fd_count)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int got;
            memcpy(&got, CMSG_DATA(header) + i * sizeof(int), sizeof(got));
            if (*fd_count < LIMIT_FRAME_FDS)
                fds[(*fd_count)++] = got;
            else
                close(got);
        }
    }
}

ssize_t socket_receive(int fd, void *buffer, size_t size, int fds[LIMIT_FRAME_FDS], size_t *fd_count)
{
    union control control;
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

    *fd_count = 0;
    if (got < 0)
        return got;
    fds_collect(&message, fds, fd_count);
    if ((message.msg_flags & MSG_CTRUNC) == 0)
        return got;
    while (*fd_count > 0)
        close(fds[--*fd_count]);
    errno = E2BIG;
    return -1;
}

bool socket_wait(int fd, bool writing)
{
    struct pollfd wait = {.fd = fd, .events = writing ? POLLOUT : POLLIN};

    while (poll(&wait, 1, -1) < 0) {
        if (errno != EINTR)
            return false;
    }
    return true;
}
