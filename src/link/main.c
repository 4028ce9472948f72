/* davit-link: TLS and MQTT are parsed here, without privileges, away from davitd. See docs/wire.md. */
#include "config.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sandbox.h"
#include "link/options.h"
#include "link/session.h"
#include "link/up.h"
#include "wire/frame.h"

#define READ_BYTES (16 * 1024)
#define LARGE_BYTES (64 * 1024) /* allocations from here on go back to the kernel when freed */

struct link {
    struct link_options options;
    struct frame_reader *reader;
    struct up *up;
    struct session *session;
    bool parted; /* the parent has gone, or hears nothing any more */
};

static bool do_publish(struct link *link, struct frame *frame)
{
    int64_t id = json_get_integer(frame->head, "id", -1);
    int64_t qos = json_get_integer(frame->head, "qos", 0);
    const char *topic = json_get_text(frame->head, "topic");

    if (id < 0 || qos < 0 || qos > 1 || topic == NULL || topic[0] == '\0' || strpbrk(topic, "+#") != NULL)
        return false;
    struct publication *publication = mem_alloc(sizeof(*publication));
    publication->id = id;
    publication->topic = mem_strdup(topic);
    publication->payload = mem_steal(&frame->body);
    publication->payload_len = frame->body_len;
    publication->qos = (int)qos;
    publication->retain = json_get_boolean(frame->head, "retain", false);
    publication->expiry_s = json_get_integer(frame->head, "expiry", -1);
    const char *correlation = json_get_text(frame->head, "correlation");
    if (correlation != NULL && !base64_decode(correlation, strlen(correlation), &publication->correlation,
                                              &publication->correlation_len)) {
        publication_free(publication);
        return false;
    }
    session_publish(link->session, publication);
    return true;
}

static bool do_subscribe(struct link *link, struct frame *frame)
{
    struct subscription_change *change = subscription_change_read(frame->head);

    if (change != NULL)
        session_change(link->session, change);
    return change != NULL;
}

static bool do_taken(struct link *link, struct frame *frame)
{
    return up_taken(link->up, json_get_integer(frame->head, "seq", 0));
}

static bool do_disconnect(struct link *link, struct frame *frame)
{
    (void)frame;
    session_disconnect(link->session);
    return true;
}

static bool do_rival(struct link *link, struct frame *frame)
{
    (void)frame;
    session_rival(link->session);
    return true;
}

static const struct {
    const char *op;
    bool (*run)(struct link *link, struct frame *frame);
} ops[] = {
    {"publish", do_publish},
    {"subscribe", do_subscribe},
    {"taken", do_taken},
    {"disconnect", do_disconnect},
    {"rival", do_rival},
};

static bool frame_handle(struct link *link, struct frame *frame, struct error *err)
{
    const char *op = json_get_text(frame->head, "op");

    for (size_t i = 0; op != NULL && i < sizeof(ops) / sizeof(ops[0]); i++)
        if (strcmp(ops[i].op, op) == 0)
            return ops[i].run(link, frame) ||
                   error_set(err, ERROR_INVALID, "op \"%s\": a field is missing or wrong", op);
    return error_set(err, ERROR_INVALID, "op \"%.64s\" is unknown", op != NULL ? op : "");
}

static bool frames_handle(struct link *link, struct error *err)
{
    struct frame frame = {0};

    while (frame_reader_next(link->reader, &frame, err)) {
        bool ok = frame_handle(link, &frame, err);
        frame_free(&frame);
        if (!ok)
            return false;
        memset(&frame, 0, sizeof(frame));
    }
    return err->code == ERROR_NONE;
}

/* 1: read; 0: the parent is gone; -1: nonsense came. Who says goodbye and goes has what it asked before sent first. */
static int parent_read(struct link *link, struct error *err)
{
    char data[READ_BYTES];
    ssize_t got = recv(FRAME_CHILD_FD, data, sizeof(data), MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    if (got <= 0) {
        link->parted = true;
        return session_is_stopped(link->session) ? 1 : 0;
    }
    if (!frame_reader_feed(link->reader, data, (size_t)got, NULL, 0, err) || !frames_handle(link, err))
        return -1;
    return 1;
}

/* The parent hears no more: it has gone, or all was said. */
static bool is_over(struct link *link)
{
    if (!link->parted && !up_flush(link->up))
        return true;
    return session_is_over(link->session) && (link->parted || up_is_empty(link->up));
}

static int link_loop(struct link *link)
{
    struct error err = {0};
    bool rested = false;

    if (!frames_handle(link, &err)) {
        log_error("the parent sent nonsense: %s", err.message);
        return 1;
    }
    for (;;) {
        short events = (short)(POLLIN | (up_is_empty(link->up) ? 0 : POLLOUT));
        struct pollfd fds[] = {{.fd = link->parted ? -1 : FRAME_CHILD_FD, .events = events},
                               {.fd = up_wake_fd(link->up), .events = POLLIN}};
        eventfd_t count;
        int state = 1;
        int ready = poll(fds, 2, rested ? -1 : MEM_REST_MS);

        if (ready < 0 && errno != EINTR)
            return 1;
        rested = ready == 0;
        if (rested)
            mem_rest();
        if (fds[1].revents != 0)
            (void)!eventfd_read(fds[1].fd, &count);
        if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
            state = parent_read(link, &err);
        if (state < 0)
            log_error("the parent sent nonsense: %s", err.message);
        if (state <= 0)
            return -state;
        if (is_over(link))
            return 0;
    }
}

/* The first frame is read as root, for its descriptors; nothing from the network is read before the privileges went. */
static bool link_start(struct link *link, struct error *err)
{
    const struct sandbox sandbox = {.user = "nobody", .calls = SANDBOX_CALLS_NETWORK};
    struct frame frame = {0};

    link->reader = frame_reader_new();
    if (!frame_receive(FRAME_CHILD_FD, link->reader, &frame, err))
        return error_wrap(err, "no first frame on descriptor %d (davitd and davit start this program)", FRAME_CHILD_FD);
    bool ok = link_options_parse(&frame, &link->options, err);
    frame_free(&frame);
    if (!ok || !sandbox_enter(&sandbox, err) || !link_options_check_files(&link->options, err))
        return false;
    link->up = up_new(FRAME_CHILD_FD);
    link->session = session_new(&link->options, link->up);
    return true;
}

int main(void)
{
    static struct link link;
    struct error err = {0};

    log_init("davit-link", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    /* Five threads in one small heap; large payloads lie outside of it and go when they are freed. */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
    if (!link_start(&link, &err)) {
        log_error("%s", err.message);
        _exit(1);
    }
    /* Not exit: Paho's threads still run, and would meet what the handlers of exit take down. */
    _exit(link_loop(&link));
}
