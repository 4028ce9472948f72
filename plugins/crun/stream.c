#include "config.h"

#include "stream.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/flow.h"
#include "base/memory.h"
#include "base/spawn.h"
#include "cgroup.h"
#include "console.h"
#include "proc.h"
#include "tree.h"

#define HANG_UP_MS 1000u
#define LAST_WORDS_MS 10000u        /* so long a reader may let them wait */
#define LAST_WORDS_BYTES (64 * 1024) /* what a terminal can hold */
#define LOG_BYTES 4096
#define LINE_BYTES 64
#define CGROUP_BYTES 4096

struct stream {
    const struct stream_request *request;
    struct spawn spawn;
    int listen_fd, master; /* of a terminal; -1: none, or not yet */
    int control;           /* -1: none, or closed */
    struct exec_terminal terminal;
    struct flow in, out;
    char line[LINE_BYTES];
    size_t line_len;
    uint64_t kill_due_ms;  /* boot; 0: it was not hung up */
    struct stream *next;
};

/* Those that run, for stream_end_all: no thread that holds it can hang. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stream *streams;

static void register_stream(struct stream *stream)
{
    pthread_mutex_lock(&lock);
    stream->next = streams;
    streams = stream;
    pthread_mutex_unlock(&lock);
}

/* Before it is reaped: until then its pid is nobody else's. */
static void forget_stream(struct stream *stream)
{
    pthread_mutex_lock(&lock);
    for (struct stream **at = &streams; *at != NULL; at = &(*at)->next) {
        if (*at == stream) {
            *at = stream->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

void stream_end_all(void)
{
    pthread_mutex_lock(&lock);
    for (const struct stream *stream = streams; stream != NULL; stream = stream->next)
        tree_kill(stream->spawn.pid);
    pthread_mutex_unlock(&lock);
}

/* As when a telephone is hung up: of a terminal the kernel tells whoever is in the foreground. */
static void hang_up(struct stream *stream)
{
    if (stream->kill_due_ms != 0)
        return;
    stream->kill_due_ms = clock_boot_ms() + HANG_UP_MS;
    stream->in.from = stream->out.from = stream->in.to = -1;
    fd_close_at(&stream->master);
    stream->master = -1;
    tree_signal_children(stream->spawn.pid, SIGHUP);
}

static void take_line(struct stream *stream)
{
    stream->line[stream->line_len] = '\0';
    stream->line_len = 0;
    if (console_read_resize(stream->line, &stream->terminal.columns, &stream->terminal.rows))
        console_resize(stream->master, stream->terminal.columns, stream->terminal.rows);
}

static void read_control(struct stream *stream)
{
    char data[LINE_BYTES];
    ssize_t got = recv(stream->control, data, sizeof(data), MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        stream->control = -1;
        hang_up(stream);
        return;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (data[i] == '\n')
            take_line(stream);
        else if (stream->line_len < LINE_BYTES - 1)
            stream->line[stream->line_len++] = data[i];
    }
}

static void take_master(struct stream *stream)
{
    int master = console_take_master(stream->listen_fd);

    if (master < 0 || stream->master >= 0 || stream->kill_due_ms != 0) {
        fd_close_at(&master);
        return;
    }
    stream->master = stream->in.to = stream->out.from = master;
    console_resize(master, stream->terminal.columns, stream->terminal.rows);
}

enum wait { WAIT_END, WAIT_CONTROL, WAIT_INIT, WAIT_CANCEL, WAIT_LISTEN, WAIT_IN_FROM, WAIT_IN_TO, WAIT_OUT_FROM, WAIT_OUT_TO, WAITS };

static void prepare_waits(const struct stream *stream, struct pollfd fds[WAITS])
{
    bool over = stream->kill_due_ms != 0;
    const int plain[] = {stream->spawn.pidfd, stream->control, over ? -1 : stream->request->init_pidfd,
                         over ? -1 : stream->request->cancel_fd, stream->listen_fd};

    for (int i = 0; i < WAITS; i++)
        fds[i] = (struct pollfd){.fd = i < WAIT_IN_FROM ? plain[i] : -1, .events = POLLIN};
    if (stream->master < 0)
        return;
    flow_waits(&stream->in, &fds[WAIT_IN_FROM].fd, &fds[WAIT_IN_TO].fd);
    flow_waits(&stream->out, &fds[WAIT_OUT_FROM].fd, &fds[WAIT_OUT_TO].fd);
    fds[WAIT_IN_TO].events = fds[WAIT_OUT_TO].events = POLLOUT;
    if (fds[WAIT_OUT_TO].fd < 0) { /* only whether it is still read */
        fds[WAIT_OUT_TO].fd = stream->out.to;
        fds[WAIT_OUT_TO].events = 0;
    }
}

static int wait_ms(const struct stream *stream, uint64_t now)
{
    if (stream->kill_due_ms == 0 || stream->kill_due_ms == UINT64_MAX)
        return -1;
    return stream->kill_due_ms > now ? (int)(stream->kill_due_ms - now) : 0;
}

static void move_bytes(struct stream *stream, const struct pollfd fds[WAITS])
{
    if (stream->master < 0)
        return;
    if (fds[WAIT_IN_FROM].revents != 0 || fds[WAIT_IN_TO].revents != 0)
        flow_move(&stream->in);
    if (fds[WAIT_OUT_FROM].revents != 0 || fds[WAIT_OUT_TO].revents != 0)
        flow_move(&stream->out);
    if (stream->out.broken || (fds[WAIT_OUT_TO].revents & (POLLERR | POLLHUP)) != 0)
        hang_up(stream); /* nobody looks at the terminal any more */
}

/* Until the command has ended. */
static void serve(struct stream *stream)
{
    struct pollfd fds[WAITS] = {0};

    while (fds[WAIT_END].revents == 0) {
        uint64_t now = clock_boot_ms();

        if (stream->kill_due_ms != 0 && stream->kill_due_ms <= now) {
            tree_kill(stream->spawn.pid);
            stream->kill_due_ms = UINT64_MAX;
        }
        prepare_waits(stream, fds);
        if (poll(fds, WAITS, wait_ms(stream, now)) <= 0)
            continue;
        if (fds[WAIT_CONTROL].revents != 0)
            read_control(stream);
        if (fds[WAIT_INIT].revents != 0 || fds[WAIT_CANCEL].revents != 0)
            hang_up(stream);
        if (fds[WAIT_LISTEN].revents != 0)
            take_master(stream);
        move_bytes(stream, fds);
    }
}

/* What the terminal still holds when its command has ended. */
static void tell_last_words(struct stream *stream)
{
    size_t left = LAST_WORDS_BYTES;
    struct pollfd fds[2] = {{.events = POLLOUT}, {.events = 0}};

    while (stream->master >= 0 && !stream->out.broken && left > 0) {
        flow_move(&stream->out);
        left -= stream->out.len < left ? stream->out.len : left;
        if (stream->out.used == stream->out.len) {
            if (stream->out.from < 0 || poll(&(struct pollfd){.fd = stream->out.from, .events = POLLIN}, 1, 0) <= 0)
                return;
            continue;
        }
        fds[0].fd = stream->out.to;
        fds[1].fd = stream->control;
        if (poll(fds, 2, LAST_WORDS_MS) <= 0 || fds[1].revents != 0)
            return;
    }
}

/* crun's own words, where the command did not begin. The caller frees; NULL: it did. */
static char *read_refusal(const struct exec_files *files)
{
    struct error ignored; /* it has written none */
    char *text = NULL;
    size_t len;

    if (access(files->pid_path, F_OK) == 0 || !file_read(files->log_path, LOG_BYTES, &text, &len, &ignored))
        return NULL;
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    if (len > 0)
        return text;
    free(text);
    return NULL;
}

/* A shell's numbers; crun has said it on the command's stderr too. 0: it is crun that failed. */
static int refusal_code(const char *refusal)
{
    static const struct {
        const char *words;
        int code;
    } known[] = {{"executable file `", 127}, {"open executable", 126}, {"exec: ", 126}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strncmp(refusal, known[i].words, strlen(known[i].words)) == 0)
            return known[i].code;
    }
    return 0;
}

static bool judge_end(const struct stream *stream, const struct exec_files *files, int *exit_code, struct error *err)
{
    AUTO_FREE char *refusal = stream->kill_due_ms == 0 && *exit_code != 0 ? read_refusal(files) : NULL;

    if (refusal == NULL)
        return true;
    *exit_code = refusal_code(refusal);
    return *exit_code != 0 || error_set(err, ERROR_INTERNAL, "%s", refusal);
}

static bool open_terminal(struct stream *stream, const struct exec_files *files, struct error *err)
{
    const struct stream_request *request = stream->request;

    if (!request->tty)
        return true;
    stream->in.from = request->in;
    stream->out.to = request->out;
    if (request->in >= 0)
        fcntl(request->in, F_SETFL, fcntl(request->in, F_GETFL) | O_NONBLOCK);
    if (request->out >= 0)
        fcntl(request->out, F_SETFL, fcntl(request->out, F_GETFL) | O_NONBLOCK);
    stream->listen_fd = console_listen(files->console_path, err);
    return stream->listen_fd >= 0;
}

/* A pid may be another's by now: only one in this container's cgroup is meant. */
static bool is_in_container(const struct crun *crun, const char *id, pid_t pid)
{
    AUTO_FREE char *cgroup = cgroup_of(crun, id);
    AUTO_FREE char *path = mem_printf("/proc/%d/cgroup", pid);
    AUTO_FREE char *text = NULL;
    struct error ignored; /* it has gone */
    size_t len;

    if (cgroup == NULL || !file_read(path, CGROUP_BYTES, &text, &len, &ignored))
        return false;
    const char *found = strstr(text, cgroup); /* "/web-1" stands in "/web-10" too */
    return found != NULL && strchr("/\n", found[strlen(cgroup)]) != NULL;
}

static void end_left(const struct crun *crun, const char *id, const char *pid_path)
{
    pid_t pid = process_read_pid(pid_path);

    if (pid > 1 && is_in_container(crun, id, pid))
        tree_kill(pid);
}

static bool run(const struct crun *crun, const char *id, struct stream *stream, const struct exec_files *files,
                int *exit_code, struct error *err)
{
    const struct stream_request *request = stream->request;
    const int stdio[] = {request->in, request->out, request->err};
    bool good;

    stream->spawn = (struct spawn){.argv = files->argv, .env = spawn_plain_env, .extra_fd = -1, .cgroup_fd = -1,
                                   .out_fd = -1, .stdio = request->tty ? NULL : stdio, .pidfd = -1, .said_fd = -1};
    good = open_terminal(stream, files, err) && spawn_start(&stream->spawn, err);
    if (good) {
        register_stream(stream);
        serve(stream);
        tell_last_words(stream);
        forget_stream(stream);
        *exit_code = spawn_reap(&stream->spawn);
        if (*exit_code > 128)
            end_left(crun, id, files->pid_path); /* it may be crun that was killed, and not the command */
        good = judge_end(stream, files, exit_code, err);
    }
    spawn_close(&stream->spawn);
    fd_close_at(&stream->listen_fd);
    fd_close_at(&stream->master);
    return good;
}

bool stream_run(const struct crun *crun, const char *id, const struct stream_request *request, int *exit_code,
                struct error *err)
{
    struct stream *stream = mem_alloc(sizeof(*stream)); /* too large for a thread's stack here */
    struct exec_files files;
    bool good = exec_files_make(crun, id, "stream", request->command, request->tty ? &request->terminal : NULL, &files, err);

    stream->request = request;
    stream->control = request->control;
    stream->terminal = request->terminal;
    stream->listen_fd = stream->master = -1;
    stream->in.from = stream->in.to = stream->out.from = stream->out.to = -1;
    good = good && run(crun, id, stream, &files, exit_code, err);
    exec_files_remove(&files);
    free(stream);
    return good;
}

/* ---- what a killed host left */

void stream_clear(const struct crun *crun, const char *id)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    DIR *folder = opendir(bundle);
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        AUTO_FREE char *path = mem_printf("%s/%s", bundle, entry->d_name);
        size_t len = strlen(entry->d_name);

        if (strncmp(entry->d_name, "stream-", 7) != 0)
            continue;
        if (strcmp(entry->d_name + len - 4, ".pid") == 0)
            end_left(crun, id, path);
        unlink(path);
    }
    if (folder != NULL)
        closedir(folder);
}
