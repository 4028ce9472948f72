/* A command in a container of this device, with streams of this process, through davitd's control socket. */
#ifndef CLI_EXEC_CLIENT_H
#define CLI_EXEC_CLIENT_H

#include <signal.h>

#include "cli/options.h"

struct exec_client {
    const struct options *options; /* control, ns, container */
    const char *pod;               /* as typed: web, pods/web, deploy/web */
    const char *console;           /* "serial", "vnc": of a virtual machine, and no command; NULL: a command */
    int64_t port;                  /* above 0: a connection to this port of it, and no command */
    const char *const *command;
    size_t word_count;
    int in, out, err; /* -1: nothing. A pipe goes to the container as it is; of everything else only the bytes do */
    bool tty;         /* in and out are this process's terminal, which is raw meanwhile; err is not used */
    bool quiet;       /* do not say which container was chosen */
    const char *greeting;  /* on stderr, when it has begun; then Ctrl-] of a terminal ends it. NULL: neither */
    bool ends_with_input;  /* it is over when nothing more comes, or goes out, here */
    bool *left;            /* set where it was over on this side, by one of these two; NULL: nobody asks */
    const volatile sig_atomic_t *cancelled; /* set by a signal's handler: it is ended. NULL: signals end this process */
};

/* What the escape leaves of `len` bytes that were typed. True: it was among them. */
bool exec_client_cut(const struct exec_client *client, const char *data, size_t *len);
/* It was over on this side. */
void exec_client_leave(const struct exec_client *client, int *exit_code);

/* Runs it to its end; *exit_code is the command's. False: it did not begin, or its end is not known. */
MUST_CHECK bool exec_client_run(const struct exec_client *client, int *exit_code, struct error *err);

#endif
