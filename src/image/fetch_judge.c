/* What an answer means for a job. Nothing of what the other side wrote is repeated: only numbers, and our own words. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "image/fetch_job.h"

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool refuse_large(struct job *job, const char *what, int64_t bytes, int64_t most)
{
    if (bytes <= most)
        return true;
    job_note(job, "TooLarge", AGAIN_NEVER, "a %s of %lld bytes: %lld are the most", what, (long long)bytes, (long long)most);
    return false;
}

/* A blob is its digest; a file may be another one the next time it is asked for. */
static bool is_same_file(struct job *job, const struct answer *answer)
{
    const char *mark = answer->etag != NULL ? answer->etag : answer->last_modified;
    if (job->file == NULL)
        return true;
    if (job->start == 0) {
        job->size = -1;
        free(job->mark);
        job->mark = mark != NULL ? mem_strdup(mark) : NULL;
        return true;
    }
    if (mark == NULL && job->mark == NULL && job->checked)
        return true;
    if (mark != NULL && job->mark != NULL && strcmp(mark, job->mark) == 0)
        return true;
    job_note(job, "BadAnswer", AGAIN_NEVER, mark != NULL && job->mark != NULL
                 ? "it changed while it was fetched"
                 : "it broke off, and nothing says that what comes now is the same file: name its checksum");
    return false;
}

/* A whole body. With a range asked for it is a registry that knows none: what is there already is passed over. */
static enum verdict judge_whole(struct job *job, const struct answer *answer)
{
    if (job->size >= 0 && answer->content_length >= 0 && answer->content_length != job->size) {
        job_note(job, "WrongSize", AGAIN_NEVER, "it has %lld bytes instead of %lld", (long long)answer->content_length,
                 (long long)job->size);
        return VERDICT_STOP;
    }
    if (job->file == NULL && job->size < 0 &&
        !refuse_large(job, "manifest", answer->content_length, LIMIT_IMAGE_MANIFEST_BYTES))
        return VERDICT_STOP;
    if (job->file != NULL && !refuse_large(job, "file", answer->content_length, job->most))
        return VERDICT_STOP;
    if (job->file != NULL && job->start == 0)
        job->size = answer->content_length;
    job->skip = job->start;
    return VERDICT_TAKE;
}

static enum verdict judge_rest(struct job *job, const struct answer *answer)
{
    if (job->start > 0 && answer_is_rest(answer, job->start, job->size))
        return VERDICT_TAKE;
    job_note(job, "BadAnswer", AGAIN_NEVER, "a part came (206) that is not the one that was asked for");
    return VERDICT_STOP;
}

enum verdict judge_head(struct job *job, const struct answer *answer)
{
    if (answer->status != 200 && answer->status != 206)
        return VERDICT_DRAIN;
    if (answer->encoded) {
        job_note(job, "BadAnswer", AGAIN_NEVER, "it came compressed by HTTP, which was not asked for");
        return VERDICT_STOP;
    }
    if (!is_same_file(job, answer))
        return VERDICT_STOP;
    free(job->media_type);
    job->media_type = mem_strdup(answer->content_type);
    return answer->status == 200 ? judge_whole(job, answer) : judge_rest(job, answer);
}

/* Without a length said, a connection that closed early looks like an end. */
static void judge_body(struct job *job, const struct answer *answer)
{
    if (job->file != NULL && job->size < 0 && !answer->chunked && !job->checked) {
        job_note(job, "BadAnswer", AGAIN_NEVER,
                 "the server does not say how long it is, so nobody knows whether all of it came: name its checksum");
        job_fail(job);
        return;
    }
    if (job->size < 0 || job->sink.taken == job->size) {
        job_arrived(job);
        return;
    }
    job_note(job, "WrongSize", AGAIN_HERE, "it ended after %lld of %lld bytes", (long long)job->sink.taken,
             (long long)job->size);
    job_fail(job);
}

static void bad_redirect(struct job *job, const char *why)
{
    job_note(job, "BadAnswer", AGAIN_NEVER, "it led somewhere else, %s", why);
    job_fail(job);
}

/* By hand, and without credentials once it leads away from the registry. */
static void follow(struct job *job, const struct answer *answer)
{
    const struct place *place = job_place(job);
    struct url target;
    struct error err;
    if (answer->location == NULL) {
        bad_redirect(job, "and did not say where");
    } else if (++job->redirects > LIMIT_FETCH_REDIRECTS) {
        bad_redirect(job, "more than 5 times");
    } else if (!url_follow(&job->target, answer->location, &target, &err)) {
        bad_redirect(job, err.message);
    } else if (!url_may_lead(&job->target, &target, place->endpoint->insecure)) {
        url_free(&target);
        bad_redirect(job, "from https to plain http");
    } else {
        job->left = job->left || !url_same_origin(&place->base, &target);
        url_free(&job->target);
        job->target = target;
        job_ask(job);
    }
}

