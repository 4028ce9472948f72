#include "model/instance.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

static void instance_clear(struct instance *instance)
{
    json_free(mem_steal(&instance->pre_stop));
    json_free(mem_steal(&instance->claims));
    json_free(mem_steal(&instance->volume_images));
    json_free(mem_steal(&instance->vm));
    free(mem_steal(&instance->ending.message));
}

struct run *run_new(const char *uid)
{
    struct run *run = mem_alloc(sizeof(*run));
    snprintf(run->uid, sizeof(run->uid), "%s", uid);
    run->wants.memory_bytes = POD_UNSET;
    return run;
}

void run_free(struct run *run)
{
    if (run == NULL)
        return;
    for (size_t i = 0; i < run->count; i++)
        instance_clear(&run->instances[i]);
    free(run->instances);
    free(run);
}

struct instance *run_find(const struct run *run, const char *container, int64_t attempt)
{
    for (size_t i = 0; run != NULL && i < run->count; i++)
        if (run->instances[i].attempt == attempt && strcmp(run->instances[i].container, container) == 0)
            return &run->instances[i];
    return NULL;
}

bool run_has_life(const struct run *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (run->instances[i].state != INSTANCE_EXITED)
            return true;
    return false;
}

struct instance *run_newest(const struct run *run, const char *container)
{
    struct instance *newest = NULL;
    for (size_t i = 0; run != NULL && i < run->count; i++) {
        struct instance *one = &run->instances[i];
        if (strcmp(one->container, container) == 0 && (newest == NULL || one->attempt > newest->attempt))
            newest = one;
    }
    return newest;
}

struct instance *run_add(struct run *run, const char *container, int64_t attempt)
{
    struct instance *known = run_find(run, container, attempt);
    if (known != NULL)
        return known;
    run->instances = mem_resize(run->instances, run->count + 1, sizeof(*run->instances));
    struct instance *added = &run->instances[run->count++];
    memset(added, 0, sizeof(*added));
    snprintf(added->container, sizeof(added->container), "%s", container);
    added->attempt = attempt;
    added->supervised = true;
    return added;
}

void run_remove(struct run *run, const char *container, int64_t attempt)
{
    struct instance *gone = run_find(run, container, attempt);
    if (gone == NULL)
        return;
    size_t index = (size_t)(gone - run->instances);
    instance_clear(gone);
    run->count--;
    memmove(gone, gone + 1, (run->count - index) * sizeof(*gone));
}

void instance_merge(struct instance *known, const struct instance *seen)
{
    if (seen->state < known->state)
        return;
    known->supervised = seen->supervised;
    if (seen->grace_ms != 0)
        known->grace_ms = seen->grace_ms;
    if (seen->image_id[0] != '\0')
        memcpy(known->image_id, seen->image_id, sizeof(known->image_id));
    known->role = seen->role;
    known->order = seen->order;
    if (known->pre_stop == NULL && seen->pre_stop != NULL)
        known->pre_stop = json_copy(seen->pre_stop);
    if (known->claims == NULL && seen->claims != NULL)
        known->claims = json_copy(seen->claims);
    if (known->volume_images == NULL && seen->volume_images != NULL)
        known->volume_images = json_copy(seen->volume_images);
    if (seen->vm != NULL) {
        json_free(known->vm);
        known->vm = json_copy(seen->vm);
    }
    if (known->state == INSTANCE_EXITED)
        return; /* the first account of an end stays */
    uint64_t started_ms = known->ending.started_ms;
    char *message = seen->ending.message != NULL ? mem_strdup(seen->ending.message) : NULL;
    free(known->ending.message);
    known->state = seen->state;
    known->ending = seen->ending;
    known->ending.message = message;
    if (known->ending.started_ms == 0)
        known->ending.started_ms = started_ms;
}
