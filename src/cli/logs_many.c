#include "config.h"

#include "cli/logs_many.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/get.h"
#include "cli/logs.h"
#include "cli/remote.h"
#include "cli/text.h"

#define LOGS 256          /* one after the other */
#define FOLLOWED 20       /* at a time: a process and a connection each */
#define SELECTED_TAIL "10" /* kubectl's, of each container, with -l */
#define LINE_BYTES (64 * 1024) /* a longer one is printed in pieces */

/* A container's log, and the process that reads it. */
struct source {
    char pod[LIMIT_NAME_BYTES + 1];
    char container[LIMIT_LABEL_BYTES + 1]; /* "": the node chooses */
    int fd;                                /* -1: at its end */
    pid_t pid;
    struct strbuf line;                    /* not ended yet */
};

struct sources {
    const struct options *options;
    struct source *list;
    size_t count;
    size_t pods;
    bool is_child; /* this process reads one of them */
};

bool logs_many_is_meant(const struct options *options)
{
    return options->selector != NULL || options->all_containers;
}

/* ---- which */

static bool source_add(struct sources *sources, const struct entry *entry, const char *container, struct error *err)
{
    if (sources->count == LOGS)
        return error_set(err, ERROR_LIMIT, "more than %d logs: name a pod, or give -c NAME", LOGS);
    sources->list = mem_resize(sources->list, sources->count + 1, sizeof(*sources->list));
    struct source *source = &sources->list[sources->count++];
    *source = (struct source){.fd = -1};
    (void)snprintf(source->pod, sizeof(source->pod), "%s", entry->id.name);
    (void)snprintf(source->container, sizeof(source->container), "%s", container != NULL ? container : "");
    (void)text_clean(source->container);
    strbuf_init(&source->line, LINE_BYTES);
    return true;
}

static bool pod_add(struct sources *sources, const struct entry *entry, struct error *err)
{
    static const char *const lists[] = {"initContainerStatuses", "containerStatuses"};
    const struct json *status = json_get(entry->status, "status"), *main = json_get(status, "containerStatuses");
    const char *container = sources->options->container;
    sources->pods++;
    if (container == NULL && json_size(main) == 1)
        container = json_get_text(json_first(main), "name");
    if (!sources->options->all_containers)
        return source_add(sources, entry, container, err);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        JSON_EACH(one, json_get(status, lists[i]))
            if (json_get_text(one, "name") != NULL && !source_add(sources, entry, json_get_text(one, "name"), err))
                return false;
    return true;
}

static bool pods_add(struct sources *sources, struct get *get, struct error *err)
{
    board_sort(&get->board);
    for (struct entry *entry = get->board.entries; entry != NULL; entry = entry->hh.next)
        if (entry->is_object && entry->status != NULL && get_fits(get, &get->types[0], entry) && !pod_add(sources, entry, err))
            return false;
    return true;
}

/* The pods that the node tells of. */
static bool collect(struct sources *sources, const char *pod, struct error *err)
{
    struct options options = *sources->options;
    struct get get = {.options = &options, .type_count = 1};
    get.types[0].resource = resource_by_plural("pods");
    if (pod != NULL)
        get.types[0].names[get.types[0].name_count++] = pod;
    struct session *session = get_read_filters(&get, err) ? get_open(&get, NULL, NULL, err) : NULL;
    bool good = session != NULL && pods_add(sources, &get, err);
    if (session != NULL)
        session_close(session);
    get_free(&get);
    if (!good || sources->count > 0)
        return good;
    if (sources->pods > 0)
        return error_set(err, ERROR_NOT_FOUND, "no container has begun yet: `davit describe pod NAME` says why");
    if (pod != NULL)
        return error_set(err, ERROR_NOT_FOUND, "pods \"%s\" not found in namespace \"%s\"", pod, options.ns);
    return error_set(err, ERROR_NOT_FOUND, "no pod in namespace \"%s\" has the labels %s", options.ns, options.selector);
}

/* ---- one log */

/* In a process of its own: as if it alone had been asked for. */
static enum exit_code read_one(const struct options *given, const struct source *source, struct error *err)
{
    struct options options = *given;
    struct log_flags flags;
    options.selector = NULL;
    options.all_containers = false;
    options.container = source->container[0] != '\0' ? source->container : NULL;
    if (options.tail == NULL && given->selector != NULL)
        options.tail = SELECTED_TAIL;
    if (!log_flags_read(&options, &flags, err))
        return EXIT_CODE_USAGE;
    return remote_is_meant(&options) ? logs_remote(&options, source->pod, &flags, err) : logs_local(&options, source->pod, &flags, err);
}

