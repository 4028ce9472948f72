#include "probe/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

#define BUFFER_BYTES (16 * 1024)
#define STACK_BYTES (128 * 1024)
#define PORT_MAX 65535
#define TIMEOUT_MAX_MS 120000

/* One direction. */
struct flow {
    int from, to;
    bool closed; /* nothing comes any more */
    size_t at, len;
    char data[BUFFER_BYTES];
};

struct forward {
    int64_t id;
    char host[INET6_ADDRSTRLEN];
    uint16_t port;
    int timeout_ms;
    int in, out, control, socket; /* -1: none */
    struct flow there, back;
    forward_done done;
};

static atomic_int under_way;

static void forward_free(struct forward *forward)
{
    int *const fds[] = { &forward->in, &forward->out, &forward->control, &forward->socket };
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        fd_close_at(fds[i]);
    free(forward);
    atomic_fetch_sub(&under_way, 1);
}

static void end(struct forward *forward, const char *reason, const char *message)
{
    int64_t id = forward->id;
    forward_done done = forward->done;
    forward_free(forward); /* the pipes are closed before it is told */
    done(id, reason, message);
}

static socklen_t address_of(const struct forward *forward, struct sockaddr_storage *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, forward->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(forward->port);
        return sizeof(*v4);
    }
    if (inet_pton(AF_INET6, forward->host, &v6->sin6_addr) != 1)
        return 0;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(forward->port);
    return sizeof(*v6);
}

/* 0, or why not. ECANCELED: whoever wanted it has gone. */
static int wait_connected(const struct forward *forward)
{
    uint64_t until_ms = clock_boot_ms() + (uint64_t)forward->timeout_ms;
    struct pollfd fds[] = { { .fd = forward->socket, .events = POLLOUT }, { .fd = forward->control, .events = POLLIN } };
    for (uint64_t now = clock_boot_ms(); now < until_ms; now = clock_boot_ms()) {
        if (poll(fds, 2, (int)(until_ms - now)) < 0 && errno != EINTR)
            return errno;
        if (fds[1].revents != 0)
            return ECANCELED;
        if (fds[0].revents == 0)
            continue;
        int problem = 0;
        socklen_t len = sizeof(problem);
        return getsockopt(forward->socket, SOL_SOCKET, SO_ERROR, &problem, &len) == 0 ? problem : errno;
    }
    return ETIMEDOUT;
}

static int connect_to(struct forward *forward)
{
    struct sockaddr_storage address;
    socklen_t len = address_of(forward, &address);
    int at_once = 1;
    forward->socket = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (forward->socket < 0)
        return errno;
    (void)setsockopt(forward->socket, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once)); /* slower without, and no more */
    if (connect(forward->socket, (struct sockaddr *)&address, len) == 0)
        return 0;
    return errno == EINPROGRESS ? wait_connected(forward) : errno;
}

/* ---- bytes */

/* False: the connection is broken. */
static bool fill(struct flow *flow)
{
    ssize_t got = read(flow->from, flow->data, sizeof(flow->data));
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    flow->closed = got == 0;
    flow->at = 0;
    flow->len = (size_t)got;
    return true;
}

static bool drain(struct flow *flow)
{
    ssize_t put = write(flow->to, flow->data + flow->at, flow->len);
    if (put < 0)
        return errno == EAGAIN || errno == EINTR;
    flow->at += (size_t)put;
    flow->len -= (size_t)put;
    return true;
}

static void watch(const struct flow *flow, struct pollfd *from, struct pollfd *to)
{
    *from = (struct pollfd){ .fd = !flow->closed && flow->len == 0 ? flow->from : -1, .events = POLLIN };
    *to = (struct pollfd){ .fd = flow->len > 0 ? flow->to : -1, .events = POLLOUT };
}

static bool move(struct flow *flow, const struct pollfd *from, const struct pollfd *to)
{
    return (from->revents == 0 || fill(flow)) && (to->revents == 0 || drain(flow));
}

