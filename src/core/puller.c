#include <config.h>

#include "core/puller.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/pull_job.h"

#define TICK_MS 1000u

static void on_timer(uv_timer_t *timer);

/* What was marked is ended on the next turn. */
static void kick(struct puller *puller)
{
    uv_timer_start(&puller->timer, on_timer, 0, TICK_MS);
}

void job_fail(struct pull_job *job, const char *reason, const char *format, ...)
{
    va_list args;
    if (job->over)
        return;
    job->over = true;
    snprintf(job->reason, sizeof(job->reason), "%s", reason);
    va_start(args, format);
    vsnprintf(job->message, sizeof(job->message), format, args);
    va_end(args);
    kick(job->puller);
}

void job_succeed(struct pull_job *job)
{
    job->over = true;
    kick(job->puller);
}

/* ---- who watches */

struct pull_watch *puller_watch(struct puller *puller, const char *reference, puller_answer answer, void *ctx)
{
    struct pull_watch *watch = mem_alloc(sizeof(*watch));
    watch->puller = puller;
    watch->reference = mem_strdup(reference);
    watch->answer = answer;
    watch->ctx = ctx;
    watch->next = puller->watches;
    puller->watches = watch;
    return watch;
}

void puller_unwatch(struct pull_watch *watch)
{
    for (struct pull_watch **at = &watch->puller->watches; *at != NULL; at = &(*at)->next) {
        if (*at == watch) {
            *at = watch->next;
            break;
        }
    }
    free(watch->reference);
    free(watch);
}

static void tell_watches(struct pull_job *job, const struct json *answer, bool last)
{
    for (struct pull_watch *watch = job->puller->watches, *next; watch != NULL; watch = next) {
        next = watch->next;
        if (strcmp(watch->reference, job->name) != 0)
            continue;
        watch->answer(watch->ctx, json_copy(answer), last);
        if (last)
            puller_unwatch(watch);
    }
}

static void tell_progress(struct pull_job *job, const struct pull_progress *progress)
{
    AUTO_JSON struct json *answer = json_new_texts("op", "progress", NULL);
    json_set_integer(answer, "bytes", progress->bytes);
    json_set_integer(answer, "total", progress->total);
    json_set_integer(answer, "rate", progress->bytes_per_second);
    json_set_integer(answer, "layer", (int64_t)progress->layer);
    json_set_integer(answer, "layers", (int64_t)progress->layers);
    tell_watches(job, answer, false);
    core_pull_progress(job->puller->daemon->core, job->name, progress);
}

static void tell_end(struct pull_job *job)
{
    bool good = job->reason[0] == '\0';
    AUTO_JSON struct json *answer = json_new_texts("op", "result", NULL);
    json_set_boolean(answer, "ok", good);
    if (good) {
        char familiar[REFERENCE_TEXT_BYTES];
        struct json *images = json_set_array(answer, "images");
        json_add(images, json_new_texts("reference", reference_familiar(&job->reference, familiar), "id",
                                        job->id, NULL));
        json_set_text(answer, "warning", job->note[0] != '\0' ? job->note : NULL);
        log_info("pulled %s: %s", job->name, job->id);
        if (job->note[0] != '\0')
            log_warn("%s: %s", job->name, job->note);
    } else {
        json_set_text(answer, "reason", job->reason);
        json_set_text(answer, "message", job->message);
        log_warn("pulling %s: %s: %s", job->name, job->reason, job->message);
    }
    tell_watches(job, answer, true);
    core_pull_ended(job->puller->daemon->core, job->name, good ? job->id : NULL,
                    good ? NULL : job->reason, !good ? job->message : job->note[0] != '\0' ? job->note : NULL);
}

/* ---- davit-fetch */

static void on_fetch_up(void *ctx)
{
    struct pull_job *job = ctx;
    int fds[LIMIT_FRAME_FDS];
    size_t fd_count = 0;
    struct error err;
    struct json *head =
        pull_open(job->puller->daemon->config, &job->reference, job->auths, fds, &fd_count, &err);
    if (head == NULL) {
        job_fail(job, "InvalidConfig", "%s", err.message);
    } else {
        job->endpoints = json_size(json_get(head, "endpoints"));
        peer_send_fds(job->fetch, head, NULL, 0, fds, fd_count);
        if (job->reference.url[0] != '\0')
            pull_disk_begin(job);
        else
            pull_image_begin(job);
    }
    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
}

static void on_fetch_frame(void *ctx, struct frame *frame)
{
    struct pull_job *job = ctx;
    const char *op = json_get_text(frame->head, "op");
    if (job->over)
        return;
    if (op == NULL)
        job_fail(job, "FetchError", "davit-fetch sent a frame without an op");
    else if (job->asked_id != 0 && json_get_integer(frame->head, "id", 0) == job->asked_id)
        pull_image_answer(job, frame);
    else
        pull_layers_answer(job, frame);
}

