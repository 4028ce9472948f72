#include "config.h"

#include "cli/exec_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/choice.h"
#include "cli/control.h"
#include "cli/exec_remote.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "wire/frame.h"

#define PIPE_BYTES (64 * 1024) /* what a pipe holds, unless somebody makes it larger */
#define ESCAPE 0x1d /* Ctrl-], as virsh and telnet have it */
#define STREAMS 3 /* stdin, stdout, stderr, by these numbers */

/* Bytes between a stream of this process and a pipe of the command's. */
struct flow {
    int from, to;     /* -1: it is over, or there is none */
    int pipe;         /* the one of the two that is the pipe's end, ours to close */
    size_t used, len;
    char data[16384];
};

struct session {
    const struct exec_client *client;
    int control;      /* of the command: sizes go in, and its closing ends it */
    int socket;       /* to davitd */
    struct frame_reader *reader;
    struct flow flows[STREAMS];
    sigset_t waiting, before;
    struct json *result;
    bool begun;
    bool over; /* on this side */
};

static bool is_pipe(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode);
}

/* The container gets a pipe and nothing else: from a terminal it could read what is typed later, and a file is a way
 * into the device's disk. *give is what goes to davitd, *ours whether it is to be closed here then.
 */
static bool prepare_stream(struct session *session, int index, int fd, int *give, bool *ours, struct error *err)
{
    struct flow *flow = &session->flows[index];
    int ends[2];
    *give = fd;
    *ours = false;
    if (fd < 0 || (!session->client->tty && is_pipe(fd)))
        return true;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    bool is_input = index == STDIN_FILENO;
    *give = ends[is_input ? 0 : 1];
    *ours = true;
    flow->pipe = ends[is_input ? 1 : 0];
    flow->from = is_input ? fd : flow->pipe;
    flow->to = is_input ? flow->pipe : fd;
    (void)fcntl(flow->pipe, F_SETFL, O_NONBLOCK);
    return true;
}

static struct json *request_new(const struct exec_client *client)
{
    int columns, rows;
    struct json *request = json_new_texts("op", "exec", "namespace", client->options->ns, "pod", client->pod, NULL);
    json_set_text(request, "container", client->options->container);
    if (client->console != NULL) {
        json_set_text(request, "console", client->console);
        return request;
    }
    if (client->port > 0) {
        json_set_text(request, "op", "port-forward");
        json_set_text(request, "object", client->pod);
        json_set_integer(request, "port", client->port);
        return request;
    }
    struct json *command = json_set_array(request, "command");
    for (size_t i = 0; i < client->word_count; i++)
        json_add_text(command, client->command[i]);
    json_set_boolean(request, "stdin", client->in >= 0);
    json_set_boolean(request, "tty", client->tty);
    if (client->tty && terminal_size(client->out, client->in, &columns, &rows)) {
        json_set_integer(request, "columns", columns);
        json_set_integer(request, "rows", rows);
    }
    return request;
}

/* Sends the request with its descriptors. */
static bool begin(struct session *session, struct error *err)
{
    static const char *const names[] = {"stdin", "stdout", "stderr", "control"};
    const struct exec_client *client = session->client;
    const int wanted[STREAMS] = {client->in, client->out, client->tty ? -1 : client->err};
    AUTO_JSON struct json *request = request_new(client);
    struct json *list = json_set_array(request, "fds");
    int fds[STREAMS + 1], give, control[2];
    bool ours[STREAMS + 1], good = true;
    size_t count = 0;
    for (int i = 0; good && i < STREAMS; i++) {
        good = prepare_stream(session, i, wanted[i], &give, &ours[count], err);
        if (!good || give < 0)
            continue;
        json_add_text(list, names[i]);
        fds[count++] = give;
    }
    if (good && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) == 0) {
        session->control = control[0];
        json_add_text(list, names[STREAMS]);
        ours[count] = true;
        fds[count++] = control[1];
    } else if (good) {
        good = error_set_errno(err, errno, "cannot make a socketpair");
    }
    good = good && frame_send(session->socket, request, NULL, 0, fds, count, err);
    for (size_t i = 0; i < count; i++)
        if (ours[i])
            (void)close(fds[i]);
    return good;
}