/* Until the workload has said all that it says, or whoever wanted it has gone. */
static void pump(struct forward *forward)
{
    struct pollfd fds[5];
    bool said_end = false;
    forward->there.from = forward->in;
    forward->there.to = forward->back.from = forward->socket;
    forward->there.closed = forward->in < 0;
    forward->back.to = forward->out;
    while (!forward->back.closed || forward->back.len > 0) {
        if (forward->there.closed && forward->there.len == 0 && !said_end) {
            said_end = true;
            (void)shutdown(forward->socket, SHUT_WR); /* broken already: then it is seen below */
        }
        watch(&forward->there, &fds[0], &fds[1]);
        watch(&forward->back, &fds[2], &fds[3]);
        fds[4] = (struct pollfd){ .fd = forward->control, .events = POLLIN };
        if (poll(fds, 5, -1) < 0 && errno != EINTR)
            return;
        if (fds[4].revents != 0 || !move(&forward->back, &fds[2], &fds[3]) || !move(&forward->there, &fds[0], &fds[1]))
            return;
    }
}

static void *run(void *arg)
{
    struct forward *forward = arg;
    char message[256];
    int problem = connect_to(forward);
    if (problem != 0) {
        snprintf(message, sizeof(message), "dial tcp %s:%d: %s", forward->host, forward->port,
                 problem == ETIMEDOUT ? "no answer in time" : strerror(problem));
        end(forward, "ConnectFailed", message);
        return NULL;
    }
    pump(forward);
    end(forward, NULL, NULL);
    return NULL;
}

/* ---- the beginning */

static void take_fds(struct frame *frame, struct forward *forward)
{
    const struct {
        const char *name;
        int *fd;
    } known[] = { { "stdin", &forward->in }, { "stdout", &forward->out }, { "control", &forward->control } };
    size_t at = 0;
    JSON_EACH(name, json_get(frame->head, "fds")) {
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (json_text(name) != NULL && strcmp(known[i].name, json_text(name)) == 0 && *known[i].fd < 0)
                *known[i].fd = frame_take_fd(frame, at);
        at++;
    }
    for (size_t i = 0; i < 2; i++)
        if (*known[i].fd >= 0)
            fcntl(*known[i].fd, F_SETFL, fcntl(*known[i].fd, F_GETFL) | O_NONBLOCK);
}

static bool start(struct forward *forward)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool started = pthread_create(&thread, &attributes, run, forward) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

bool forward_begin(struct frame *frame, forward_done done, struct error *err)
{
    struct sockaddr_storage address;
    const char *host = json_get_text(frame->head, "host");
    int64_t port = json_get_integer(frame->head, "port", 0), timeout_ms = json_get_integer(frame->head, "timeoutMs", 0);
    struct forward *forward = mem_alloc(sizeof(*forward));
    forward->id = json_get_integer(frame->head, "id", -1);
    forward->in = forward->out = forward->control = forward->socket = -1;
    forward->done = done;
    bool more = atomic_fetch_add(&under_way, 1) >= LIMIT_FORWARDS;
    snprintf(forward->host, sizeof(forward->host), "%s", host != NULL ? host : "");
    forward->port = (uint16_t)port;
    forward->timeout_ms = (int)timeout_ms;
    take_fds(frame, forward);
    if (forward->id < 0 || port < 1 || port > PORT_MAX || timeout_ms < 1 || timeout_ms > TIMEOUT_MAX_MS ||
        address_of(forward, &address) == 0 || forward->out < 0 || forward->control < 0) {
        forward_free(forward);
        return error_set(err, ERROR_INVALID, "forward: a field or a descriptor is missing or wrong");
    }
    if (more || !start(forward))
        end(forward, "TooManyForwards", more ? "too many connections at a time: end one" : "no thread can be started for it");
    return true;
}
