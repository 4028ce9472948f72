#include "config.h"

#include "image/fetch_job.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "image/fetch_say.h"
#include "image/reference.h"

#define PROGRESS_MS 1000
/* What a try must bring to count as getting on: else a byte a connection could go on for ever. */
#define PROGRESS_BYTES (64 * 1024)

struct place *job_place(const struct job *job)
{
    return &job->fetch->places[job->place];
}

void job_note(struct job *job, const char *reason, enum again again, const char *format, ...)
{
    va_list args;
    if (job->failure.reason != NULL)
        return;
    va_start(args, format);
    job->failure.reason = reason;
    job->failure.again = again;
    vsnprintf(job->failure.text, sizeof(job->failure.text), format, args);
    va_end(args);
}

static void try_begin(struct job *job)
{
    sink_restart(&job->sink);
    url_free(&job->target);
    job->start = job->sink.taken;
    job->redirects = 0;
    job->left = job->renewed = false;
    job->credential = NO_CREDENTIAL;
    job_ask(job);
}

static bool is_last(const struct job *job)
{
    return job->place + 1 == job->fetch->options.endpoint_count;
}

/* A registry's wish for a longer wait is its answer; davitd knows when to ask again. */
static bool wait_again(struct job *job)
{
    const struct failure *failure = &job->failure;
    if (failure->again == AGAIN_NEVER || (failure->again == AGAIN_AT_LAST && !is_last(job)) ||
        failure->retry_after_ms > LIMIT_FETCH_WAIT_MS)
        return false;
    if (job->kind == JOB_STREAM && !failure->slow && job->sink.taken - job->start >= PROGRESS_BYTES)
        job->tries = 0;
    if (++job->tries >= LIMIT_FETCH_TRIES)
        return false;
    uint64_t delay_ms = job->fetch->options.delay_ms << (job->tries - 1);
    if (delay_ms < failure->retry_after_ms)
        delay_ms = failure->retry_after_ms;
    job->phase = JOB_WAITING;
    job->wake_ms = clock_boot_ms() + delay_ms;
    return true;
}

static bool next_place(struct job *job)
{
    if (is_last(job))
        return false;
    strbuf_printf(&job->before, "%s%s: %s", job->before.len > 0 ? "; " : "", job_place(job)->endpoint->origin,
                  job->failure.text);
    job->place++;
    job->tries = 0;
    challenge_free(&job->challenge);
    if (job->kind != JOB_STREAM || job->sink.taken == 0)
        job->source = job->place;
    return true;
}

void job_fail(struct job *job)
{
    if (job->failure.again != AGAIN_NEVER && wait_again(job))
        return;
    if (strcmp(job->failure.reason, "Cancelled") != 0 && next_place(job)) {
        try_begin(job);
        return;
    }
    job->phase = JOB_OVER;
    say_failed(job);
}

static bool digest_is_right(struct job *job)
{
    char hex[DIGEST_HEX_BYTES];
    if (job->kind == JOB_STREAM || job->digest[0] == '\0')
        return true;
    digest_of(job->sink.data, job->sink.len, hex);
    if (strcmp(job->digest + strlen("sha256:"), hex) == 0)
        return true;
    job_note(job, "WrongDigest", AGAIN_NEVER, "its bytes have the digest sha256:%s: the registry is damaged or lies", hex);
    return false;
}

void job_arrived(struct job *job)
{
    if (!digest_is_right(job))
        job_fail(job);
    else
        job->phase = JOB_FLUSHING;
}

void job_exchange_begin(struct job *job, enum job_phase phase)
{
    job->phase = phase;
    job->answered = job->draining = job->full = false;
    job->throttled = 0;
    job->drained = 0;
    job->skip = 0;
    memset(&job->failure, 0, sizeof(job->failure));
    window_start(&job->window, clock_boot_ms());
}

/* Letters, digits and . _ - / without "..": what the grammar of references lets through, and nothing that a URL reads
 * otherwise.
 */
static bool word_is_safe(const char *text, const char *more)
{
    for (const char *at = text; *at != '\0'; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z');
        if (!plain && strchr("._-", *at) == NULL && strchr(more, *at) == NULL)
            return false;
    }
    return text[0] != '\0' && text[0] != '/' && strstr(text, "..") == NULL && strlen(text) < REFERENCE_NAME_BYTES;
}

static bool place_read(struct job *job, const struct json *head, struct error *err)
{
    int64_t from = json_get_integer(head, "from", 0);
    if (from < 0 || (size_t)from >= job->fetch->options.endpoint_count)
        return error_set(err, ERROR_INVALID, "from: there is no endpoint %lld", (long long)from);
    job->place = job->source = (size_t)from;
    return true;
}

/* A path and a query of visible ASCII; libcurl reads the whole URL once more. */
static bool file_is_safe(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~' || *at == '#')
            return false;
    return text[0] == '/' && strlen(text) < LIMIT_FETCH_URL_BYTES;
}

