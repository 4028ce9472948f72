#include "model/disk_limit.h"

#include <stdio.h>
#include <string.h>

#include "model/quantity.h"
#include "model/resources.h"

#define RESOURCE "ephemeral-storage"

bool volume_is_on_disk(const struct volume *volume)
{
    bool other = volume->host_path != NULL || volume->claim != NULL || volume->config_map != NULL ||
                 volume->secret != NULL || volume->downward != NULL || volume->projected != NULL;
    return !other && (volume->empty_dir == NULL || !volume->empty_dir->memory);
}

static int64_t volume_limit(const struct volume *volume)
{
    int64_t bytes = 0;
    if (!volume_is_on_disk(volume) || volume->empty_dir == NULL ||
        !quantity_read(volume->empty_dir->size_limit, 1, &bytes) || bytes == 0)
        return POD_UNSET;
    return bytes;
}

bool pod_has_disk_limit(const struct pod *pod)
{
    for (size_t i = 0; i < pod->volumes.count; i++)
        if (volume_limit(pod_volume(pod, i)) != POD_UNSET)
            return true;
    for (size_t i = 0; i < pod_count(pod); i++)
        if (container_limit_of(pod_container(pod, i), RESOURCE) != POD_UNSET)
            return true;
    return false;
}

int64_t pod_disk_used(const struct pod *pod, const struct disk_usage *usage)
{
    int64_t sum = 0;
    for (size_t i = 0; i < pod_count(pod); i++)
        sum += usage->containers[i] > 0 ? usage->containers[i] : 0;
    for (size_t i = 0; i < pod->volumes.count; i++)
        sum += volume_is_on_disk(pod_volume(pod, i)) && usage->volumes[i] > 0 ? usage->volumes[i] : 0;
    return sum;
}

bool pod_exceeds_disk(const struct pod *pod, const struct disk_usage *usage, struct pod_end *end)
{
    *end = (struct pod_end){ .reason = "Evicted" };
    for (size_t i = 0; i < pod->volumes.count; i++) {
        const struct volume *volume = pod_volume(pod, i);
        int64_t limit = volume_limit(volume);
        if (limit == POD_UNSET || usage->volumes[i] <= limit)
            continue;
        snprintf(end->message, sizeof(end->message), "Usage of EmptyDir volume \"%s\" exceeds the limit \"%.40s\". ",
                 volume->name, volume->empty_dir->size_limit);
        return true;
    }
    char text[QUANTITY_BYTES];
    int64_t limit = pod_limit_of(pod, RESOURCE);
    if (limit != POD_UNSET && pod_disk_used(pod, usage) > limit) {
        snprintf(end->message, sizeof(end->message),
                 "Pod ephemeral local storage usage exceeds the total limit of containers %s. ",
                 quantity_bytes(limit, text));
        return true;
    }
    for (size_t i = pod_init_count(pod); i < pod_count(pod); i++) {
        limit = container_limit_of(pod_container(pod, i), RESOURCE);
        if (limit == POD_UNSET || usage->containers[i] <= limit)
            continue;
        snprintf(end->message, sizeof(end->message), "Container %s exceeded its local ephemeral storage limit \"%s\". ",
                 pod_container(pod, i)->name, quantity_bytes(limit, text));
        return true;
    }
    end->reason[0] = '\0';
    return false;
}