static bool take_frame(struct session *session, struct frame *frame, struct error *err)
{
    const char *op = json_get_text(frame->head, "op");
    if (op != NULL && strcmp(op, "result") == 0) {
        session->result = json_copy(frame->head);
        return true;
    }
    if (op == NULL || strcmp(op, "begun") != 0 || session->begun)
        return true;
    session->begun = true;
    if (!session->client->quiet)
        choice_tell(session->client->options, frame->head);
    if (session->client->greeting != NULL)
        (void)fputs(session->client->greeting, stderr);
    return !session->client->tty || terminal_make_raw(session->client->in, err);
}

static bool hear(struct session *session, struct error *err)
{
    char data[4096];
    struct frame frame;
    ssize_t got = recv(session->socket, data, sizeof(data), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got <= 0)
        return error_set(err, ERROR_UNAVAILABLE,
                         "davitd at %s ended while the command ran, and the command is ended with it: look at davitd's log",
                         session->client->options->control);
    if (!frame_reader_feed(session->reader, data, (size_t)got, NULL, 0, err))
        return false;
    while (session->result == NULL && frame_reader_next(session->reader, &frame, err)) {
        bool good = take_frame(session, &frame, err);
        frame_free(&frame);
        if (!good)
            return false;
    }
    return err->code == ERROR_NONE || session->result != NULL;
}

static void flow_end(struct flow *flow)
{
    fd_close_at(&flow->pipe);
    flow->from = flow->to = flow->pipe = -1;
    flow->used = flow->len = 0;
}

/* False: nothing is there, or it is over. */
static bool flow_take(struct flow *flow)
{
    ssize_t got = read(flow->from, flow->data, sizeof(flow->data));
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        flow_end(flow); /* its closed pipe tells the command that nothing more comes */
        return false;
    }
    flow->used = 0;
    flow->len = (size_t)got;
    return true;
}

static void flow_give(struct flow *flow)
{
    ssize_t put = write(flow->to, flow->data + flow->used, flow->len - flow->used);
    if (put < 0 && errno != EAGAIN && errno != EINTR)
        flow_end(flow); /* nobody reads any more; a writer hears of it by its closed pipe */
    else if (put > 0)
        flow->used += (size_t)put;
}

static bool flow_is_full(const struct flow *flow)
{
    return flow->used < flow->len;
}

bool exec_client_cut(const struct exec_client *client, const char *data, size_t *len)
{
    const char *escape = client->greeting != NULL && client->tty ? memchr(data, ESCAPE, *len) : NULL;
    *len = escape != NULL ? (size_t)(escape - data) : *len;
    return escape != NULL;
}

void exec_client_leave(const struct exec_client *client, int *exit_code)
{
    *exit_code = EXIT_CODE_OK;
    if (client->tty)
        (void)fputc('\n', stderr); /* the cursor is wherever the guest left it */
    if (client->left != NULL)
        *client->left = true;
}

static void move(struct session *session, int index)
{
    struct flow *flow = &session->flows[index];
    const struct exec_client *client = session->client;
    bool is_input = index == STDIN_FILENO, ours_ended = false;
    if (!flow_is_full(flow) && flow_take(flow) && is_input)
        session->over = exec_client_cut(client, flow->data, &flow->len);
    else if (is_input)
        ours_ended = flow->from < 0;
    if (flow_is_full(flow)) {
        flow_give(flow);
        ours_ended = ours_ended || (!is_input && flow->to < 0);
    }
    session->over = session->over || (client->ends_with_input && ours_ended);
}

