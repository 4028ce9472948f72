/* One sendmsg or recvmsg on a stream unix socket, with descriptors beside the bytes. */
#ifndef WIRE_SOCKET_H
#define WIRE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "davit/limits.h"

/* Never SIGPIPE; errno as sendmsg sets it. */
ssize_t socket_send(int fd, const struct iovec *parts, size_t part_count, const int *fds, size_t fd_count);
/* Descriptors come close-on-exec. More than LIMIT_FRAME_FDS, or a full descriptor table: -1, E2BIG. 0: EOF. */
ssize_t socket_receive(int fd, void *buffer, size_t size, int fds[LIMIT_FRAME_FDS], size_t *fd_count);
/* Waits until the socket can be read (or written). False: errno. */
bool socket_wait(int fd, bool writing);

#endif
