/* A command in a container of this device, with streams of this process, through davitd's control socket. */
#ifndef CLI_EXEC_CLIENT_H
#define CLI_EXEC_CLIENT_H

#include <signal.h>

#include "cli/options.h"

struct exec_client {
    const struct options *options; /* control, ns, container */
    const char *pod;               /* as typed: web, pods/web, deploy/web */
    const char *const *command;
    size_t word_count;
    int in, out, err; /* -1: nothing. A pipe goes to the container as it is; of everything else only the bytes do */
    bool tty;         /* in and out are this process's terminal, which is raw meanwhile; err is not used */
    bool quiet;       /* do not say which container was chosen */
    const volatile sig_atomic_t *cancelled; /* set by a signal's handler: it is ended. NULL: signals end this process */
};

/* Runs it to its end; *exit_code is the command's. False: it did not begin, or its end is not known. */
MUST_CHECK bool exec_client_run(const struct exec_client *client, int *exit_code, struct error *err);

#endif
