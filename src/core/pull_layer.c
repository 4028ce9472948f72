#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "core/pull_job.h"

/* ---- which layers */

static struct pull_layer *layer_use(struct puller *puller, const char *diff_id)
{
    struct pull_layer *layer = NULL;
    HASH_FIND_STR(puller->layers, diff_id, layer);
    if (layer == NULL) {
        layer = mem_alloc(sizeof(*layer));
        layer->puller = puller;
        snprintf(layer->diff_id, sizeof(layer->diff_id), "%s", diff_id);
        HASH_ADD_STR(puller->layers, diff_id, layer);
    }
    layer->users++;
    return layer;
}

/* The lower of two equal layers adds nothing that the upper one does not show, and overlayfs takes none twice. */
static void list_layer(struct pull_job *job, const char *diff_id, const struct descriptor *blob)
{
    size_t kept = 0;
    for (size_t i = 0; i < job->layer_count; i++) {
        if (strcmp(job->layers[i].diff_id, diff_id) != 0)
            job->layers[kept++] = job->layers[i];
    }
    struct job_layer *layer = &job->layers[kept];
    *layer = (struct job_layer){ .blob = *blob };
    snprintf(layer->diff_id, sizeof(layer->diff_id), "%s", diff_id);
    job->layer_count = kept + 1;
}

static void list_layers(struct pull_job *job)
{
    size_t at = 0;
    job->layers = mem_array(job->manifest.layer_count, sizeof(job->layers[0]));
    JSON_EACH(diff_id, job->content.diff_ids)
        list_layer(job, json_text(diff_id), &job->manifest.layers[at++]);
    struct images *images = &job->puller->daemon->core->images;
    for (size_t i = 0; i < job->layer_count; i++) {
        if (images_layer(images, job->layers[i].diff_id) == NULL)
            job->layers[i].layer = layer_use(job->puller, job->layers[i].diff_id);
        else
            images_pin(images, job->layers[i].diff_id, true);
    }
}

void pull_layers_begin(struct pull_job *job)
{
    list_layers(job);
    job->stage = JOB_LAYERS;
    if (pull_make_room(job))
        pull_layers_pump(job->puller);
}

void pull_layers_begin_disk(struct pull_job *job, const char *key, const struct descriptor *blob)
{
    job->layers = mem_array(1, sizeof(job->layers[0]));
    list_layer(job, key, blob);
    job->layers[0].layer = layer_use(job->puller, key);
    job->stage = JOB_LAYERS;
    if (pull_make_room(job))
        pull_layers_pump(job->puller);
}

void pull_layers_none(struct pull_job *job)
{
    job->stage = JOB_LAYERS;
    pull_layers_pump(job->puller);
}

void pull_layers_release(struct pull_job *job)
{
    for (size_t i = 0; i < job->layer_count; i++) {
        struct pull_layer *layer = job->layers[i].layer;
        if (layer == NULL) {
            images_pin(&job->puller->daemon->core->images, job->layers[i].diff_id, false);
            continue;
        }
        if (layer->state != LAYER_WHOLE && layer->owner == job)
            layer_stop(layer);
        if (layer->owner == job)
            layer->owner = NULL;
        if (--layer->users > 0)
            continue;
        layer_stop(layer);
        HASH_DEL(job->puller->layers, layer);
        free(layer);
    }
    free(job->layers);
    job->layers = NULL;
    job->layer_count = 0;
}

/* ---- one after the other */

static bool is_whole(const struct job_layer *layer)
{
    return layer->layer == NULL || layer->layer->state == LAYER_WHOLE;
}

static size_t count_coming(const struct pull_job *job)
{
    size_t count = 0;
    for (size_t i = 0; i < job->layer_count; i++) {
        const struct pull_layer *layer = job->layers[i].layer;
        count += layer != NULL && layer->state == LAYER_COMING && layer->owner == job;
    }
    return count;
}

/* Folders that are on their way to their place are nowhere for a moment. */
static bool are_whole_below(const struct pull_job *job, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (!is_whole(&job->layers[i]))
            return false;
    }
    return job->puller->placing == NULL;
}

