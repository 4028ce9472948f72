#include "config.h"

#include "image/fetch_job.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "image/fetch_say.h"
#include "image/reference.h"

#define MANIFEST_TYPES \
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " \
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
#define DRAIN_BYTES (64 * 1024) /* of a body nobody wants; then a new connection is cheaper */
#define PROGRESS_MS 1000

static void job_ask(struct job *job);

static void fail(struct job *job, const char *reason, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void fail(struct job *job, const char *reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    job->failure.reason = reason;
    vsnprintf(job->failure.text, sizeof(job->failure.text), format, args);
    va_end(args);
}

static void job_fail(struct job *job)
{
    if (job->place + 1 < job->fetch->options.endpoint_count) {
        strbuf_printf(&job->before, "%s%s: %s", job->before.len > 0 ? "; " : "",
                      job->fetch->places[job->place].endpoint->origin, job->failure.text);
        job->place++;
        sink_restart(&job->sink);
        if (job->sink.taken == 0)
            job->source = job->place;
        job_ask(job);
        return;
    }
    job->phase = JOB_OVER;
    say_failed(job);
}

static void job_finish(struct job *job)
{
    struct digest digest;
    char hex[DIGEST_HEX_BYTES];
    if (job->kind != JOB_STREAM && job->digest[0] != '\0') {
        digest_init(&digest);
        digest_add(&digest, job->sink.data, job->sink.len);
        digest_hex(&digest, hex);
        if (strcmp(job->digest + strlen("sha256:"), hex) != 0) {
            fail(job, "WrongDigest", "its bytes have the digest sha256:%s", hex);
            job_fail(job);
            return;
        }
    }
    job->phase = JOB_OVER;
    say_got(job);
}

static bool on_head(void *ctx, const struct answer *answer)
{
    struct job *job = ctx;
    if (answer->status != 200) {
        fail(job, answer->status == 404 ? "NotFound" : "BadAnswer", "%d", answer->status);
        job->draining = true;
    } else if (job->size >= 0 && answer->content_length >= 0 && answer->content_length != job->size) {
        fail(job, "WrongSize", "it has %lld bytes instead of %lld", (long long)answer->content_length,
             (long long)job->size);
        return false;
    }
    free(job->media_type);
    job->media_type = mem_strdup(answer->content_type);
    return true;
}

static enum http_take on_data(void *ctx, const char *data, size_t len)
{
    struct job *job = ctx;
    if (job->draining) {
        job->drained += len;
        return job->drained <= DRAIN_BYTES ? HTTP_TAKEN : HTTP_REFUSED;
    }
    int64_t cap = job->size >= 0 ? job->size : LIMIT_IMAGE_MANIFEST_BYTES;
    if ((int64_t)len > cap - job->sink.taken) {
        fail(job, job->size >= 0 ? "WrongSize" : "TooLarge", "it has more than %lld bytes", (long long)cap);
        return HTTP_REFUSED;
    }
    enum sink_state state = sink_add(&job->sink, data, len);
    job->full = state == SINK_FULL;
    if (state == SINK_GONE)
        fail(job, "Cancelled", "nobody reads it any more");
    return state == SINK_TAKEN ? HTTP_TAKEN : state == SINK_FULL ? HTTP_FULL : HTTP_REFUSED;
}

static const char *fault_reason(enum http_fault fault)
{
    static const char *const reasons[] = {
        [HTTP_NAME] = "UnknownHost",  [HTTP_PROXY] = "Unreachable",       [HTTP_CONNECT] = "Unreachable",
        [HTTP_TLS] = "Certificate",   [HTTP_CERTIFICATE] = "Certificate", [HTTP_BROKEN] = "Unreachable",
        [HTTP_NONSENSE] = "BadAnswer",
    };
    return reasons[fault];
}

static void on_end(void *ctx, enum http_fault fault, const struct answer *answer, const char *why)
{
    struct job *job = ctx;
    (void)answer;
    job->exchange = NULL;
    if (job->failure.reason == NULL && fault != HTTP_DONE)
        fail(job, fault_reason(fault), "%s", why);
    if (job->failure.reason == NULL && job->size >= 0 && job->sink.taken != job->size)
        fail(job, "WrongSize", "it has %lld bytes instead of %lld", (long long)job->sink.taken, (long long)job->size);
    if (job->failure.reason != NULL)
        job_fail(job);
    else
        job->phase = JOB_FLUSHING;
}

static void job_ask(struct job *job)
{
    static const struct http_handlers handlers = {on_head, on_data, on_end};
    const struct place *place = &job->fetch->places[job->place];
    struct url url;
    struct error err;
    AUTO_FREE char *origin = url_origin(&place->base);
    AUTO_FREE char *text =
        mem_printf("%s/v2/%s%s/%s/%s", origin, place->endpoint->prefix, job->repository,
                   job->kind == JOB_MANIFEST ? "manifests" : "blobs", job->reference);
    memset(&job->failure, 0, sizeof(job->failure));
    job->draining = false;
    job->drained = 0;
    job->phase = JOB_ASKING;
    if (!url_parse(text, &url, &err)) {
        fail(job, "BadAnswer", "%s", err.message);
        job_fail(job);
        return;
    }
    const struct http_request request = {
        .url = &url,
        .accept = job->kind == JOB_MANIFEST ? MANIFEST_TYPES : NULL,
        .verify = !place->endpoint->insecure,
        .ca = place->endpoint->ca,
    };
    job->exchange = http_start(job->fetch->http, &request, &handlers, job);
    url_free(&url);
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

static bool job_read(struct job *job, const struct json *head, struct error *err)
{
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
    int64_t from = json_get_integer(head, "from", 0);
    if (from < 0 || (size_t)from >= job->fetch->options.endpoint_count)
        return error_set(err, ERROR_INVALID, "from: there is no endpoint %lld", (long long)from);
    job->place = job->source = (size_t)from;
    job->size = json_get_integer(head, "size", -1);
    if (job->kind != JOB_MANIFEST && job->size < 0)
        return error_set(err, ERROR_INVALID, "size is missing");
    if (job->kind == JOB_BLOB && job->size > LIMIT_IMAGE_CONFIG_BYTES)
        return error_set(err, ERROR_LIMIT, "a blob of more than %d bytes needs a descriptor", LIMIT_IMAGE_CONFIG_BYTES);
    return true;
}

struct job *job_new(struct fetch *fetch, struct frame *frame, enum job_kind kind, struct error *err)
{
    struct job *job = mem_alloc(sizeof(*job));
    job->fetch = fetch;
    job->kind = kind;
    job->id = json_get_integer(frame->head, "id", -1);
    sink_init(&job->sink, kind == JOB_STREAM ? frame_take_fd(frame, 0) : -1);
    strbuf_init(&job->before, LIMIT_FETCH_MESSAGE_BYTES);
    if (job->id >= 0 && job_read(job, frame->head, err))
        return job;
    job_free(job);
    return NULL;
}

void job_free(struct job *job)
{
    http_cancel(job->exchange);
    sink_close(&job->sink);
    strbuf_free(&job->before);
    free(job->repository);
    free(job->reference);
    free(job->media_type);
    free(job);
}

void job_start(struct job *job)
{
    job_ask(job);
}

void job_cancel(struct job *job, const char *why)
{
    http_cancel(job->exchange);
    job->exchange = NULL;
    fail(job, "Cancelled", "%s", why);
    job->phase = JOB_OVER;
    say_failed(job);
}

static void flush(struct job *job)
{
    enum sink_state state = sink_flush(&job->sink);
    job->full = state == SINK_FULL;
    if (state == SINK_GONE)
        job_cancel(job, "nobody reads it any more");
    else if (state == SINK_TAKEN && job->phase == JOB_FLUSHING)
        job_finish(job);
    else if (state == SINK_TAKEN && job->exchange != NULL)
        http_resume(job->exchange);
}

void job_turn(struct job *job, uint64_t now_ms)
{
    if (job->phase == JOB_FLUSHING || job->full)
        flush(job);
    if (job->phase == JOB_ASKING && job->sink.taken != job->said_bytes && now_ms - job->said_ms >= PROGRESS_MS) {
        job->said_bytes = job->sink.taken;
        job->said_ms = now_ms;
        say_progress(job);
    }
}
