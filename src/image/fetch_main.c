/* davit-fetch: registries are asked here, without privileges, away from davitd. See docs/wire.md. */
#include "config.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sandbox.h"
#include "image/fetch_job.h"
#include "wire/socket.h"

#define READ_BYTES (16 * 1024)
#define LARGE_BYTES (64 * 1024) /* allocations from here on go back to the kernel when freed */
#define TICK_MS 1000
#define IDLE_MS 60000

static bool do_job(struct fetch *fetch, struct frame *frame, enum job_kind kind, struct error *err)
{
    size_t count = 0;
    for (const struct job *job = fetch->jobs; job != NULL; job = job->next)
        count++;
    if (count >= LIMIT_FETCH_JOBS)
        return error_set(err, ERROR_LIMIT, "more than %d manifests and blobs at a time", LIMIT_FETCH_JOBS);
    struct job *job = job_new(fetch, frame, kind, err);
    if (job == NULL)
        return false;
    job->next = fetch->jobs;
    fetch->jobs = job;
    job_start(job);
    return true;
}

static bool do_manifest(struct fetch *fetch, struct frame *frame, struct error *err)
{
    return do_job(fetch, frame, JOB_MANIFEST, err);
}

/* A blob of a registry, or any file of a server. */
static bool do_blob(struct fetch *fetch, struct frame *frame, struct error *err)
{
    return do_job(fetch, frame, frame->fd_count > 0 ? JOB_STREAM : JOB_BLOB, err);
}

/* What has just been answered may still be asked to be cancelled: nothing more to say. */
static bool do_cancel(struct fetch *fetch, struct frame *frame, struct error *err)
{
    int64_t id = json_get_integer(frame->head, "id", -1);
    (void)err;
    for (struct job *job = fetch->jobs; job != NULL; job = job->next) {
        if (job->id == id && job->phase != JOB_OVER)
            job_cancel(job, "as it was asked for");
    }
    return true;
}

static const struct {
    const char *op;
    bool (*run)(struct fetch *fetch, struct frame *frame, struct error *err);
} ops[] = {
    {"manifest", do_manifest},
    {"blob", do_blob},
    {"file", do_blob},
    {"cancel", do_cancel},
};

static bool frame_handle(struct fetch *fetch, struct frame *frame, struct error *err)
{
    const char *op = json_get_text(frame->head, "op");
    for (size_t i = 0; op != NULL && i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(ops[i].op, op) == 0)
            return ops[i].run(fetch, frame, err) || error_wrap(err, "op \"%s\"", op);
    }
    return error_set(err, ERROR_INVALID, "op \"%.64s\" is unknown", op != NULL ? op : "");
}

static bool frames_handle(struct fetch *fetch, struct frame_reader *reader, struct error *err)
{
    struct frame frame;
    while (frame_reader_next(reader, &frame, err)) {
        bool ok = frame_handle(fetch, &frame, err);
        frame_free(&frame);
        if (!ok)
            return false;
    }
    return err->code == ERROR_NONE;
}

/* 1: read; 0: the parent is gone; -1: nonsense came. */
static int parent_read(struct fetch *fetch, struct frame_reader *reader, struct error *err)
{
    char data[READ_BYTES];
    int fds[LIMIT_FRAME_FDS];
    size_t fd_count;
    ssize_t got = socket_receive(FRAME_CHILD_FD, data, sizeof(data), fds, &fd_count);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    if (got <= 0)
        return 0;
    return frame_reader_feed(reader, data, (size_t)got, fds, fd_count, err) && frames_handle(fetch, reader, err) ? 1
                                                                                                                 : -1;
}

static void jobs_turn(struct fetch *fetch)
{
    uint64_t now_ms = clock_boot_ms();
    for (struct job **at = &fetch->jobs; *at != NULL;) {
        struct job *job = *at;
        job_turn(job, now_ms);
        if (job->phase == JOB_OVER) {
            *at = job->next;
            job_free(job);
        } else {
            at = &job->next;
        }
    }
}

static bool waits_for_pipe(const struct job *job)
{
    return job->sink.fd >= 0 && (job->full || job->phase == JOB_FLUSHING);
}

