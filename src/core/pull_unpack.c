#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/placing.h"
#include "core/pull_job.h"

static void forget_transfer(struct pull_layer *layer)
{
    peer_free(mem_steal(&layer->unpack));
    if (layer->staging != NULL)
        placing_remove_later(layer->puller->daemon, mem_steal(&layer->staging));
    layer->fetch_id = 0;
    layer->fetched = layer->wants_lowers = false;
    layer->stored_bytes = layer->bytes = 0;
    layer->endpoint[0] = layer->reason[0] = '\0';
    layer->index = -1;
}

static void cancel_fetch(struct pull_layer *layer)
{
    struct json *cancel = json_new_texts("op", "cancel", NULL);
    json_set_integer(cancel, "id", layer->fetch_id);
    peer_send(layer->owner->fetch, cancel, NULL, 0);
}

void layer_stop(struct pull_layer *layer)
{
    if (layer->state == LAYER_COMING && !layer->fetched)
        cancel_fetch(layer);
    forget_transfer(layer);
    layer->state = LAYER_WANTED;
    layer->owner = NULL;
}

/* ---- what ends badly */

static void fail_owner(struct pull_layer *layer, const char *reason, const char *message)
{
    struct pull_job *job = layer->owner;
    const char *name = layer->diff_id + strlen("sha256:");
    if (job->disk)
        job_fail(job, reason, "%s: %s%s", job->reference.url[0] != '\0' ? "the disk" : job->layers[0].blob.digest, message,
                 strcmp(reason, "NoSpace") == 0 ? ": davit image prune makes room, or raise [images] quota=" : "");
    else if (strcmp(reason, "TooLarge") == 0 && layer->max_bytes < (int64_t)LIMIT_LAYER_BYTES)
        job_fail(job, "OverQuota",
                 "layer %zu of %zu (sha256:%.12s): unpacked it needs more than the %" PRId64 " bytes that are left of "
                 "the quota for images: davit image prune, or raise [images] quota=", layer->owner_at + 1,
                 job->layer_count, name, layer->max_bytes);
    else
        job_fail(job, reason, "layer %zu of %zu (sha256:%.12s): %s", layer->owner_at + 1, job->layer_count, name, message);
}

/* Wrong bytes may be the fault of one mirror. */
static bool try_elsewhere(struct pull_layer *layer)
{
    struct pull_job *job = layer->owner;
    struct job_layer *wanted = &job->layers[layer->owner_at];
    if (job->over || strcmp(layer->reason, "DigestMismatch") != 0 || layer->index < 0 ||
        layer->index + 1 >= (int64_t)job->endpoints)
        return false;
    log_warn("%s: %s: asking the next endpoint", layer->endpoint, layer->message);
    wanted->from = layer->index + 1;
    forget_transfer(layer);
    layer->state = LAYER_WANTED;
    layer_start(job, layer->owner_at);
    return true;
}

/* davit-unpack did not take it, and davit-fetch has said its last word. */
static void settle_failure(struct pull_layer *layer)
{
    if (!try_elsewhere(layer))
        fail_owner(layer, layer->reason, layer->message);
}

/* An unpacker that lacks bytes says so, but why they lack davit-fetch knows: its word is waited for. */
static void unpack_failed(struct pull_layer *layer, const char *reason, const char *message)
{
    snprintf(layer->reason, sizeof(layer->reason), "%s", reason);
    snprintf(layer->message, sizeof(layer->message), "%s", message);
    peer_free(mem_steal(&layer->unpack));
    if (layer->fetched)
        settle_failure(layer);
    else
        cancel_fetch(layer);
}

/* Of a URL it is known only now; what has to go for it goes, in time for the next try at least. */
static void note_total(const struct pull_layer *layer, const struct json *head)
{
    struct pull_job *job = layer->owner;
    struct descriptor *blob = &job->layers[layer->owner_at].blob;
    int64_t total = json_get_integer(head, "total", 0);
    bool news = total > blob->size;
    if (job->reference.url[0] == '\0')
        return;
    blob->size = total > layer->stored_bytes ? total : layer->stored_bytes;
    if (news && !pull_make_room(job))
        log_debug("%s: there is no room for it", job->name);
}

void layer_fetch_answer(struct pull_layer *layer, const struct frame *frame)
{
    const char *op = json_get_text(frame->head, "op"), *endpoint = json_get_text(frame->head, "endpoint");
    const char *reason = json_get_text(frame->head, "reason"), *message = json_get_text(frame->head, "message");
    if (strcmp(op, "progress") == 0) {
        layer->stored_bytes = json_get_integer(frame->head, "bytes", layer->stored_bytes);
        note_total(layer, frame->head);
        return;
    }
    layer->fetched = true;
    bool good = strcmp(op, "got") == 0;
    layer->index = json_get_integer(frame->head, "index", -1);
    if (endpoint != NULL)
        snprintf(layer->endpoint, sizeof(layer->endpoint), "%s", endpoint);
    if (layer->state == LAYER_WHOLE)
        return;
    if (layer->reason[0] != '\0' && (good || (reason != NULL && strcmp(reason, "Cancelled") == 0)))
        settle_failure(layer);
    else if (!good)
        fail_owner(layer, reason != NULL ? reason : "FetchError", message != NULL ? message : "davit-fetch did not say why");
}

