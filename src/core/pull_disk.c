#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/memory.h"
#include "core/placing.h"
#include "core/pull_job.h"
#include "image/disk.h"

/* What tells two sources apart before anybody knows what they hold. As long as a diff-id, and never one. */
static void source_key(const char *source, char out[DIGEST_OCI_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    digest_of(source, strlen(source), hex);
    snprintf(out, DIGEST_OCI_BYTES, "source:%s", hex);
}

/* Of the quota and the disk: what may a disk take? What is a hole is none of it. */
int64_t puller_disk_room(const struct puller *puller)
{
    struct statvfs disk;
    int64_t left = placing_quota(puller->daemon) - pull_used_bytes(puller);
    if (statvfs(puller->daemon->config->state_dir, &disk) == 0 && (int64_t)(disk.f_bavail * disk.f_frsize) < left)
        left = (int64_t)(disk.f_bavail * disk.f_frsize);
    return left > 0 ? left : 1; /* 0 is no limit */
}

void pull_disk_begin(struct pull_job *job)
{
    char key[DIGEST_OCI_BYTES];
    const struct descriptor unknown = { .size = 0 };
    job->disk = true;
    source_key(job->name, key);
    pull_layers_begin_disk(job, key, &unknown);
}

void pull_disk_begin_artifact(struct pull_job *job)
{
    char key[DIGEST_OCI_BYTES];
    job->disk = true;
    source_key(job->manifest.layers[0].digest, key);
    pull_layers_begin_disk(job, key, &job->manifest.layers[0]);
}

struct json *pull_disk_unpack_head(const struct pull_layer *layer)
{
    const struct job_layer *wanted = &layer->owner->layers[layer->owner_at];
    const struct reference *reference = &layer->owner->reference;
    bool served = reference->url[0] != '\0';
    struct json *head = json_new_texts("op", "disk", "staging", layer->staging, "checksum",
                                       served ? reference->checksum : wanted->blob.digest, NULL);
    json_set_integer(head, "size", served ? -1 : wanted->blob.size);
    json_set_integer(head, "maxBytes", layer->max_bytes);
    return head;
}

struct json *pull_disk_fetch_head(const struct pull_job *job)
{
    const char *host = strstr(job->reference.url, "://") + 3;
    struct json *head = json_new_texts("op", "file", "file", host + strcspn(host, "/"), NULL);
    json_set_integer(head, "most", LIMIT_DISK_SERVED_BYTES);
    json_set_boolean(head, "checked", job->reference.checksum[0] != '\0');
    return head;
}

bool pull_disk_came(struct pull_layer *layer, const struct json *head)
{
    const char *digest = json_get_text(head, "digest"), *served = json_get_text(head, "served");
    if (digest == NULL || !digest_is_valid(digest) || served == NULL || !digest_is_valid(served))
        return false;
    layer->bytes = json_get_integer(head, "bytes", 0);
    snprintf(layer->disk, sizeof(layer->disk), "%s", digest);
    snprintf(layer->served, sizeof(layer->served), "%s", served);
    return true;
}

void pull_disk_name(struct pull_job *job)
{
    const struct pull_layer *layer = job->layers[0].layer;
    disk_layer_id(layer->disk, job->layers[0].diff_id);
    disk_image_id(layer->disk, job->id);
    json_free(job->content.report);
    job->content.report = disk_config(layer->disk);
    if (job->reference.url[0] != '\0' && job->reference.checksum[0] == '\0')
        snprintf(job->note, sizeof(job->note), "nobody checked this disk, for its URL names no checksum: what came has "
                 "#sha256=%s", layer->served + strlen("sha256:"));
}