static void judge_denied(struct job *job, const struct answer *answer)
{
    if (job->left) {
        job_note(job, "Unauthorized", AGAIN_NEVER, "where it led to, the answer was %d", answer->status);
        job_fail(job);
    } else if (!auth_challenged(job, answer)) {
        job_fail(job);
    }
}

static void judge_missing(struct job *job, const struct answer *answer)
{
    if (answer->status == 404)
        job_note(job, "NotFound", AGAIN_NEVER, job->file != NULL ? "404: there is no such file" : job->kind == JOB_MANIFEST
                     ? "404: there is no such image or tag, or it is private and wants an imagePullSecret"
                     : "404: it is not there");
    else
        job_note(job, "Unauthorized", AGAIN_NEVER, "%d: whoever asks like this may not have it: check the credentials",
                 answer->status);
    job_fail(job);
}

/* It may be better in a moment; another endpoint may be better now. */
static void judge_busy(struct job *job, const struct answer *answer)
{
    bool many = answer->status == 429;
    uint64_t wait_ms = answer_retry_after_ms(answer, clock_wall_ms());
    job_note(job, many ? "TooManyRequests" : "ServerError", AGAIN_AT_LAST, "%d%s", answer->status,
             many ? ": too many requests; credentials may allow more" : ": the server is in trouble");
    job->failure.retry_after_ms = wait_ms;
    job_fail(job);
}

void judge_status(struct job *job, const struct answer *answer)
{
    int status = answer->status;
    if (status == 200 || status == 206) {
        judge_body(job, answer);
    } else if (is_redirect(status)) {
        follow(job, answer);
    } else if (status == 401 || ((status == 403 || status == 404) && !job->left && auth_has_more(job))) {
        judge_denied(job, answer);
    } else if (status == 403 || status == 404) {
        judge_missing(job, answer);
    } else if (status == 408 || status == 429 || status >= 500) {
        judge_busy(job, answer);
    } else {
        job_note(job, "BadAnswer", AGAIN_NEVER, "the answer was %d, which is none to this question", status);
        job_fail(job);
    }
}

/* An insecure registry may speak plain HTTP. Without a port, that is another one. */
static bool try_plain(struct job *job, enum http_fault fault)
{
    struct place *place = job_place(job);
    struct error ignored; /* it is made of a URL that was read */
    struct url plain;
    bool may = fault == HTTP_TLS || (fault == HTTP_CONNECT && !place->base.port_given);
    if (!place->endpoint->insecure || place->plain || place->worked || url_is_plain(&place->base) || job->left || !may)
        return false;
    AUTO_FREE char *text = mem_printf("http://%s%s%s/", place->base.host, place->base.port_given ? ":" : "",
                                      place->base.port_given ? place->base.port : "");
    if (!url_parse(text, &plain, &ignored))
        return false;
    place->base = plain; /* the one before belongs to the endpoint */
    place->plain = true;
    url_free(&job->target);
    job_ask(job);
    return true;
}

static const struct {
    const char *reason;
    const char *hint;
} faults[] = {
    [HTTP_NAME] = { "UnknownHost", "" },
    [HTTP_PROXY] = { "Unreachable", ": the proxy of davitd's environment (https_proxy, no_proxy)" },
    [HTTP_CONNECT] = { "Unreachable", "" },
    [HTTP_CERTIFICATE] = { "Certificate", ": an authority of your own goes into certs_dir=" },
    [HTTP_TLS] = { "Certificate", ": a registry without TLS must be named in insecure_registries=" },
    [HTTP_BROKEN] = { "Unreachable", "" },
    [HTTP_NONSENSE] = { "BadAnswer", "" },
};

void judge_fault(struct job *job, enum http_fault fault, const char *why)
{
    const struct place *place = job_place(job);
    bool passing = fault == HTTP_BROKEN || (place->worked && (fault == HTTP_NAME || fault == HTTP_CONNECT));
    if (try_plain(job, fault))
        return;
    job_note(job, faults[fault].reason, passing ? AGAIN_HERE : AGAIN_NEVER, "%s%s", why, faults[fault].hint);
    job_fail(job);
}

void judge_slow(struct job *job)
{
    const struct fetch_options *options = &job->fetch->options;
    if (job->answered)
        job_note(job, "TooSlow", AGAIN_HERE, "less than %lld bytes a second for %llu s", (long long)options->min_rate,
                 (unsigned long long)options->window_ms / 1000);
    else
        job_note(job, "Unreachable", AGAIN_HERE, "no answer for %llu s", (unsigned long long)options->window_ms / 1000);
    job->failure.slow = true;
}
