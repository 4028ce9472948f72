/* The davit-link of this command: started, given its credentials, ended. */
#ifndef CLI_LINK_H
#define CLI_LINK_H

#include <sys/types.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"

struct link {
    int fd;    /* frames; -1 when not started */
    pid_t pid; /* 0 when not started */
    int log_fd; /* what it wrote to its stderr; -1 when not started */
};

/* Found in DAVIT_LIBEXEC, or where it was installed. */
MUST_CHECK bool link_start(struct link *link, struct error *err);
/* Sends `head` with the password, the certificates and the key as memfds: the link needs no right to the files. */
MUST_CHECK bool link_send_connect(const struct link *link, struct json *head, const struct options *options,
                                  struct error *err);
/* Closes the socket and waits until the link is gone. Its warnings and errors go to stderr now, unless what it had to
 * say came as a frame (`is_explained`): a person reads a reason once.
 */
void link_stop(struct link *link, bool is_explained);

#endif
