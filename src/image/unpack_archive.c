#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "image/plan.h"
#include "image/unpack.h"

struct import {
    struct unpack *unpack;
    struct plan *plan;
    struct layer_sum *sums; /* by the plan's layers; entries 0: not unpacked yet */
    int *roots;
};

static bool report_image(const struct import *import, const struct plan_image *image, struct error *err)
{
    uint64_t size = 0;
    AUTO_JSON struct json *head = json_new_texts("op", "image", "id", image->id, NULL);
    json_set_text(head, "manifest", image->manifest[0] != '\0' ? image->manifest : NULL);
    json_set(head, "references", json_copy(image->references));
    json_set(head, "config", json_copy(image->config));
    struct json *layers = json_set_array(head, "layers");
    for (size_t i = 0; i < image->layer_count; i++) {
        json_add_text(layers, import->plan->layers[image->layers[i]].diff_id);
        size += import->sums[image->layers[i]].bytes;
    }
    json_set_integer(head, "size", (int64_t)size);
    return unpack_say(head, err);
}

/* The parent says nothing after its request: whatever happens on the socket is its end. */
static bool parent_is_there(void)
{
    char byte = 0;
    ssize_t got = recv(FRAME_CHILD_FD, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool read_entry(void *ctx, const void **data, size_t *len, struct error *err)
{
    return imagefile_read(ctx, data, len, err);
}

static bool unpack_into(struct import *import, size_t index, struct tree *tree, struct error *err)
{
    struct unpack *unpack = import->unpack;
    const struct plan_layer *layer = &import->plan->layers[index];
    struct layer_sum sum;
    const struct layer_limits limits = unpack_limits(unpack, parent_is_there);
    const struct plain_source source = {.read = read_entry, .ctx = import->plan->file};
    if (layer->entry->size == 0)
        return error_set(err, ERROR_INVALID, "it is empty");
    if (!imagefile_seek(import->plan->file, layer->entry, err) ||
        !layer_unpack(&source, layer->digest, layer->diff_id, tree, &limits, &sum, err))
        return false;
    unpack->bytes_left -= sum.bytes < unpack->bytes_left ? sum.bytes : unpack->bytes_left;
    unpack->entries_left -= sum.entries;
    import->sums[index] = sum;
    import->roots[index] = tree_steal_root(tree);
    return true;
}

static bool unpack_at(struct import *import, size_t index, const int *lower, size_t lower_count, struct error *err)
{
    struct tree tree;
    char dir[16];
    snprintf(dir, sizeof(dir), "%zu", index);
    struct tree_lowers lowers = {.fds = lower, .count = lower_count};
    bool ok = tree_open(&tree, import->unpack->staging, dir, &lowers, err) && unpack_into(import, index, &tree, err);
    tree_close(&tree);
    if (!ok)
        return error_wrap(err, "layer %zu (%s)", index, import->plan->layers[index].diff_id);
    return unpack_say_layer(&import->sums[index], dir, err);
}

/* Lowest first: a layer is unpacked in the sight of those below it. One shared by images sees those of the first. */
static bool unpack_image(struct import *import, const struct plan_image *image, struct error *err)
{
    AUTO_FREE int *lower = mem_array(image->layer_count, sizeof(*lower));
    for (size_t i = 0; i < image->layer_count; i++) {
        size_t index = image->layers[i];
        if (import->roots[index] < 0 && !unpack_at(import, index, lower, i, err))
            return false;
        lower[i] = import->roots[index];
    }
    return true;
}

static bool unpack_all(struct import *import, struct error *err)
{
    size_t count = import->plan->layer_count;
    import->sums = mem_array(count, sizeof(import->sums[0]));
    import->roots = mem_array(count, sizeof(import->roots[0]));
    for (size_t i = 0; i < count; i++)
        import->roots[i] = -1;
    for (size_t i = 0; i < import->plan->image_count; i++) {
        if (!unpack_image(import, &import->plan->images[i], err))
            return false;
    }
    for (size_t i = 0; i < import->plan->image_count; i++) {
        if (!report_image(import, &import->plan->images[i], err))
            return false;
    }
    return unpack_say_done(err);
}

bool unpack_archive(struct unpack *unpack, struct error *err)
{
    struct import import = {.unpack = unpack};
    struct imagefile *file = imagefile_open(STDIN_FILENO, err);
    if (file == NULL)
        return false;
    import.plan = plan_new(file, err);
    bool ok = import.plan != NULL && unpack_all(&import, err);
    plan_free(import.plan);
    imagefile_free(file);
    free(import.sums);
    free(import.roots);
    return ok;
}
