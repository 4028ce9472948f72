/* Plays the parent of davit-link for tests/flow/link.bats: starts it over a socketpair and runs a script, one
 * statement an argument. Every frame that comes up is printed. Ends with 0 when every statement held.
 *
 *   fd NAME FILE | password TEXT   a memfd for the next `connect`
 *   start                          starts the link
 *   connect JSON                   the first frame; `fds` is added
 *   send JSON [| BODY]             any frame
 *   raw TEXT                       bytes that are no frame
 *   expect [MS] JSON [| BODY]      waits for a frame that has these fields (others are passed over)
 *   never MS JSON                  fails when such a frame comes within so long
 *   taken                          acknowledges the message that was met last
 *   flood N WINDOW TOPIC           publishes N messages, at most WINDOW unanswered; prints the time and the longest gap
 *   fill N BYTES TOPIC             the same with retained messages of so many bytes, each on a topic of its own
 *   count N JSON                   waits for N frames that have these fields, quietly
 *   proc                           prints what /proc says of the link
 *   memory                         prints its smaps_rollup
 *   sh COMMAND                     runs a command
 *   kill | close                   SIGKILL to the link; the socket is closed
 *   exit CODE                      waits for the link's end (-9: killed)
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "wire/frame.h"

#define EXPECT_MS 10000
#define FILE_CAP_BYTES (1024 * 1024)

struct drive {
    const char *link;
    int fd;
    pid_t pid;
    struct frame_reader *reader;
    int64_t seq;
    int fds[LIMIT_FRAME_FDS];
    size_t fd_count;
    struct json *fd_names;
};

static bool fail(const char *what, const char *why)
{
    printf("FAILED %s: %s\n", what, why);
    return false;
}

static bool child_start(struct drive *drive)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return fail("start", strerror(errno));
    drive->pid = fork();
    if (drive->pid < 0)
        return fail("start", strerror(errno));
    if (drive->pid == 0) {
        int own = fcntl(pair[1], F_DUPFD, 10);
        dup2(own, FRAME_CHILD_FD);
        close_range(4, ~0U, 0);
        execl(drive->link, drive->link, (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    drive->fd = pair[0];
    frame_reader_free(drive->reader);
    drive->reader = frame_reader_new();
    return true;
}

static bool do_start(struct drive *drive, char *arg)
{
    (void)arg;
    return child_start(drive);
}

static bool fd_add(struct drive *drive, const char *name, const char *data, size_t len)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        return fail("memfd", strerror(errno));
    drive->fds[drive->fd_count++] = fd;
    if (drive->fd_names == NULL)
        drive->fd_names = json_new_array();
    json_add_text(drive->fd_names, name);
    return true;
}

static bool do_fd(struct drive *drive, char *arg)
{
    char *path = strchr(arg, ' ');
    AUTO_FREE char *data = NULL;
    struct error err = {0};
    size_t len;

    *path++ = '\0';
    if (!file_read(path, FILE_CAP_BYTES, &data, &len, &err))
        return fail(path, err.message);
    return fd_add(drive, arg, data, len);
}

static bool do_password(struct drive *drive, char *arg)
{
    return fd_add(drive, "password", arg, strlen(arg));
}

/* Splits "JSON | BODY". */
static struct json *parse(char *arg, char **body)
{
    struct error err = {0};
    char *bar = strstr(arg, " | ");

    *body = bar != NULL ? bar + 3 : NULL;
    struct json *json = json_parse(arg, bar != NULL ? (size_t)(bar - arg) : strlen(arg), &err);
    if (json == NULL)
        fail(arg, err.message);
    return json;
}

static bool do_send(struct drive *drive, char *arg)
{
    char *body;
    AUTO_JSON struct json *head = parse(arg, &body);
    struct error err = {0};

    if (head == NULL)
        return false;
    return frame_send(drive->fd, head, body, body != NULL ? strlen(body) : 0, NULL, 0, &err) ||
           fail("send", err.message);
}

static bool do_connect(struct drive *drive, char *arg)
{
    char *body;
    AUTO_JSON struct json *head = parse(arg, &body);
    struct error err = {0};

    if (head == NULL || !child_start(drive))
        return false;
    if (drive->fd_names != NULL)
        json_set(head, "fds", mem_steal(&drive->fd_names));
    bool ok = frame_send(drive->fd, head, NULL, 0, drive->fds, drive->fd_count, &err) || fail("connect", err.message);
    while (drive->fd_count > 0)
        close(drive->fds[--drive->fd_count]);
    return ok;
}

static bool do_raw(struct drive *drive, char *arg)
{
    return send(drive->fd, arg, strlen(arg), MSG_NOSIGNAL) == (ssize_t)strlen(arg) || fail("raw", strerror(errno));
}

