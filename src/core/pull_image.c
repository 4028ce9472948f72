#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/pull_job.h"

static const char *reason_of(const struct error *err)
{
    if (err->code == ERROR_UNSUPPORTED)
        return "NoPlatform";
    return err->code == ERROR_LIMIT ? "TooLarge" : "InvalidImage";
}

static void ask(struct pull_job *job, struct json *head_taken)
{
    job->asked_id = ++job->last_id;
    json_set_integer(head_taken, "id", job->asked_id);
    json_set_text(head_taken, "repository", job->reference.path);
    peer_send(job->fetch, head_taken, NULL, 0);
}

void pull_image_begin(struct pull_job *job)
{
    const struct reference *reference = &job->reference;
    snprintf(job->manifest_digest, sizeof(job->manifest_digest), "%s", reference->digest);
    job->manifest_size = -1;
    ask(job, json_new_texts("op", "manifest", "reference",
                            reference->digest[0] != '\0' ? reference->digest : reference->tag, NULL));
}

static const char *body_of(const struct frame *frame)
{
    return frame->body != NULL ? frame->body : "";
}

/* Of davit-fetch's own look at the digest nothing is believed. */
static bool check_bytes(const struct frame *frame, const char *digest, int64_t size, const char *what, struct error *err)
{
    char hex[DIGEST_HEX_BYTES];
    digest_of(body_of(frame), frame->body_len, hex);
    if (digest[0] != '\0' && strcmp(hex, digest + strlen("sha256:")) != 0)
        return error_set(err, ERROR_CONFLICT, "%s: what came as the %s %s has the digest sha256:%s",
                         json_get_text(frame->head, "endpoint"), what, digest, hex);
    if (size >= 0 && (uint64_t)size != frame->body_len)
        return error_set(err, ERROR_CONFLICT, "%s: the %s %s has %zu bytes, and whoever named it says %lld",
                         json_get_text(frame->head, "endpoint"), what, digest, frame->body_len, (long long)size);
    return true;
}

static void ask_config(struct pull_job *job)
{
    struct json *head = json_new_texts("op", "blob", "digest", job->manifest.config.digest, NULL);
    json_set_integer(head, "size", job->manifest.config.size);
    job->stage = JOB_CONFIG;
    ask(job, head);
}

static void follow_index(struct pull_job *job)
{
    struct descriptor chosen = job->manifest.chosen;
    manifest_free(&job->manifest);
    if (++job->depth > LIMIT_IMAGE_INDEXES) {
        job_fail(job, "InvalidImage", "%s: an index in an index in an index", job->manifest_from);
        return;
    }
    memcpy(job->manifest_digest, chosen.digest, sizeof(job->manifest_digest));
    job->manifest_size = chosen.size;
    ask(job, json_new_texts("op", "manifest", "reference", chosen.digest, NULL));
}

static void take_manifest(struct pull_job *job, const struct frame *frame)
{
    struct error err;
    char hex[DIGEST_HEX_BYTES];
    snprintf(job->manifest_from, sizeof(job->manifest_from), "%s", json_get_text(frame->head, "endpoint"));
    if (!check_bytes(frame, job->manifest_digest, job->manifest_size, "manifest", &err)) {
        job_fail(job, "WrongDigest", "%s", err.message);
        return;
    }
    digest_of(body_of(frame), frame->body_len, hex);
    snprintf(job->manifest_digest, sizeof(job->manifest_digest), "sha256:%s", hex);
    if (!manifest_parse(body_of(frame), frame->body_len, json_get_text(frame->head, "mediaType"), machine_here(),
                        &job->manifest, &err)) {
        job_fail(job, reason_of(&err), "%s: the manifest %s: %s", job->manifest_from, job->manifest_digest, err.message);
        return;
    }
    snprintf(job->id, sizeof(job->id), "%s", job->manifest.config.digest);
    if (job->manifest.kind == MANIFEST_INDEX)
        follow_index(job);
    else if (job->manifest.kind == MANIFEST_DISK)
        pull_disk_begin_artifact(job);
    else if (images_by_id(&job->puller->daemon->core->images, job->manifest.config.digest) != NULL)
        pull_layers_none(job);
    else
        ask_config(job);
}

static void take_config(struct pull_job *job, const struct frame *frame)
{
    struct error err;
    const struct descriptor *config = &job->manifest.config;
    if (!check_bytes(frame, config->digest, config->size, "configuration", &err)) {
        job_fail(job, "WrongDigest", "%s", err.message);
        return;
    }
    if (!image_config_parse(body_of(frame), frame->body_len, job->manifest.layer_count, machine_here(), &job->content, &err)) {
        job_fail(job, reason_of(&err), "%s: the configuration %s: %s", json_get_text(frame->head, "endpoint"),
                 config->digest, err.message);
        return;
    }
    pull_layers_begin(job);
}

void pull_image_answer(struct pull_job *job, const struct frame *frame)
{
    const char *op = json_get_text(frame->head, "op");
    const char *reason = json_get_text(frame->head, "reason"), *message = json_get_text(frame->head, "message");
    job->asked_id = 0;
    if (strcmp(op, "failed") == 0)
        job_fail(job, reason != NULL ? reason : "FetchError", "%s", message != NULL ? message : "davit-fetch did not say why");
    else if (strcmp(op, "got") != 0 || json_get_text(frame->head, "endpoint") == NULL)
        job_fail(job, "FetchError", "davit-fetch sent a frame that nobody knows");
    else if (job->stage == JOB_MANIFEST)
        take_manifest(job, frame);
    else
        take_config(job, frame);
}
