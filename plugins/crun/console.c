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
