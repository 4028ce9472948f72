/* runtimedrive HOST PLUGIN CONFIG.json: starts davit-runtime as davitd does and plays a script from stdin. Every frame
 * it hears is printed as one line, with its body. One command a line:
 *     call NAME LANE DEADLINE_MS DOCUMENT   LANE "-": none. Ids count from 1.
 *     wait ID | all                         reads until that result, or every result, is there
 *     until TEXT                            reads until a line holds TEXT
 *     sleep MS                              reads as long
 *     raw TEXT                              sends what is no frame
 *     mark | lap NAME                       takes the time; prints {"lap":NAME,"us":…} since then
 *     seen FILE TEXT                        reads until the file holds it
 *     join FILE NAME LANE DEADLINE_MS DOCUMENT   a call with streams: stdout goes to the file
 *     say TEXT | hangup                     a line to the last one's stdin; closes its control
 *     kill                                  SIGKILL to the host, and waits for it
 *     freeze                                SIGSTOP to the host
 *     restart                               starts another one, without ending the first if it lives
 * At the end of the script the socket is closed, and {"exit":STATUS} is printed. Waiting is cut after 60 s: exit 3.
 */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "wire/frame.h"

#define PATIENCE_MS 60000
#define READ_BYTES 65536
#define LOOK_MS 50
#define JOINED_MODE 0600

struct drive {
    char **argv;
    char *config;
    pid_t pid;
    int fd;
    struct frame_reader *reader;
    int64_t last_id;
    size_t open_results;
    uint64_t marked_us;
    int said, control; /* our ends of the last call with streams; -1: none */
};

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "runtimedrive: %s\n", why);
    exit(3);
}

static void send_with(struct drive *drive, struct json *head, const char *body, const int *fds, size_t fd_count)
{
    struct error err;

    if (!frame_send(drive->fd, head, body, body == NULL ? 0 : strlen(body), fds, fd_count, &err))
        fprintf(stderr, "runtimedrive: %s\n", err.message);
    json_free(head);
}

static void send_head(struct drive *drive, struct json *head, const char *body)
{
    send_with(drive, head, body, NULL, 0);
}

static void start(struct drive *drive)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        give_up("no socketpair");
    drive->pid = fork();
    if (drive->pid == 0) {
        if (pair[1] == FRAME_CHILD_FD || dup2(pair[1], FRAME_CHILD_FD) < 0)
            _exit(126);
        execl(drive->argv[1], drive->argv[1], drive->argv[2], NULL);
        _exit(127);
    }
    close(pair[1]);
    drive->fd = pair[0];
    drive->reader = frame_reader_new();
    drive->open_results = 0;
    send_head(drive, json_new_texts("op", "open", NULL), drive->config);
}

/* Prints a frame; true when the wanted result or text is in it. */
static bool print_frame(struct drive *drive, struct frame *frame, int64_t wanted_id, const char *wanted_text)
{
    AUTO_FREE char *head = json_print(frame->head);
    AUTO_FREE char *line = mem_printf("%s %s", head, frame->body == NULL ? "" : frame->body);
    bool is_result = strcmp(json_get_text(frame->head, "op"), "result") == 0;

    puts(line);
    fflush(stdout);
    drive->open_results -= is_result && drive->open_results > 0;
    return (is_result && wanted_id > 0 && json_get_integer(frame->head, "id", 0) == wanted_id) ||
           (wanted_text != NULL && strstr(line, wanted_text) != NULL);
}

/* Reads until what is wanted has come, or for_ms is over. False: it has not come. */
static bool read_until(struct drive *drive, int64_t wanted_id, const char *wanted_text, bool all, int for_ms)
{
    uint64_t until_ms = clock_boot_ms() + (uint64_t)for_ms, now_ms;
    char buffer[READ_BYTES];
    struct frame frame;
    struct error err;
    bool found = false;

    for (;;) {
        struct pollfd readable = {.fd = drive->fd, .events = POLLIN};
        ssize_t got;

        while (frame_reader_next(drive->reader, &frame, &err)) {
            found = print_frame(drive, &frame, wanted_id, wanted_text) || found;
            frame_free(&frame);
        }
        if (found || (all && drive->open_results == 0))
            return true;
        now_ms = clock_boot_ms();
        if (now_ms >= until_ms || poll(&readable, 1, (int)(until_ms - now_ms)) <= 0)
            return false;
        got = read(drive->fd, buffer, sizeof(buffer));
        if (got <= 0) {
            puts("{\"closed\":true}");
            return false;
        }
        if (!frame_reader_feed(drive->reader, buffer, (size_t)got, NULL, 0, &err))
            give_up(err.message);
    }
}

/* The head of a call; *rest is then its document. */
static struct json *call_head(struct drive *drive, char **rest)
{
    const char *name = strsep(rest, " "), *lane = strsep(rest, " "), *deadline = strsep(rest, " ");
    struct json *head = json_new_texts("op", "call", "call", name, NULL);

    if (lane == NULL || deadline == NULL)
        give_up("call NAME LANE DEADLINE_MS DOCUMENT");
    if (strcmp(lane, "-") != 0)
        json_set_text(head, "lane", lane);
    json_set_integer(head, "id", ++drive->last_id);
    json_set_integer(head, "deadlineMs", strtol(deadline, NULL, 10));
    drive->open_results++;
    return head;
}

