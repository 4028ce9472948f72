/* Plays the parent of davit-unpack: sends the request, prints each frame's head as a line, then "exit CODE peak KB".
 * unpackdrive PROGRAM STAGING ARCHIVE [--max-bytes N] [--max-entries N] [--proc FILE] [--hang-up]
 * --proc: after the first layer the child is stopped, and its /proc/PID/status and root are written to FILE.
 * --hang-up: after the first layer the socket is closed.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "wire/frame.h"

struct drive {
    const char *program, *staging, *archive, *proc_file;
    int64_t max_bytes, max_entries;
    bool hang_up;
    pid_t child;
    int socket;
};

static pid_t start(const struct drive *drive, int sockets[2])
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int archive = open(drive->archive, O_RDONLY);
    /* 10 and up, so that neither overwrites the other. */
    int input = fcntl(archive, F_DUPFD, 10), own = fcntl(sockets[1], F_DUPFD, 10);
    if (input < 0 || own < 0 || dup2(input, 0) < 0 || dup2(own, FRAME_CHILD_FD) < 0)
        _exit(126);
    for (int fd = FRAME_CHILD_FD + 1; fd < 64; fd++)
        close(fd);
    execl(drive->program, drive->program, (char *)NULL);
    _exit(127);
}

static bool send_request(const struct drive *drive, struct error *err)
{
    AUTO_JSON struct json *head = json_new_texts("op", "import", "staging", drive->staging, NULL);
    json_set_integer(head, "maxBytes", drive->max_bytes);
    json_set_integer(head, "maxEntries", drive->max_entries);
    return frame_send(drive->socket, head, NULL, 0, NULL, 0, err);
}

static void write_proc(const struct drive *drive)
{
    char path[64], line[512];
    int status = 0;
    kill(drive->child, SIGSTOP);
    waitpid(drive->child, &status, WUNTRACED);
    FILE *out = fopen(drive->proc_file, "w");
    snprintf(path, sizeof(path), "/proc/%d/status", (int)drive->child);
    FILE *in = fopen(path, "r");
    while (in != NULL && out != NULL && fgets(line, sizeof(line), in) != NULL)
        fputs(line, out);
    snprintf(path, sizeof(path), "/proc/%d/root", (int)drive->child);
    ssize_t len = readlink(path, line, sizeof(line) - 1);
    line[len > 0 ? len : 0] = '\0';
    if (out != NULL) {
        fprintf(out, "Root:\t%s\n", line);
        fclose(out);
    }
    if (in != NULL)
        fclose(in);
    kill(drive->child, SIGCONT);
}

/* True where the child goes on. */
static bool first_layer(const struct drive *drive)
{
    if (drive->proc_file != NULL)
        write_proc(drive);
    return !drive->hang_up;
}

static void read_frames(const struct drive *drive)
{
    struct frame frame;
    struct error err = {0};
    bool layer_seen = false, going = true;
    struct frame_reader *reader = frame_reader_new();
    while (going && frame_receive(drive->socket, reader, &frame, &err)) {
        AUTO_FREE char *text = json_print(frame.head);
        puts(text);
        fflush(stdout);
        const char *op = json_get_text(frame.head, "op");
        if (!layer_seen && op != NULL && strcmp(op, "layer") == 0) {
            layer_seen = true;
            going = first_layer(drive);
        }
        frame_free(&frame);
    }
    frame_reader_free(reader);
}

static bool read_options(struct drive *drive, int argc, char **argv)
{
    if (argc < 4)
        return false;
    drive->program = argv[1];
    drive->staging = argv[2];
    drive->archive = argv[3];
    for (int i = 4; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--hang-up") == 0) {
            drive->hang_up = true;
            continue;
        }
        if (strcmp(argv[i], "--max-bytes") == 0)
            drive->max_bytes = strtoll(value, NULL, 10);
        else if (strcmp(argv[i], "--max-entries") == 0)
            drive->max_entries = strtoll(value, NULL, 10);
        else if (strcmp(argv[i], "--proc") == 0)
            drive->proc_file = value;
        else
            return false;
        i++;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct drive drive = {0};
    struct error err;
    struct rusage usage;
    int sockets[2], status = 0;
    if (!read_options(&drive, argc, argv)) {
        fprintf(stderr, "usage: unpackdrive PROGRAM STAGING ARCHIVE [--max-bytes N] [--max-entries N] [--proc FILE] "
                        "[--hang-up]\n");
        return 2;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
        return 2;
    drive.socket = sockets[0];
    drive.child = start(&drive, sockets);
    close(sockets[1]);
    if (!send_request(&drive, &err))
        fprintf(stderr, "%s\n", err.message);
    read_frames(&drive);
    close(drive.socket);
    wait4(drive.child, &status, 0, &usage);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    printf("exit %d peak %ld\n", code, usage.ru_maxrss);
    return code;
}