static bool file_read_head(struct job *job, const struct json *head, struct error *err)
{
    const char *file = json_get_text(head, "file");
    if (!file_is_safe(file))
        return error_set(err, ERROR_INVALID, "file is no path");
    if (job->kind != JOB_STREAM)
        return error_set(err, ERROR_INVALID, "a file needs a descriptor");
    job->file = mem_strdup(file);
    job->repository = mem_strdup("");
    job->reference = mem_strdup("");
    job->size = -1;
    job->most = json_get_integer(head, "most", 0);
    job->checked = json_get_boolean(head, "checked", false);
    return place_read(job, head, err);
}

static bool job_read(struct job *job, const struct json *head, struct error *err)
{
    if (json_get_text(head, "file") != NULL)
        return file_read_head(job, head, err);
    const char *repository = json_get_text(head, "repository");
    const char *reference = json_get_text(head, job->kind == JOB_MANIFEST ? "reference" : "digest");
    if (repository == NULL || !word_is_safe(repository, "/"))
        return error_set(err, ERROR_INVALID, "repository is missing or no path");
    if (reference == NULL || !(digest_is_valid(reference) || (job->kind == JOB_MANIFEST && word_is_safe(reference, ""))))
        return error_set(err, ERROR_INVALID, "reference or digest is missing or none");
    job->repository = mem_strdup(repository);
    job->reference = mem_strdup(reference);
    if (digest_is_valid(reference))
        snprintf(job->digest, sizeof(job->digest), "%s", reference);
    job->size = json_get_integer(head, "size", -1);
    if (job->kind != JOB_MANIFEST && job->size < 0)
        return error_set(err, ERROR_INVALID, "size is missing");
    if (job->kind == JOB_BLOB && job->size > LIMIT_IMAGE_CONFIG_BYTES)
        return error_set(err, ERROR_LIMIT, "a blob of more than %d bytes needs a descriptor", LIMIT_IMAGE_CONFIG_BYTES);
    return place_read(job, head, err);
}

struct job *job_new(struct fetch *fetch, struct frame *frame, enum job_kind kind, struct error *err)
{
    struct job *job = mem_alloc(sizeof(*job));
    job->fetch = fetch;
    job->kind = kind;
    job->id = json_get_integer(frame->head, "id", -1);
    sink_init(&job->sink, kind == JOB_STREAM ? frame_take_fd(frame, 0) : -1);
    strbuf_init(&job->before, LIMIT_FETCH_MESSAGE_BYTES);
    strbuf_init(&job->token, LIMIT_FETCH_TOKEN_BYTES);
    if (job->id < 0)
        error_set(err, ERROR_INVALID, "id is missing");
    else if (job_read(job, frame->head, err))
        return job;
    job_free(job);
    return NULL;
}

void job_free(struct job *job)
{
    http_cancel(job->exchange);
    sink_close(&job->sink);
    strbuf_free(&job->before);
    strbuf_free(&job->token);
    url_free(&job->target);
    url_free(&job->service);
    challenge_free(&job->challenge);
    free(job->repository);
    free(job->reference);
    free(job->file);
    free(job->mark);
    free(job->media_type);
    free(job);
}

void job_start(struct job *job)
{
    try_begin(job);
}

void job_cancel(struct job *job, const char *why)
{
    http_cancel(job->exchange);
    job->exchange = NULL;
    memset(&job->failure, 0, sizeof(job->failure));
    job_note(job, "Cancelled", AGAIN_NEVER, "%s", why);
    job_fail(job);
}

void job_resume(struct job *job)
{
    job->full = false;
    job->throttled = 0;
    http_resume(job->exchange);
}

static void pipe_look(struct job *job)
{
    enum sink_state state = sink_flush(&job->sink);
    if (state == SINK_GONE) {
        job_cancel(job, "nobody reads it any more");
    } else if (state == SINK_TAKEN && job->phase == JOB_FLUSHING) {
        job->phase = JOB_OVER;
        say_got(job);
    } else if (state == SINK_TAKEN && job->exchange != NULL) {
        job_resume(job);
    }
}

/* Slow is who could send and does not; on the way to a connection libcurl looks at the time. */
static void window_turn(struct job *job, uint64_t now_ms)
{
    const struct fetch_options *options = &job->fetch->options;
    int64_t bytes;
    bool waits = !job->full && job->throttled == 0 && http_is_connected(job->exchange);
    if (!window_look(&job->window, now_ms, waits, options->window_ms, &bytes))
        return;
    double wanted = (double)options->min_rate * (double)options->window_ms / 1000;
    if (job->answered && !job->draining && (double)bytes >= wanted)
        return;
    http_cancel(job->exchange);
    job->exchange = NULL;
    judge_slow(job);
    job_fail(job);
}

void job_turn(struct job *job, uint64_t now_ms)
{
    bool flushed = job->phase == JOB_FLUSHING && (job->sink.fd < 0 || job->sink.start == job->sink.len);
    if (job->ready || flushed)
        pipe_look(job);
    job->ready = false;
    if (job->phase == JOB_WAITING && now_ms >= job->wake_ms)
        try_begin(job);
    if (job->exchange != NULL)
        window_turn(job, now_ms);
    if (job->phase == JOB_ASKING && job->sink.taken != job->said_bytes && now_ms - job->said_ms >= PROGRESS_MS) {
        job->said_bytes = job->sink.taken;
        job->said_ms = now_ms;
        say_progress(job);
    }
}