/* ---- davit-unpack */

static void on_up(void *ctx)
{
    struct pull_layer *layer = ctx;
    const struct job_layer *wanted = &layer->owner->layers[layer->owner_at];
    if (layer->owner->disk) {
        peer_send(layer->unpack, pull_disk_unpack_head(layer), NULL, 0);
        return;
    }
    struct json *head = json_new_texts("op", "layer", "staging", layer->staging, "digest", wanted->blob.digest, "diffId",
                                       layer->diff_id, NULL);
    json_set_integer(head, "size", wanted->blob.size);
    json_set_integer(head, "lowers", (int64_t)layer->owner_at);
    json_set_integer(head, "maxBytes", layer->max_bytes);
    json_set_integer(head, "maxEntries", LIMIT_LAYER_ENTRIES);
    peer_send(layer->unpack, head, NULL, 0);
}

static void on_frame(void *ctx, struct frame *frame)
{
    struct pull_layer *layer = ctx;
    const char *op = json_get_text(frame->head, "op");
    const char *reason = json_get_text(frame->head, "reason"), *message = json_get_text(frame->head, "message");
    if (op == NULL || layer->state != LAYER_COMING || layer->reason[0] != '\0')
        return;
    if (strcmp(op, "layer") == 0) {
        layer->bytes = json_get_integer(frame->head, "bytes", 0);
    } else if (strcmp(op, "disk") == 0 && pull_disk_came(layer, frame->head)) {
        log_debug("%s is a disk of %" PRId64 " bytes", layer->disk, layer->bytes);
    } else if (strcmp(op, "need-lowers") == 0) {
        layer->wants_lowers = true;
        pull_layers_pump(layer->puller);
    } else if (strcmp(op, "done") == 0) {
        layer->state = LAYER_WHOLE;
        peer_free(mem_steal(&layer->unpack));
        pull_layers_pump(layer->puller);
    } else {
        unpack_failed(layer, reason != NULL ? reason : "UnpackError",
                      message != NULL ? message : "davit-unpack did not say why");
    }
}

static void on_down(void *ctx, const struct error *why)
{
    struct pull_layer *layer = ctx;
    if (layer->state == LAYER_COMING && layer->reason[0] == '\0')
        unpack_failed(layer, "UnpackError", why->message);
}

static void start_unpack(struct pull_layer *layer, int stdin_fd)
{
    AUTO_FREE char *program = mem_printf("%s/davit-unpack", layer->puller->daemon->config->libexec_dir);
    const char *const argv[] = { program, NULL };
    struct peer_options options = { .name = "davit-unpack", .argv = argv, .stdin_fd = stdin_fd, .once = true,
                                    .on_up = on_up, .on_frame = on_frame, .on_down = on_down };
    layer->unpack = peer_new(layer->puller->daemon->loop, &options, layer);
}

static void start_fetch(struct pull_job *job, struct pull_layer *layer, int fd)
{
    const struct job_layer *wanted = &job->layers[layer->owner_at];
    struct json *head = job->reference.url[0] != '\0' ? pull_disk_fetch_head(job)
                        : json_new_texts("op", "blob", "repository", job->reference.path, "digest", wanted->blob.digest, NULL);
    layer->fetch_id = ++job->last_id;
    json_set_integer(head, "id", layer->fetch_id);
    if (job->reference.url[0] == '\0')
        json_set_integer(head, "size", wanted->blob.size);
    json_set_integer(head, "from", wanted->from);
    peer_send_fds(job->fetch, head, NULL, 0, &fd, 1);
}

void layer_start(struct pull_job *job, size_t at)
{
    struct pull_layer *layer = job->layers[at].layer;
    struct puller *puller = job->puller;
    int ends[2];
    struct error err;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        job_fail(job, "FetchError", "cannot make a pipe for a layer: %s", strerror(errno));
        return;
    }
    AUTO_CLOSE int reading = ends[0];
    AUTO_CLOSE int writing = ends[1];
    if (fcntl(writing, F_SETPIPE_SZ, LIMIT_PULL_PIPE_BYTES) < 0)
        log_debug("a pipe of the usual size: %s", strerror(errno));
    layer->staging = mem_printf("%s/images/staging/pull-%" PRIu64 "-%" PRIu64, puller->daemon->config->state_dir,
                                clock_boot_ms(), ++puller->serial);
    if (!file_make_dirs(layer->staging, 0700, &err)) {
        job_fail(job, err.code == ERROR_NO_SPACE ? "NoSpace" : "UnpackError", "%s", err.message);
        return;
    }
    layer->state = LAYER_COMING;
    layer->owner = job;
    layer->owner_at = at;
    layer->max_bytes = job->disk ? puller_disk_room(puller) : pull_room(puller);
    start_unpack(layer, reading);
    start_fetch(job, layer, writing);
}