static void on_fetch_down(void *ctx, const struct error *why)
{
    struct pull_job *job = ctx;
    if (job->stage != JOB_PLACING)
        job_fail(job, "FetchError", "%s", why->message);
}

static void start_fetch(struct pull_job *job)
{
    struct daemon *daemon = job->puller->daemon;
    AUTO_FREE char *program = mem_printf("%s/davit-fetch", daemon->config->libexec_dir);
    const char *const argv[] = { program, NULL };
    struct peer_options options = { .name = "davit-fetch", .argv = argv, .stdin_fd = -1, .once = true,
                                    .on_up = on_fetch_up, .on_frame = on_fetch_frame, .on_down = on_fetch_down };
    job->fetch = peer_new(daemon->loop, &options, job);
}

/* ---- jobs */

static struct pull_job *job_find(const struct puller *puller, const char *reference)
{
    struct pull_job *job = puller->jobs;
    while (job != NULL && strcmp(job->name, reference) != 0)
        job = job->next;
    return job;
}

void puller_start(struct puller *puller, const char *reference, const struct json *auths)
{
    if (job_find(puller, reference) != NULL)
        return;
    struct pull_job *job = mem_alloc(sizeof(*job));
    struct error err;
    struct pull_job **last = &puller->jobs;
    while (*last != NULL)
        last = &(*last)->next;
    *last = job;
    job->puller = puller;
    job->auths = auths != NULL ? json_copy(auths) : NULL;
    job->due_ms = clock_boot_ms() + (uint64_t)puller->daemon->config->images.deadline_s * 1000;
    snprintf(job->name, sizeof(job->name), "%s", reference);
    kick(puller);
    if (reference_parse(reference, &job->reference, &err) && pull_disk_may(puller->daemon->config, &job->reference, &err))
        start_fetch(job);
    else
        job_fail(job, "InvalidImage", "%s", err.message);
}

void puller_cancel(struct puller *puller, const char *reference)
{
    struct pull_job *job = job_find(puller, reference);
    /* What is being placed is there in a moment. */
    if (job != NULL && job->stage != JOB_PLACING)
        job_fail(job, "Cancelled", "nobody waits for it any more");
}

static void job_free(struct pull_job *job)
{
    pull_layers_release(job);
    peer_free(job->fetch);
    manifest_free(&job->manifest);
    image_config_free(&job->content);
    json_free(job->auths);
    free(job);
}

static void end_jobs(struct puller *puller)
{
    for (struct pull_job **at = &puller->jobs; *at != NULL;) {
        struct pull_job *job = *at;
        if (!job->over) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        tell_end(job);
        job_free(job);
    }
}

/* ---- the time */

static int64_t rate_of(struct pull_job *job, int64_t bytes)
{
    if (job->sample_count == PULL_RATE_SAMPLES)
        memmove(&job->samples[0], &job->samples[1], sizeof(job->samples) - sizeof(job->samples[0]));
    else
        job->sample_count++;
    job->samples[job->sample_count - 1] = bytes;
    size_t seconds = job->sample_count - 1;
    return seconds > 0 && bytes > job->samples[0] ? (bytes - job->samples[0]) / (int64_t)seconds : 0;
}

static void look_at_time(struct pull_job *job, uint64_t now)
{
    struct pull_progress progress;
    if (now >= job->due_ms && job->stage != JOB_PLACING)
        job_fail(job, "TooSlow", "it is not whole within the %" PRId64 " s of [images] deadline=",
                 job->puller->daemon->config->images.deadline_s);
    if (job->over || job->stage != JOB_LAYERS || (job->sampled_ms != 0 && now < job->sampled_ms + TICK_MS))
        return;
    pull_layers_progress(job, &progress);
    progress.bytes_per_second = rate_of(job, progress.bytes);
    job->sampled_ms = now;
    tell_progress(job, &progress);
}

static void on_timer(uv_timer_t *timer)
{
    struct puller *puller = timer->data;
    uint64_t now = clock_boot_ms();
    for (struct pull_job *job = puller->jobs; job != NULL; job = job->next)
        look_at_time(job, now);
    end_jobs(puller);
    pull_layers_pump(puller);
    if (puller->jobs == NULL)
        uv_timer_stop(timer);
    daemon_settle(puller->daemon);
}

struct puller *puller_new(struct daemon *daemon)
{
    struct puller *puller = mem_alloc(sizeof(*puller));
    puller->daemon = daemon;
    uv_timer_init(daemon->loop, &puller->timer);
    puller->timer.data = puller;
    return puller;
}

void puller_free(struct puller *puller)
{
    if (puller == NULL)
        return;
    while (puller->jobs != NULL) {
        struct pull_job *job = puller->jobs;
        puller->jobs = job->next;
        job_free(job);
    }
    while (puller->watches != NULL)
        puller_unwatch(puller->watches);
    uv_timer_stop(&puller->timer);
    free(puller); /* with the loop: nothing turns any more */
}