static size_t pipes_gather(const struct fetch *fetch, struct pollfd *fds)
{
    size_t count = 0;
    for (const struct job *job = fetch->jobs; job != NULL; job = job->next) {
        if (waits_for_pipe(job))
            fds[count++] = (struct pollfd){.fd = job->sink.fd, .events = POLLOUT};
    }
    return count;
}

/* What was gathered just before. A pipe that is full is left alone: to try it is work for nothing. */
static void pipes_look(struct fetch *fetch, const struct pollfd *fds)
{
    for (struct job *job = fetch->jobs; job != NULL; job = job->next) {
        if (waits_for_pipe(job))
            job->ready = (fds++)->revents != 0;
    }
}

/* In the order in which they began to wait. */
static struct job *first_throttled(const struct fetch *fetch)
{
    struct job *first = NULL;
    for (struct job *job = fetch->jobs; job != NULL; job = job->next)
        if (job->throttled != 0 && job->exchange != NULL && (first == NULL || job->throttled < first->throttled))
            first = job;
    return first;
}

static void bucket_turn(struct fetch *fetch)
{
    struct job *job;
    bucket_fill(&fetch->bucket, clock_boot_ms());
    while (!bucket_is_empty(&fetch->bucket) && (job = first_throttled(fetch)) != NULL)
        job_resume(job);
}

static int wait_ms(const struct fetch *fetch)
{
    uint64_t now_ms = clock_boot_ms();
    int wait = fetch->jobs != NULL ? TICK_MS : IDLE_MS;
    for (const struct job *job = fetch->jobs; job != NULL; job = job->next)
        if (job->phase == JOB_WAITING && job->wake_ms < now_ms + (uint64_t)wait)
            wait = job->wake_ms > now_ms ? (int)(job->wake_ms - now_ms) : 0;
    return first_throttled(fetch) != NULL ? bucket_wait_ms(&fetch->bucket, wait) : wait;
}

static int fetch_loop(struct fetch *fetch, struct frame_reader *reader)
{
    struct error err = {0};
    int state = frames_handle(fetch, reader, &err) ? 1 : -1;
    while (state > 0) {
        struct pollfd fds[LIMIT_FETCH_JOBS + 1] = {{.fd = FRAME_CHILD_FD, .events = POLLIN}};
        size_t count = 1 + pipes_gather(fetch, fds + 1);
        http_wait(fetch->http, fds, count, wait_ms(fetch));
        pipes_look(fetch, fds + 1);
        if (fds[0].revents != 0)
            state = parent_read(fetch, reader, &err);
        bucket_turn(fetch);
        http_run(fetch->http);
        jobs_turn(fetch);
    }
    if (state < 0)
        log_error("the parent sent nonsense: %s", err.message);
    return -state;
}

/* The first frame is read, and libcurl made ready, as root; nothing from the network is read before the privileges
 * went.
 */
static bool fetch_start(struct fetch *fetch, struct frame_reader *reader, struct error *err)
{
    const struct sandbox sandbox = {.user = "nobody", .calls = SANDBOX_CALLS_NETWORK};
    struct frame frame;
    if (!frame_receive(FRAME_CHILD_FD, reader, &frame, err))
        return error_wrap(err, "no first frame on descriptor %d (davitd and davit start this program)", FRAME_CHILD_FD);
    bool ok = fetch_options_parse(&frame, &fetch->options, err);
    frame_free(&frame);
    if (!ok)
        return false;
    fetch->http = http_new(&fetch->options);
    bucket_init(&fetch->bucket, fetch->options.rate_limit, clock_boot_ms());
    fetch->places = mem_array(fetch->options.endpoint_count, sizeof(*fetch->places));
    for (size_t i = 0; i < fetch->options.endpoint_count; i++) {
        fetch->places[i].endpoint = &fetch->options.endpoints[i];
        fetch->places[i].base = fetch->options.endpoints[i].url;
    }
    return sandbox_enter(&sandbox, err);
}

int main(void)
{
    static struct fetch fetch;
    struct error err = {0};
    log_init("davit-fetch", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    /* libcurl looks names up in threads: they share one small heap. */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
    struct frame_reader *reader = frame_reader_new();
    if (!fetch_start(&fetch, reader, &err)) {
        log_error("%s", err.message);
        _exit(1);
    }
    _exit(fetch_loop(&fetch, reader));
}