static void call(struct drive *drive, char *rest)
{
    struct json *head = call_head(drive, &rest);

    send_head(drive, head, rest);
}

static void do_join(struct drive *drive, char *rest)
{
    static const char *const names[] = {"stdin", "stdout", "control"};
    const char *path = strsep(&rest, " ");
    struct json *head = call_head(drive, &rest), *array = json_set_array(head, "fds");
    int in[2], control[2];

    fd_close_at(&drive->said);
    fd_close_at(&drive->control);
    if (pipe2(in, O_CLOEXEC) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0)
        give_up("no pipe");
    int fds[] = {in[0], open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, JOINED_MODE), control[1]};
    for (size_t i = 0; i < 3; i++)
        json_add_text(array, names[i]);
    send_with(drive, head, rest, fds, 3);
    for (size_t i = 0; i < 3; i++)
        close(fds[i]);
    drive->said = in[1];
    drive->control = control[0];
}

static void do_say(struct drive *drive, char *rest)
{
    AUTO_FREE char *line = mem_printf("%s\n", rest);

    if (write(drive->said, line, strlen(line)) < 0)
        give_up("nobody listens to what is said");
}

static void do_hangup(struct drive *drive, char *rest)
{
    (void)rest;
    fd_close_at(&drive->control);
    drive->control = -1;
}

static int end(struct drive *drive)
{
    int status = 0;

    close(drive->fd);
    waitpid(drive->pid, &status, 0);
    frame_reader_free(drive->reader);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void do_wait(struct drive *drive, char *rest)
{
    bool all = strcmp(rest, "all") == 0;

    if (!read_until(drive, all ? 0 : strtol(rest, NULL, 10), NULL, all, PATIENCE_MS))
        give_up("a result that was waited for has not come");
}

static void do_until(struct drive *drive, char *rest)
{
    if (!read_until(drive, 0, rest, false, PATIENCE_MS))
        give_up("a text that was waited for has not come");
}

static bool holds(const char *path, const char *text)
{
    AUTO_FREE char *data = NULL;
    struct error ignored; /* it is not there yet */
    size_t len;

    return file_read(path, LIMIT_DOCUMENT_BYTES, &data, &len, &ignored) && memmem(data, len, text, strlen(text)) != NULL;
}

static void do_seen(struct drive *drive, char *rest)
{
    const char *path = strsep(&rest, " ");
    uint64_t until_ms = clock_boot_ms() + PATIENCE_MS;

    while (!holds(path, rest)) {
        if (clock_boot_ms() > until_ms)
            give_up("a file never held what was waited for");
        read_until(drive, 0, NULL, false, LOOK_MS);
    }
}

static void do_sleep(struct drive *drive, char *rest)
{
    read_until(drive, 0, NULL, false, (int)strtol(rest, NULL, 10));
}

static void do_raw(struct drive *drive, char *rest)
{
    if (write(drive->fd, rest, strlen(rest)) < 0)
        give_up("cannot write");
}

static void do_mark(struct drive *drive, char *rest)
{
    (void)rest;
    drive->marked_us = now_us();
}

static void do_lap(struct drive *drive, char *rest)
{
    printf("{\"lap\":\"%s\",\"us\":%llu}\n", rest, (unsigned long long)(now_us() - drive->marked_us));
    fflush(stdout);
}

static void do_kill(struct drive *drive, char *rest)
{
    (void)rest;
    kill(drive->pid, SIGKILL);
    end(drive);
}

static void do_freeze(struct drive *drive, char *rest)
{
    (void)rest;
    kill(drive->pid, SIGSTOP);
}

static void do_restart(struct drive *drive, char *rest)
{
    (void)rest;
    start(drive);
}

static const struct {
    const char *verb;
    void (*run)(struct drive *drive, char *rest);
} commands[] = {
    {"call", call}, {"wait", do_wait}, {"until", do_until}, {"sleep", do_sleep}, {"raw", do_raw},
    {"mark", do_mark}, {"lap", do_lap}, {"seen", do_seen}, {"join", do_join},
    {"say", do_say}, {"hangup", do_hangup}, {"kill", do_kill}, {"freeze", do_freeze}, {"restart", do_restart},
};

static void do_line(struct drive *drive, char *line)
{
    char *rest = line, *verb = strsep(&rest, " ");

    rest = rest == NULL ? line + strlen(line) : rest;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].verb, verb) == 0) {
            commands[i].run(drive, rest);
            return;
        }
    }
    if (verb[0] != '\0' && verb[0] != '#')
        give_up("an unknown command");
}

int main(int argc, char **argv)
{
    struct drive drive = {.argv = argv, .said = -1, .control = -1};
    char *line = NULL;
    size_t size = 0, len;
    ssize_t got;
    struct error err;

    if (argc != 4 || !file_read(argv[3], LIMIT_DOCUMENT_BYTES, &drive.config, &len, &err))
        give_up("usage: runtimedrive HOST PLUGIN CONFIG.json");
    signal(SIGPIPE, SIG_IGN);
    start(&drive);
    while ((got = getline(&line, &size, stdin)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        do_line(&drive, line);
    }
    printf("{\"exit\":%d}\n", end(&drive));
    free(line);
    free(drive.config);
    return 0;
}
