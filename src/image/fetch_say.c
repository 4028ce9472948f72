#include "config.h"

#include "image/fetch_say.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

static void say(struct json *head_taken, const struct job *job, const void *body, size_t body_len)
{
    AUTO_JSON struct json *head = head_taken;
    struct error err;
    json_set_integer(head, "id", job->id);
    if (frame_send(FRAME_CHILD_FD, head, body, body_len, NULL, 0, &err))
        return;
    log_info("the parent is gone: %s", err.message);
    _exit(0);
}

void say_progress(const struct job *job)
{
    struct json *head = json_new_texts("op", "progress", NULL);
    json_set_integer(head, "bytes", job->sink.taken);
    if (job->file != NULL && job->size >= 0)
        json_set_integer(head, "total", job->size);
    say(head, job, NULL, 0);
}

void say_got(const struct job *job)
{
    const struct place *place = &job->fetch->places[job->place];
    struct json *head = json_new_texts("op", "got", "endpoint", place->endpoint->origin, NULL);
    json_set_text(head, "mediaType", job->media_type);
    json_set_integer(head, "bytes", job->sink.taken);
    json_set_integer(head, "index", (int64_t)job->source);
    bool stream = job->kind == JOB_STREAM;
    say(head, job, stream ? NULL : job->sink.data, stream ? 0 : job->sink.len);
}

void say_failed(const struct job *job)
{
    const struct place *place = &job->fetch->places[job->place];
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, LIMIT_FETCH_MESSAGE_BYTES);
    if (job->file != NULL) /* a query may be a password */
        strbuf_printf(&text, "%s%.*s: %s", place->endpoint->origin, (int)strcspn(job->file, "?"), job->file,
                      job->failure.text);
    else
        strbuf_printf(&text, "%s: %s %s%s%s: %s", place->endpoint->origin, job->kind == JOB_MANIFEST ? "manifest" : "blob",
                      job->repository, job->kind != JOB_MANIFEST || job->digest[0] != '\0' ? "@" : ":", job->reference,
                      job->failure.text);
    if (job->before.len > 0)
        strbuf_printf(&text, " (before it %s)", job->before.data);
    AUTO_FREE char *message = strbuf_steal(&text);
    struct json *head = json_new_texts("op", "failed", "reason", job->failure.reason, "message", message, NULL);
    json_set_integer(head, "index", (int64_t)job->source);
    json_set_integer(head, "retryAfterMs", (int64_t)job->failure.retry_after_ms);
    say(head, job, NULL, 0);
}
