/* davit logs: what a container of this device wrote. davitd gives the open file, so nothing goes through it. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/control.h"
#include "cli/log_lines.h"
#include "cli/verbs.h"

#define READ_BYTES (64 * 1024)
#define FOLLOW_NS 100000000L /* between two looks at a log that is followed */
#define ASK_EVERY 10         /* looks, until davitd is asked whether the container still runs */

/* A log on its way to stdout. */
struct following {
    const struct options *options;
    const char *pod;
    struct log_pick pick;
    char *rest; /* of a line whose newline has not come */
    size_t rest_len;
    bool full;  /* --limit-bytes */
};

static struct json *open_log(const struct options *options, const char *pod, int *fd, struct error *err)
{
    AUTO_JSON struct json *request = json_new_texts("op", "log", "namespace", options->ns, "pod", pod, NULL);
    json_set_text(request, "container", options->container);
    json_set_boolean(request, "previous", options->previous);
    return control_open(options->control, request, fd, err);
}

static bool read_number(const char *text, const char *flag, int64_t *out, struct error *err)
{
    char *end = NULL;
    errno = 0;
    if (text == NULL)
        return true;
    *out = strtoll(text, &end, 10);
    return (errno == 0 && end != text && *end == '\0' && *out >= 0) ||
           error_set(err, ERROR_INVALID, "--%s=%s is no number", flag, text);
}

/* "90s", "5m", "2h". */
static bool read_since(const char *text, uint64_t *since_ms, struct error *err)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = { { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "", 1000 } };
    char *end = NULL;
    if (text == NULL)
        return true;
    unsigned long number = strtoul(text, &end, 10);
    for (size_t i = 0; end != text && number < 1000000 && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].unit) == 0) {
            *since_ms = clock_wall_ms() - number * units[i].ms;
            return true;
        }
    return error_set(err, ERROR_INVALID, "--since=%s is no time: give it as 90s, 5m or 2h", text);
}

static void take(struct following *following, const char *data, size_t len)
{
    following->rest = mem_resize(following->rest, following->rest_len + len, 1);
    memcpy(following->rest + following->rest_len, data, len);
    following->rest_len += len;
    char *at = following->rest, *end = at + following->rest_len;
    for (char *newline; !following->full && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL; at = newline + 1)
        following->full = !log_line_print(&following->pick, at, (size_t)(newline - at), stdout);
    following->rest_len = (size_t)(end - at);
    memmove(following->rest, at, following->rest_len);
}

/* True: something was there. */
static bool drain(struct following *following, int fd)
{
    static char data[READ_BYTES];
    bool any = false;
    for (ssize_t got; !following->full && (got = read(fd, data, sizeof(data))) > 0; any = true)
        take(following, data, (size_t)got);
    (void)fflush(stdout);
    return any;
}

static bool still_runs(const struct following *following)
{
    int fd = -1;
    struct error ignored; /* the pod has gone */
    AUTO_JSON struct json *answer = open_log(following->options, following->pod, &fd, &ignored);
    fd_close_at(&fd);
    return json_get_boolean(answer, "running", false);
}

/* Until the container has ended, and its last words are out. */
static void follow(struct following *following, int fd)
{
    for (int look = 1; !following->full; look++) {
        if (drain(following, fd))
            look = 0;
        else if (look % ASK_EVERY == 0 && !still_runs(following) && !drain(following, fd))
            return;
        (void)nanosleep(&(struct timespec){ .tv_nsec = FOLLOW_NS }, NULL);
    }
}

static bool seek_tail(int fd, int64_t lines, struct error *err)
{
    struct stat info;
    if (lines < 0)
        return true;
    if (fstat(fd, &info) != 0)
        return error_set_errno(err, errno, "cannot look at the log");
    AUTO_FREE char *text = mem_alloc((size_t)info.st_size + 1);
    ssize_t got = pread(fd, text, (size_t)info.st_size, 0);
    size_t offset = log_tail_offset(text, got > 0 ? (size_t)got : 0, lines);
    return lseek(fd, (off_t)offset, SEEK_SET) >= 0 || error_set_errno(err, errno, "cannot seek in the log");
}

static void tell_choice(const struct options *options, const struct json *answer)
{
    const struct json *names = json_get(answer, "containers");
    const char *separator = "";
    if (options->container != NULL || json_size(names) < 2)
        return;
    (void)fprintf(stderr, "Defaulted container \"%s\" out of: ", json_get_text(answer, "container"));
    JSON_EACH(name, names) {
        (void)fprintf(stderr, "%s%s", separator, json_text(name));
        separator = ", ";
    }
    (void)fputc('\n', stderr);
}

enum exit_code verb_logs(const struct options *options, struct error *err)
{
    AUTO_CLOSE int fd = -1;
    int64_t tail = -1;
    if (options->word_count != 1)
        return usage_error(err, "logs takes the name of one pod");
    const char *slash = strchr(options->words[0], '/');
    struct following following = { .options = options, .pod = slash != NULL ? slash + 1 : options->words[0] };
    following.pick.timestamps = options->timestamps;
    if (!read_number(options->tail, "tail", &tail, err) ||
        !read_number(options->limit_bytes, "limit-bytes", &following.pick.limit_bytes, err) ||
        !read_since(options->since, &following.pick.since_ms, err))
        return EXIT_CODE_USAGE;
    AUTO_JSON struct json *answer = open_log(options, following.pod, &fd, err);
    if (answer == NULL)
        return exit_code_of(err);
    tell_choice(options, answer);
    if (!seek_tail(fd, tail, err))
        return exit_code_of(err);
    (void)drain(&following, fd);
    if (options->follow && json_get_boolean(answer, "running", false))
        follow(&following, fd);
    free(following.rest);
    return EXIT_CODE_OK;
}