/* The next frame within `wait_ms`. False: none came. */
static bool next_frame(struct drive *drive, uint64_t wait_ms, struct frame *frame)
{
    uint64_t until = clock_boot_ms() + wait_ms;
    struct error err = {0};
    char data[65536];

    while (!frame_reader_next(drive->reader, frame, &err)) {
        uint64_t now = clock_boot_ms();
        struct pollfd wait = {.fd = drive->fd, .events = POLLIN};
        if (err.code != ERROR_NONE)
            return fail("frame", err.message);
        if (now > until || poll(&wait, 1, (int)(until - now)) <= 0)
            return false;
        ssize_t got = recv(drive->fd, data, sizeof(data), 0);
        if (got <= 0 || !frame_reader_feed(drive->reader, data, (size_t)got, NULL, 0, &err))
            return false;
    }
    return true;
}

static void frame_print(const struct frame *frame)
{
    AUTO_FREE char *text = json_print(frame->head);

    printf("%s%s%.200s\n", text, frame->body_len > 0 ? " | " : "", frame->body_len > 0 ? frame->body : "");
}

static bool matches(const struct frame *frame, const struct json *pattern, const char *body)
{
    JSON_EACH(want, pattern) {
        const struct json *have = json_get(frame->head, json_key(want));
        if (have == NULL)
            return false;
        AUTO_FREE char *a = json_print(want);
        AUTO_FREE char *b = json_print(have);
        if (strcmp(a, b) != 0)
            return false;
    }
    return body == NULL || (frame->body_len == strlen(body) && memcmp(frame->body, body, frame->body_len) == 0);
}

static bool wait_match(struct drive *drive, uint64_t wait_ms, const struct json *pattern, const char *body)
{
    uint64_t until = clock_boot_ms() + wait_ms;

    for (uint64_t now = clock_boot_ms(); now <= until; now = clock_boot_ms()) {
        struct frame frame = {0};
        if (!next_frame(drive, until - now, &frame))
            return false;
        frame_print(&frame);
        bool match = matches(&frame, pattern, body);
        if (match)
            drive->seq = json_get_integer(frame.head, "seq", drive->seq);
        frame_free(&frame);
        if (match)
            return true;
    }
    return false;
}

static bool do_expect(struct drive *drive, char *arg)
{
    uint64_t wait_ms = arg[0] == '{' ? EXPECT_MS : strtoul(arg, &arg, 10);
    char *body;
    AUTO_JSON struct json *pattern = parse(arg, &body);

    return pattern != NULL && (wait_match(drive, wait_ms, pattern, body) || fail("expect", arg));
}

static bool do_never(struct drive *drive, char *arg)
{
    uint64_t wait_ms = strtoul(arg, &arg, 10);
    char *body;
    AUTO_JSON struct json *pattern = parse(arg, &body);

    return pattern != NULL && (!wait_match(drive, wait_ms, pattern, body) || fail("never", arg));
}

static bool do_taken(struct drive *drive, char *arg)
{
    AUTO_JSON struct json *head = json_new_texts("op", "taken", NULL);
    struct error err = {0};

    (void)arg;
    json_set_integer(head, "seq", drive->seq);
    return frame_send(drive->fd, head, NULL, 0, NULL, 0, &err) || fail("taken", err.message);
}

struct flood {
    int64_t count;
    int64_t window;
    size_t bytes;
    bool retain; /* and a topic for each */
    const char *topic;
};

static bool flood_send(struct drive *drive, const struct flood *flood, int64_t id)
{
    AUTO_FREE char *own = mem_printf("%s/%lld", flood->topic, (long long)id);
    const char *topic = flood->retain ? own : flood->topic;
    AUTO_JSON struct json *head = json_new_texts("op", "publish", "topic", topic, NULL);
    AUTO_FREE char *body = mem_alloc(flood->bytes);
    struct error err = {0};

    memset(body, 'x', flood->bytes);
    json_set_integer(head, "id", id);
    json_set_integer(head, "qos", 1);
    json_set_boolean(head, "retain", flood->retain);
    return frame_send(drive->fd, head, body, flood->bytes, NULL, 0, &err) || fail("flood", err.message);
}

static bool flood_run(struct drive *drive, const struct flood *flood)
{
    int64_t sent = 0, answered = 0;
    uint64_t began = clock_boot_ms(), last = began, gap = 0;

    while (answered < flood->count) {
        while (sent < flood->count && sent - answered < flood->window)
            if (!flood_send(drive, flood, ++sent))
                return false;
        struct frame frame = {0};
        if (!next_frame(drive, EXPECT_MS, &frame))
            return fail("flood", "an answer is missing");
        bool ok = json_get_boolean(frame.head, "ok", false);
        if (!ok)
            frame_print(&frame);
        frame_free(&frame);
        if (!ok)
            return fail("flood", "not ok");
        answered++;
        uint64_t now = clock_boot_ms();
        gap = now - last > gap ? now - last : gap;
        last = now;
    }
    printf("flood: %lld in %llu ms, longest gap %llu ms\n", (long long)flood->count, (unsigned long long)(last - began),
           (unsigned long long)gap);
    return true;
}