/* NULL: nowhere. The caller frees. */
static char *folder_of(const struct pull_job *job, size_t at)
{
    const struct daemon *daemon = job->puller->daemon;
    const struct layer *here = images_layer(&daemon->core->images, job->layers[at].diff_id);
    const struct pull_layer *layer = job->layers[at].layer;
    if (here != NULL)
        return mem_printf("%s/images/layers/%" PRId64, daemon->config->state_dir, here->folder);
    return layer != NULL && layer->staging != NULL ? mem_printf("%s/0", layer->staging) : NULL;
}

static bool open_lower(const struct pull_job *job, size_t at, int *fd, struct error *err)
{
    AUTO_FREE char *folder = folder_of(job, at);
    if (folder == NULL)
        return error_set(err, ERROR_INTERNAL, "the layer %s is gone", job->layers[at].diff_id);
    return file_open_detached(AT_FDCWD, folder, fd, err) || error_wrap(err, "%s", folder);
}

static void send_lowers(struct pull_layer *layer)
{
    struct pull_job *job = layer->owner;
    struct error err;
    bool good = true;
    for (size_t at = 0; at < layer->owner_at && good;) {
        int fds[LIMIT_FRAME_FDS];
        size_t count = 0;
        while (count < LIMIT_FRAME_FDS && at < layer->owner_at && (good = open_lower(job, at, &fds[count], &err))) {
            count++;
            at++;
        }
        if (good)
            peer_send_fds(layer->unpack, json_new_texts("op", "lowers", NULL), NULL, 0, fds, count);
        while (count > 0)
            close(fds[--count]);
    }
    if (!good)
        job_fail(job, "UnpackError", "layer %zu of %zu cannot see those below it: %s", layer->owner_at + 1,
                 job->layer_count, err.message);
}

/* Lowest first: a layer that waits for those below it waits for what was started before it, so nothing waits in a ring.
 * What another job brings is waited for.
 */
static void pump_job(struct pull_job *job)
{
    size_t slots = (size_t)job->puller->daemon->config->images.parallel;
    size_t whole = 0, coming = count_coming(job);
    for (size_t i = 0; i < job->layer_count && !job->over; i++) {
        struct pull_layer *layer = job->layers[i].layer;
        whole += is_whole(&job->layers[i]);
        if (layer == NULL)
            continue;
        if (layer->state == LAYER_WANTED && coming < slots) {
            layer_start(job, i);
            coming++;
        } else if (layer->state == LAYER_COMING && layer->owner == job && layer->wants_lowers && are_whole_below(job, i)) {
            layer->wants_lowers = false;
            send_lowers(layer);
        }
    }
    if (whole == job->layer_count && !job->over && job->puller->placing == NULL)
        pull_place(job);
}

void pull_layers_pump(struct puller *puller)
{
    for (struct pull_job *job = puller->jobs; job != NULL; job = job->next)
        if (job->stage == JOB_LAYERS && !job->over)
            pump_job(job);
}

void pull_layers_answer(struct pull_job *job, const struct frame *frame)
{
    int64_t id = json_get_integer(frame->head, "id", 0);
    for (size_t i = 0; i < job->layer_count; i++) {
        struct pull_layer *layer = job->layers[i].layer;
        if (layer != NULL && layer->owner == job && layer->fetch_id == id && !layer->fetched) {
            layer_fetch_answer(layer, frame);
            return;
        }
    }
}

void pull_layers_progress(const struct pull_job *job, struct pull_progress *out)
{
    *out = (struct pull_progress){ 0 };
    for (size_t i = 0; i < job->layer_count; i++) {
        const struct pull_layer *layer = job->layers[i].layer;
        int64_t size = job->layers[i].blob.size;
        if (layer == NULL)
            continue;
        bool whole = layer->state == LAYER_WHOLE;
        out->layers++;
        out->layer += whole;
        out->total += size;
        out->bytes += whole || layer->stored_bytes > size ? size : layer->stored_bytes;
    }
}
