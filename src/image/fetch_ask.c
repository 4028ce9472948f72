#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "image/fetch_job.h"

#define MANIFEST_TYPES \
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " \
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
#define DRAIN_BYTES (64 * 1024) /* of a body nobody wants; then a new connection is cheaper */

static bool on_head(void *ctx, const struct answer *answer)
{
    struct job *job = ctx;
    job->answered = true;
    job_place(job)->worked = true;
    enum verdict verdict = judge_head(job, answer);
    job->draining = verdict == VERDICT_DRAIN;
    return verdict != VERDICT_STOP;
}

static enum http_take drain(struct job *job, size_t len)
{
    job->drained += len;
    return job->drained <= DRAIN_BYTES ? HTTP_TAKEN : HTTP_REFUSED;
}

static int64_t cap_of(const struct job *job)
{
    if (job->size >= 0)
        return job->size;
    return job->file != NULL ? job->most : LIMIT_IMAGE_MANIFEST_BYTES;
}

/* What is there already, of a registry that knows no ranges, is passed over. */
static enum http_take store(struct job *job, const char *data, size_t len)
{
    int64_t cap = cap_of(job);
    size_t old = (int64_t)len < job->skip ? len : (size_t)job->skip;
    if ((int64_t)(len - old) > cap - job->sink.taken) {
        job_note(job, job->size >= 0 ? "WrongSize" : "TooLarge", AGAIN_NEVER, "it has more than %lld bytes", (long long)cap);
        return HTTP_REFUSED;
    }
    enum sink_state state = len > old ? sink_add(&job->sink, data + old, len - old) : SINK_TAKEN;
    job->full = state == SINK_FULL;
    if (state == SINK_GONE)
        job_note(job, "Cancelled", AGAIN_NEVER, "nobody reads it any more");
    if (state != SINK_TAKEN)
        return state == SINK_FULL ? HTTP_FULL : HTTP_REFUSED;
    job->skip -= (int64_t)old;
    return HTTP_TAKEN;
}

static enum http_take on_data(void *ctx, const char *data, size_t len)
{
    struct job *job = ctx;
    struct bucket *bucket = &job->fetch->bucket;
    if (job->draining)
        return drain(job, len);
    if (bucket_is_empty(bucket)) {
        job->throttled = ++bucket->queued;
        return HTTP_FULL;
    }
    enum http_take take = store(job, data, len);
    if (take == HTTP_TAKEN) {
        bucket_take(bucket, len);
        job->window.bytes += (int64_t)len;
    }
    return take;
}

static void on_end(void *ctx, enum http_fault fault, const struct answer *answer, const char *why)
{
    struct job *job = ctx;
    job->exchange = NULL;
    if (job->failure.reason != NULL)
        job_fail(job);
    else if (fault == HTTP_DONE || job->draining)
        judge_status(job, answer);
    else
        judge_fault(job, fault, why);
}

static bool registry_url(const struct job *job, struct url *url, struct error *err)
{
    const struct place *place = job_place(job);
    AUTO_FREE char *origin = url_origin(&place->base);
    AUTO_FREE char *text = job->file != NULL ? mem_printf("%s%s", origin, job->file)
                           : mem_printf("%s/v2/%s%s/%s/%s", origin, place->endpoint->prefix, job->repository,
                                        job->kind == JOB_MANIFEST ? "manifests" : "blobs", job->reference);
    return url_parse(text, url, err);
}

void job_ask(struct job *job)
{
    static const struct http_handlers handlers = { on_head, on_data, on_end };
    const struct place *place = job_place(job);
    struct error err;
    job_exchange_begin(job, JOB_ASKING);
    if (job->target.text == NULL && !registry_url(job, &job->target, &err)) {
        job_note(job, "BadAnswer", AGAIN_NEVER, "%s", err.message);
        job_fail(job);
        return;
    }
    const struct http_request request = {
        .url = &job->target,
        .accept = job->kind == JOB_MANIFEST ? MANIFEST_TYPES : NULL,
        .authorization = job->left ? NULL : auth_header(job),
        .range_start = job->kind == JOB_STREAM && job->size >= 0 ? job->start : 0,
        .verify = !place->endpoint->insecure,
        .ca = place->endpoint->ca,
        .fresh = job->tries > 0,
    };
    job->exchange = http_start(job->fetch->http, &request, &handlers, job);
}
