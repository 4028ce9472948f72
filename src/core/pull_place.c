#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/memory.h"
#include "core/collect.h"
#include "core/placing.h"
#include "core/pull_job.h"

/* ---- room */

int64_t pull_used_bytes(const struct puller *puller)
{
    int64_t used = collect_total(puller->daemon->core);
    for (const struct pull_layer *layer = puller->layers; layer != NULL; layer = layer->hh.next)
        used += layer->bytes;
    return used;
}

bool pull_make_room(struct pull_job *job)
{
    const char *state_dir = job->puller->daemon->config->state_dir;
    struct pull_progress missing;
    struct statvfs disk;
    pull_layers_progress(job, &missing);
    if (statvfs(state_dir, &disk) != 0 || missing.layers == 0)
        return true;
    int64_t quota = placing_quota(job->puller->daemon), free_bytes = (int64_t)(disk.f_bavail * disk.f_frsize);
    if (pull_used_bytes(job->puller) > quota - missing.total)
        collect(job->puller->daemon->core, quota - missing.total, NULL);
    else if (free_bytes < missing.total) /* not soon enough for this pull, but for the next try */
        collect(job->puller->daemon->core, collect_total(job->puller->daemon->core) - missing.total, NULL);
    int64_t used = pull_used_bytes(job->puller);
    if (free_bytes < missing.total)
        job_fail(job, "NoSpace",
                 "its layers have %" PRId64 " bytes as they are stored, and %" PRIu64 " are free in %s: make room there",
                 missing.total, (uint64_t)free_bytes, state_dir);
    else if (missing.total > quota - used)
        job_fail(job, "OverQuota",
                 "its layers have %" PRId64 " bytes as they are stored, and of the quota for images, %" PRId64 " bytes, "
                 "%" PRId64 " are used: raise [images] quota=", missing.total, quota, used);
    return !job->over;
}

int64_t pull_room(const struct puller *puller)
{
    int64_t left = placing_quota(puller->daemon) - pull_used_bytes(puller);
    if (left >= (int64_t)LIMIT_LAYER_BYTES)
        return (int64_t)LIMIT_LAYER_BYTES;
    return left > 0 ? left : 1; /* 0 is no limit */
}

/* ---- the end of a good pull */

static void placed(void *ctx, const struct error *err)
{
    struct pull_job *job = ctx;
    job->puller->placing = NULL;
    if (err == NULL)
        job_succeed(job);
    else
        job_fail(job, err->code == ERROR_NO_SPACE ? "NoSpace" : "StoreFailed", "%s", err->message);
}

static void add_image(const struct pull_job *job, struct placing *placing, const struct json *config,
                      const struct json *layers, int64_t size_bytes)
{
    AUTO_FREE char *config_text = json_print(config);
    AUTO_FREE char *layers_text = json_print(layers);
    placing_add_image(placing, &(struct image_row){ .id = job->id,
                                                    .manifest = job->manifest_digest, .config = config_text,
                                                    .layers = layers_text, .size_bytes = size_bytes,
                                                    .created_ms = clock_wall_ms() });
}

static void add_layers(const struct pull_job *job, struct placing *placing)
{
    const struct images *images = &job->puller->daemon->core->images;
    AUTO_JSON struct json *layers = json_new_array();
    int64_t size_bytes = 0;
    for (size_t i = 0; i < job->layer_count; i++) {
        const struct pull_layer *layer = job->layers[i].layer;
        const struct layer *here = images_layer(images, job->layers[i].diff_id);
        json_add_text(layers, job->layers[i].diff_id);
        size_bytes += here != NULL ? here->size_bytes : layer != NULL ? layer->bytes : 0;
        if (here != NULL || layer == NULL)
            continue;
        AUTO_FREE char *from = mem_printf("%s/0", layer->staging);
        placing_add_layer(placing, job->layers[i].diff_id, from, layer->bytes);
    }
    add_image(job, placing, job->content.report, layers, size_bytes);
}

void pull_place(struct pull_job *job)
{
    struct placing *placing = placing_new(job->puller->daemon);
    if (job->disk)
        pull_disk_name(job);
    const struct image *known = images_by_id(&job->puller->daemon->core->images, job->id);
    job->stage = JOB_PLACING;
    job->puller->placing = job;
    peer_free(mem_steal(&job->fetch)); /* with the credentials it was told */
    if (known == NULL)
        add_layers(job, placing);
    placing_add_name(placing, &(struct image_name_row){ .reference = job->name, .id = job->id });
    placing_run(placing, placed, job);
}