/* It ends with who reads it, also where it has nothing to say: of the pipes it keeps its own end alone. */
static void become_reader(struct sources *sources, int out)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)dup2(out, STDOUT_FILENO);
    for (size_t i = 0; i < sources->count; i++)
        if (sources->list[i].fd >= 0)
            (void)close(sources->list[i].fd);
}

/* True in the new process too: pid is 0 there. */
static bool start(struct sources *sources, struct source *source, struct error *err)
{
    int ends[2];
    (void)fflush(stdout);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    source->fd = ends[0];
    source->pid = fork();
    if (source->pid == 0)
        become_reader(sources, ends[1]);
    (void)close(ends[1]);
    return source->pid >= 0 || error_set_errno(err, errno, "cannot start a process");
}

/* ---- what they say, line by line */

static void print_line(const struct sources *sources, struct source *source)
{
    if (sources->options->prefix && source->container[0] != '\0')
        printf("[pod/%s/%s] ", source->pod, source->container);
    else if (sources->options->prefix)
        printf("[pod/%s] ", source->pod);
    (void)fwrite(source->line.data != NULL ? source->line.data : "", 1, source->line.len, stdout);
    (void)fputc('\n', stdout);
    source->line.len = 0;
}

static void take(const struct sources *sources, struct source *source, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t part = end != NULL ? (size_t)(end - data) : len, room = LINE_BYTES - 1 - source->line.len;
        bool is_ended = end != NULL && part <= room;
        part = part <= room ? part : room;
        strbuf_add_bytes(&source->line, data, part);
        if (is_ended || part == room)
            print_line(sources, source);
        data += part + is_ended;
        len -= part + is_ended;
    }
}

static void listen_to(const struct sources *sources, struct source *source)
{
    char data[4096];
    ssize_t got = read(source->fd, data, sizeof(data));
    if (got > 0) {
        take(sources, source, data, (size_t)got);
    } else {
        if (source->line.len > 0)
            print_line(sources, source);
        (void)close(source->fd);
        source->fd = -1;
    }
    (void)fflush(stdout);
}

/* Until all are at their end. */
static void listen_all(const struct sources *sources, size_t from, size_t to)
{
    for (;;) {
        struct pollfd fds[FOLLOWED];
        size_t open = 0;
        for (size_t i = from; i < to; i++) {
            fds[i - from] = (struct pollfd){.fd = sources->list[i].fd, .events = POLLIN};
            open += sources->list[i].fd >= 0;
        }
        if (open == 0)
            return;
        (void)poll(fds, to - from, -1);
        for (size_t i = from; i < to; i++)
            if (fds[i - from].fd >= 0 && fds[i - from].revents != 0)
                listen_to(sources, &sources->list[i]);
    }
}

static enum exit_code reap(const struct source *source)
{
    int status = 0;
    while (waitpid(source->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? (enum exit_code)WEXITSTATUS(status) : EXIT_CODE_FAILED;
}

/* At most FOLLOWED, together. */
static enum exit_code run(struct sources *sources, size_t from, size_t to, struct error *err)
{
    enum exit_code code = EXIT_CODE_OK;
    size_t started = from;
    for (; started < to && start(sources, &sources->list[started], err); started++)
        if (sources->list[started].pid == 0) {
            sources->is_child = true;
            return read_one(sources->options, &sources->list[started], err);
        }
    listen_all(sources, from, started);
    for (size_t i = from; i < started; i++) {
        enum exit_code one = reap(&sources->list[i]);
        code = code == EXIT_CODE_OK ? one : code;
    }
    return started < to ? exit_code_of(err) : code;
}

static enum exit_code run_all(struct sources *sources, struct error *err)
{
    enum exit_code code = EXIT_CODE_OK;
    size_t step = sources->options->follow ? sources->count : 1;
    if (step > FOLLOWED)
        return usage_error(err, "%zu logs are more than the %d that can be followed at a time: name a pod, or give -c NAME", step, FOLLOWED);
    for (size_t i = 0; i < sources->count; i += step) {
        enum exit_code one = run(sources, i, i + step, err);
        if (sources->is_child)
            return one;
        code = code == EXIT_CODE_OK ? one : code;
    }
    return code;
}

enum exit_code logs_many(const struct options *options, const char *pod, struct error *err)
{
    struct sources sources = {.options = options};
    enum exit_code code = collect(&sources, pod, err) ? run_all(&sources, err) : exit_code_of(err);
    for (size_t i = 0; i < sources.count; i++)
        strbuf_free(&sources.list[i].line);
    free(sources.list);
    return code;
}