static void tell_size(const struct session *session)
{
    int columns, rows;
    if (!terminal_size_changed() || !terminal_size(session->client->out, session->client->in, &columns, &rows))
        return;
    AUTO_FREE char *line = mem_printf("resize %d %d\n", columns, rows);
    (void)send(session->control, line, strlen(line), MSG_NOSIGNAL);
}

/* One turn: what came is moved. False: davitd went, or broke the format. */
static bool turn(struct session *session, struct error *err)
{
    struct pollfd fds[1 + STREAMS] = {{.fd = session->socket, .events = POLLIN}};
    for (int i = 0; i < STREAMS; i++) {
        const struct flow *flow = &session->flows[i];
        /* What is refused has read nothing; and who is greeted is greeted first. */
        bool may = session->begun || (i != STDIN_FILENO && session->client->greeting == NULL);
        fds[1 + i].fd = !may ? -1 : flow_is_full(flow) ? flow->to : flow->from;
        fds[1 + i].events = flow_is_full(flow) ? POLLOUT : POLLIN;
    }
    if (ppoll(fds, 1 + STREAMS, NULL, &session->waiting) < 0)
        return true; /* SIGWINCH */
    for (int i = 0; i < STREAMS; i++) {
        if (fds[1 + i].revents != 0)
            move(session, i);
    }
    return fds[0].revents == 0 || hear(session, err);
}

/* What the command wrote before its end is in the pipes; whoever else still has them, and writes on, is not waited for. */
static void drain(struct session *session)
{
    for (int i = STDOUT_FILENO; i < STREAMS; i++) {
        struct flow *flow = &session->flows[i];
        for (size_t left = PIPE_BYTES; flow->from >= 0 && (flow_is_full(flow) || (left > 0 && flow_take(flow)));) {
            size_t before = flow->used;
            flow_give(flow);
            size_t moved = flow->used > before ? flow->used - before : 0;
            left -= moved < left ? moved : left;
            if (flow_is_full(flow))
                (void)poll(&(struct pollfd){.fd = flow->to, .events = POLLOUT}, 1, -1);
        }
    }
}

static void session_end(struct session *session)
{
    terminal_restore();
    (void)sigprocmask(SIG_SETMASK, &session->before, NULL);
    for (int i = 0; i < STREAMS; i++)
        fd_close_at(&session->flows[i].pipe);
    fd_close_at(&session->control);
    fd_close_at(&session->socket);
    frame_reader_free(session->reader);
    json_free(session->result);
    free(session);
}

static bool converse(struct session *session, int *exit_code, struct error *err)
{
    if (!control_connect(session->client->options->control, &session->socket, err) || !begin(session, err))
        return false;
    while (session->result == NULL && !session->over) {
        const volatile sig_atomic_t *cancelled = session->client->cancelled;
        if (cancelled != NULL && *cancelled != 0)
            return error_set(err, ERROR_INTERNAL, "interrupted");
        tell_size(session);
        if (!turn(session, err))
            break;
    }
    drain(session);
    terminal_restore(); /* before a word is said on it */
    if (session->over) {
        exec_client_leave(session->client, exit_code);
        return true;
    }
    if (session->result == NULL || !control_check_result(session->result, err))
        return false;
    *exit_code = (int)json_get_integer(session->result, "exitCode", EXIT_CODE_FAILED);
    return true;
}

bool exec_client_run(const struct exec_client *client, int *exit_code, struct error *err)
{
    if (remote_is_meant(client->options))
        return exec_remote_run(client, exit_code, err);
    struct session *session = mem_alloc(sizeof(*session));
    session->client = client;
    session->control = session->socket = -1;
    for (int i = 0; i < STREAMS; i++)
        session->flows[i].from = session->flows[i].to = session->flows[i].pipe = -1;
    session->reader = frame_reader_new();
    (void)signal(SIGPIPE, SIG_IGN); /* a pipe that is closed says that nobody reads */
    terminal_watch_size(client->cancelled != NULL, &session->waiting, &session->before);
    bool good = converse(session, exit_code, err);
    session_end(session);
    return good;
}