static bool do_flood(struct drive *drive, char *arg)
{
    struct flood flood = {.count = strtol(arg, &arg, 10), .bytes = 10};

    flood.window = strtol(arg, &arg, 10);
    flood.topic = arg + 1;
    return flood_run(drive, &flood);
}

static bool do_fill(struct drive *drive, char *arg)
{
    struct flood flood = {.count = strtol(arg, &arg, 10), .window = 16, .retain = true};

    flood.bytes = strtoul(arg, &arg, 10);
    flood.topic = arg + 1;
    return flood_run(drive, &flood);
}

static bool do_count(struct drive *drive, char *arg)
{
    long want = strtol(arg, &arg, 10), met = 0;
    char *body;
    AUTO_JSON struct json *pattern = parse(arg, &body);
    struct frame frame = {0};

    while (pattern != NULL && met < want && next_frame(drive, EXPECT_MS, &frame)) {
        met += matches(&frame, pattern, body);
        frame_free(&frame);
    }
    printf("count: %ld\n", met);
    return met == want || fail("count", arg);
}

static bool proc_print(struct drive *drive, const char *name, const char *const *keys)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/%s", (int)drive->pid, name);
    FILE *file = fopen(path, "re");
    char line[512];

    if (file == NULL)
        return fail(path, strerror(errno));
    while (fgets(line, sizeof(line), file) != NULL)
        for (size_t i = 0; keys[i] != NULL; i++)
            if (strncmp(line, keys[i], strlen(keys[i])) == 0)
                fputs(line, stdout);
    fclose(file);
    return true;
}

static bool do_proc(struct drive *drive, char *arg)
{
    static const char *const keys[] = {"CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp:", "Uid", "Gid", "Groups",
                                       "Threads", NULL};

    (void)arg;
    return proc_print(drive, "status", keys);
}

static bool do_memory(struct drive *drive, char *arg)
{
    static const char *const keys[] = {"Rss", "Pss", "Private_Dirty", "Private_Clean", "Anonymous", NULL};

    (void)arg;
    return proc_print(drive, "smaps_rollup", keys);
}

static bool do_sh(struct drive *drive, char *arg)
{
    int status = 0;

    (void)drive;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", arg, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return fail("sh", arg);
    return true;
}

static bool do_kill(struct drive *drive, char *arg)
{
    (void)arg;
    return kill(drive->pid, SIGKILL) == 0 || fail("kill", strerror(errno));
}

static bool do_close(struct drive *drive, char *arg)
{
    (void)arg;
    close(drive->fd);
    drive->fd = -1;
    return true;
}

static bool do_exit(struct drive *drive, char *arg)
{
    uint64_t until = clock_boot_ms() + EXPECT_MS;
    int status = 0;

    while (waitpid(drive->pid, &status, WNOHANG) == 0) {
        if (clock_boot_ms() > until)
            return fail("exit", "it still runs");
        usleep(10000);
    }
    drive->pid = 0;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    printf("exit %d\n", code);
    return code == strtol(arg, NULL, 10) || fail("exit", arg);
}

static const struct {
    const char *name;
    bool (*run)(struct drive *drive, char *arg);
} statements[] = {
    {"start", do_start}, {"fd", do_fd},         {"password", do_password}, {"connect", do_connect},
    {"send", do_send},   {"raw", do_raw},       {"expect", do_expect},     {"never", do_never},
    {"taken", do_taken}, {"flood", do_flood},   {"proc", do_proc},         {"memory", do_memory},
    {"sh", do_sh},       {"kill", do_kill},     {"close", do_close},       {"exit", do_exit},
    {"fill", do_fill},   {"count", do_count},
};

static bool statement_run(struct drive *drive, char *text)
{
    size_t len = strcspn(text, " ");

    printf("> %.300s\n", text);
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        if (strlen(statements[i].name) == len && strncmp(statements[i].name, text, len) == 0)
            return statements[i].run(drive, text + len + (text[len] == ' '));
    return fail("statement", text);
}

int main(int argc, char **argv)
{
    struct drive drive = {.fd = -1};
    bool ok = argc > 2;

    setvbuf(stdout, NULL, _IOLBF, 0);
    drive.link = argc > 1 ? argv[1] : NULL;
    for (int i = 2; ok && i < argc; i++)
        ok = statement_run(&drive, argv[i]);
    if (drive.pid > 0) {
        kill(drive.pid, SIGKILL);
        waitpid(drive.pid, NULL, 0);
    }
    frame_reader_free(drive.reader);
    json_free(drive.fd_names);
    return ok ? 0 : 1;
}
