/* davit port-forward: local ports that lead to a workload. Each connection is a child with a stream of its own, so one that
 * hangs holds up no other.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/exec_client.h"
#include "cli/remote.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "davit/limits.h"

#define BACKLOG 64
#define BUSY_MS 20000 /* a connection waits so long for one of the node's streams */
#define AGAIN_NS 200000000L

struct forwarded {
    int listener; /* -1: not yet */
    uint16_t local, remote;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    interrupted = number;
}

static bool read_port(const char *text, size_t len, uint16_t least, uint16_t *port)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    *port = (uint16_t)number;
    return errno == 0 && len > 0 && end == text + len && text[0] >= '0' && text[0] <= '9' && number >= least && number <= UINT16_MAX;
}

/* "8080:80", "80" (the same on both sides), ":80" (one that is free). */
static bool read_pair(const char *word, struct forwarded *forwarded, struct error *err)
{
    const char *colon = strchr(word, ':'), *remote = colon != NULL ? colon + 1 : word;
    bool good = read_port(remote, strlen(remote), 1, &forwarded->remote);
    forwarded->local = forwarded->remote;
    if (colon == word)
        forwarded->local = 0;
    else if (colon != NULL)
        good = good && read_port(word, (size_t)(colon - word), 0, &forwarded->local);
    return good || error_set(err, ERROR_INVALID, "\"%.40s\" is no pair of ports, as 8080:80, 80 or :80", word);
}

static bool listen_at(const char *ip, struct forwarded *forwarded, struct error *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(forwarded->local)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(forwarded->local)};
    bool six = inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1;
    struct sockaddr *address = six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t len = six ? sizeof(v6) : sizeof(v4);
    const int yes = 1;
    if (!six && inet_pton(AF_INET, ip, &v4.sin_addr) != 1)
        return error_set(err, ERROR_INVALID, "--address %.60s is no address of this machine, as 127.0.0.1", ip);
    forwarded->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (forwarded->listener < 0)
        return error_set_errno(err, errno, "cannot make a socket");
    (void)setsockopt(forwarded->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(forwarded->listener, address, len) != 0 || listen(forwarded->listener, BACKLOG) != 0 ||
        getsockname(forwarded->listener, address, &len) != 0)
        return error_set_errno(err, errno, "cannot listen on %s:%u", ip, (unsigned)forwarded->local);
    forwarded->local = ntohs(six ? v6.sin6_port : v4.sin_port);
    return true;
}

/* Where the node has no place free a connection waits for one, as in a listener's queue: nothing of it was read yet. */
static bool run_when_free(struct exec_client *client, int *exit_code, struct error *err)
{
    uint64_t until_ms = clock_boot_ms() + BUSY_MS;
    while (!exec_client_run(client, exit_code, err)) {
        if (err->code != ERROR_LIMIT || clock_boot_ms() >= until_ms)
            return false;
        (void)nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL);
        *err = (struct error){0};
    }
    return true;
}

/* In the child. What its other side closed is an end of input, and the workload may still answer. */
static _Noreturn void serve_one(const struct options *options, const struct forwarded *forwarded, int fd, pid_t parent)
{
    int exit_code = EXIT_CODE_FAILED;
    struct error err = {0};
    struct exec_client client = {.options = options, .pod = options->words[0], .port = forwarded->remote, .in = fd, .out = fd,
                                 .err = -1, .quiet = true};
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_CODE_FAILED);
    if (!run_when_free(&client, &exit_code, &err)) {
        (void)fprintf(stderr, "davit: port %u: %s\n", (unsigned)forwarded->remote, text_clean(err.message));
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger)); /* a reset */
        exit_code = exit_code_of(&err);
    }
    _exit(exit_code);
}

static bool is_out_of_descriptors(int number)
{
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

static void take_connection(const struct options *options, const struct forwarded *forwarded, size_t *children)
{
    AUTO_CLOSE int fd = accept4(forwarded->listener, NULL, NULL, SOCK_CLOEXEC);
    pid_t parent = getpid();
    if (fd < 0 && is_out_of_descriptors(errno)) { /* the connection waits, and would be said to be there again at once */
        (void)fprintf(stderr, "davit: a connection waits: %s\n", strerror(errno));
        (void)nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    if (fd < 0)
        return; /* or it has gone again */
    if (*children >= LIMIT_FORWARD_CONNECTIONS) {
        (void)fprintf(stderr, "davit: a connection was refused: %zu are open\n", *children);
        return;
    }
    printf("Handling connection for %u\n", (unsigned)forwarded->local);
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        serve_one(options, forwarded, fd, parent);
    if (child < 0)
        (void)fprintf(stderr, "davit: a connection is closed, for no process can be made for it: %s\n", strerror(errno));
    *children += child > 0 ? 1 : 0;
}

static enum exit_code serve(const struct options *options, const struct forwarded *list, size_t count, struct error *err)
{
    AUTO_FREE struct pollfd *fds = mem_array(count, sizeof(*fds));
    const struct sigaction action = {.sa_handler = on_interrupt};
    size_t children = 0;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = list[i].listener, .events = POLLIN};
    while (interrupted == 0) {
        if (poll(fds, (nfds_t)count, 1000) < 0 && errno != EINTR)
            return error_set_errno(err, errno, "poll") ? EXIT_CODE_OK : EXIT_CODE_FAILED;
        while (children > 0 && waitpid(-1, NULL, WNOHANG) > 0)
            children--;
        for (size_t i = 0; interrupted == 0 && i < count; i++)
            if ((fds[i].revents & POLLIN) != 0)
                take_connection(options, &list[i], &children);
        for (size_t i = 0; i < count; i++)
            fds[i].revents = 0;
    }
    return EXIT_CODE_OK; /* children end with this process */
}

/* False: the node knows nothing of that name. One that cannot be asked now may be back for the first connection. */
static bool is_there(const struct options *options, struct error *err)
{
    struct error why = {0};
    AUTO_JSON struct json *args = json_new_texts("object", options->words[0], "namespace", options->ns, NULL);
    AUTO_JSON struct json *answer = remote_ask(options, "describe", args, &why);
    if (answer == NULL && why.code == ERROR_NOT_FOUND) {
        *err = why;
        return false;
    }
    if (answer == NULL)
        (void)fprintf(stderr, "davit: %s\n", text_clean(why.message));
    return true;
}

enum exit_code verb_port_forward(const struct options *options, struct error *err)
{
    size_t count = options->word_count > 0 ? options->word_count - 1 : 0;
    AUTO_FREE struct forwarded *list = mem_array(count + 1, sizeof(*list));
    if (count == 0)
        return usage_error(err, "port-forward what, and which port? As: davit port-forward hello 8080:80");
    for (size_t i = 0; i < count; i++)
        if (!read_pair(options->words[i + 1], &list[i], err))
            return EXIT_CODE_USAGE;
    if (!is_there(options, err))
        return exit_code_of(err);
    for (size_t i = 0; i < count; i++) {
        if (!listen_at(options->address, &list[i], err))
            return EXIT_CODE_FAILED; /* which ends the others */
        printf("Forwarding from %s:%u -> %u\n", options->address, (unsigned)list[i].local, (unsigned)list[i].remote);
    }
    (void)fflush(stdout);
    return serve(options, list, count, err);
}
