/* davit vnc: a port of this machine that leads to the screen of a virtual machine, for one viewer at a time. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/exec_client.h"
#include "cli/remote.h"
#include "cli/verbs.h"
#include "cli/vm_word.h"

static bool read_port(const char *text, uint16_t *port, struct error *err)
{
    char *end = NULL;
    *port = 0;
    if (text == NULL)
        return true;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || number > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "--port=%s is no port", text);
    *port = (uint16_t)number;
    return true;
}

/* On the loopback alone: whoever connects has the screen, without a password. *port is which it became. */
static bool listen_on(uint16_t *port, int *fd, struct error *err)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(address);
    const int yes = 1;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return error_set_errno(err, errno, "cannot make a socket");
    (void)setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(*fd, (struct sockaddr *)&address, len) != 0 || listen(*fd, 1) != 0 ||
        getsockname(*fd, (struct sockaddr *)&address, &len) != 0)
        return error_set_errno(err, errno, "cannot listen on 127.0.0.1:%u", (unsigned)*port);
    *port = ntohs(address.sin_port);
    return true;
}

/* One after the other, until the machine ends, or something is wrong. */
static enum exit_code serve_viewers(const struct options *options, const char *object, int listener, struct error *err)
{
    for (;;) {
        int exit_code = EXIT_CODE_FAILED;
        bool left = false;
        AUTO_CLOSE int viewer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (viewer < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (viewer < 0)
            return error_set_errno(err, errno, "cannot take a viewer") ? EXIT_CODE_OK : EXIT_CODE_FAILED;
        struct exec_client client = { .options = options, .pod = object, .console = "vnc", .in = viewer, .out = viewer,
                                      .err = -1, .ends_with_input = true, .quiet = true, .left = &left };
        if (!exec_client_run(&client, &exit_code, err))
            return exit_code_of(err);
        if (!left)
            return (enum exit_code)exit_code;
    }
}

enum exit_code verb_vnc(const struct options *options, struct error *err)
{
    AUTO_CLOSE int listener = -1;
    uint16_t port;
    size_t at = 0;
    char *read = NULL;
    if (!read_port(options->port, &port, err) || !vm_word_read(options, &at, &read, err))
        return EXIT_CODE_USAGE;
    AUTO_FREE char *object = read;
    if (at != options->word_count)
        return usage_error(err, "vnc takes one virtual machine");
    /* Now, and not when a viewer comes: whether there is such a machine. */
    AUTO_JSON struct json *args = json_new_texts("object", object, "namespace", options->ns, NULL);
    AUTO_JSON struct json *answer = remote_ask(options, "describe", args, err);
    if (answer == NULL || !listen_on(&port, &listener, err))
        return exit_code_of(err);
    AUTO_FREE char *title = vm_word_title(object);
    printf("The screen of %s is at 127.0.0.1:%u, for one viewer at a time: vncviewer 127.0.0.1::%u\nCtrl-C ends it.\n", title,
           (unsigned)port, (unsigned)port);
    (void)fflush(stdout);
    return serve_viewers(options, object, listener, err);
}
