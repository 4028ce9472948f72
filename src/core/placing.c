#include "core/placing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/collect.h"

struct placed_layer {
    char *diff_id;
    char *from, *to; /* `to` NULL: it is here already, and pinned until the end */
    bool here;
    int64_t folder;
    int64_t size_bytes;
};

struct placed_name {
    char *reference, *id;
};

struct placed_image {
    char *id, *manifest, *config, *layers;
    int64_t size_bytes;
    uint64_t created_ms;
};

struct placing {
    struct daemon *daemon;
    struct placed_layer *layers;
    size_t layer_count;
    struct placed_image *images;
    size_t image_count;
    struct placed_name *names;
    size_t name_count;
    uv_work_t work;
    struct error err; /* of the worker thread */
    placing_done done;
    void *ctx;
    struct placing *next;
};

/* ---- folders that are no longer wanted */

struct removal {
    uv_work_t work;
    char *path;
};

static void remove_work(uv_work_t *work)
{
    const struct removal *removal = work->data;
    struct error err;
    if (!file_remove_tree(removal->path, &err))
        log_warn("cannot remove %s: %s", removal->path, err.message);
}

static void remove_done(uv_work_t *work, int status)
{
    struct removal *removal = work->data;
    (void)status;
    free(removal->path);
    free(removal);
}

void placing_remove_later(struct daemon *daemon, char *path_taken)
{
    struct removal *removal = mem_alloc(sizeof(*removal));
    removal->path = path_taken;
    removal->work.data = removal;
    uv_queue_work(daemon->loop, &removal->work, remove_work, remove_done);
}

int64_t placing_quota(const struct daemon *daemon)
{
    struct statvfs disk;
    int64_t quota = daemon->config->images.quota_bytes;
    if (quota > 0)
        return quota;
    return statvfs(daemon->config->state_dir, &disk) == 0 ? (int64_t)(disk.f_blocks / 2 * disk.f_frsize) : INT64_MAX;
}

static bool is_layer_of(const struct images *images, const char *folder)
{
    for (const struct layer *layer = images->layers; layer != NULL; layer = layer->hh.next) {
        AUTO_FREE char *name = mem_printf("%" PRId64, layer->folder);
        if (strcmp(name, folder) == 0)
            return true;
    }
    return false;
}

static const struct layer *find_lost(const struct daemon *daemon)
{
    for (const struct layer *layer = daemon->core->images.layers; layer != NULL; layer = layer->hh.next) {
        AUTO_FREE char *folder = mem_printf("%s/images/layers/%" PRId64, daemon->config->state_dir, layer->folder);
        if (access(folder, F_OK) != 0 && errno == ENOENT)
            return layer;
    }
    return NULL;
}

/* A folder that somebody removed, or a disk that was restored by halves. Looked for anew each time: with a lost layer go
 * its images, and with them other layers.
 */
static void drop_lost(struct daemon *daemon)
{
    const struct layer *lost;
    for (size_t left = HASH_COUNT(daemon->core->images.layers); left > 0 && (lost = find_lost(daemon)) != NULL; left--)
        collect_lost_layer(daemon->core, lost->diff_id);
}

void placing_clean(struct daemon *daemon)
{
    drop_lost(daemon);
    AUTO_FREE char *layers = mem_printf("%s/images/layers", daemon->config->state_dir);
    AUTO_FREE char *staging = mem_printf("%s/images/staging", daemon->config->state_dir);
    const char *const folders[] = { layers, staging };
    for (size_t i = 0; i < 2; i++) {
        DIR *dir = opendir(folders[i]);
        for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
            if (entry->d_name[0] != '.' && !(i == 0 && is_layer_of(&daemon->core->images, entry->d_name)))
                placing_remove_later(daemon, mem_printf("%s/%s", folders[i], entry->d_name));
        if (dir != NULL)
            closedir(dir);
    }
}

/* ---- what is to be placed */

struct placing *placing_new(struct daemon *daemon)
{
    struct placing *placing = mem_alloc(sizeof(*placing));
    placing->daemon = daemon;
    placing->work.data = placing;
    return placing;
}

void placing_add_layer(struct placing *placing, const char *diff_id, const char *from, int64_t size_bytes)
{
    placing->layers = mem_resize(placing->layers, placing->layer_count + 1, sizeof(placing->layers[0]));
    placing->layers[placing->layer_count++] = (struct placed_layer){
        .diff_id = mem_strdup(diff_id), .from = mem_strdup(from), .size_bytes = size_bytes };
}

void placing_add_image(struct placing *placing, const struct image_row *row)
{
    placing->images = mem_resize(placing->images, placing->image_count + 1, sizeof(placing->images[0]));
    placing->images[placing->image_count++] = (struct placed_image){
        .id = mem_strdup(row->id), .manifest = mem_strdup(row->manifest),
        .config = mem_strdup(row->config), .layers = mem_strdup(row->layers), .size_bytes = row->size_bytes,
        .created_ms = row->created_ms };
}

void placing_add_name(struct placing *placing, const struct image_name_row *row)
{
    placing->names = mem_resize(placing->names, placing->name_count + 1, sizeof(placing->names[0]));
    placing->names[placing->name_count++] =
        (struct placed_name){ .reference = mem_strdup(row->reference), .id = mem_strdup(row->id) };
}

static struct image_row image_row_of(const struct placed_image *image)
{
    return (struct image_row){ .id = image->id, .manifest = image->manifest,
                               .config = image->config, .layers = image->layers, .size_bytes = image->size_bytes,
                               .created_ms = image->created_ms, .used_ms = image->created_ms };
}

static struct image_name_row name_row_of(const struct placed_name *name)
{
    return (struct image_name_row){ .reference = name->reference, .id = name->id };
}

static struct layer_row layer_row_of(const struct placed_layer *layer)
{
    return (struct layer_row){ .diff_id = layer->diff_id, .folder = layer->folder, .size_bytes = layer->size_bytes };
}

void placing_free(struct placing *placing)
{
    for (size_t i = 0; i < placing->layer_count; i++) {
        free(placing->layers[i].diff_id);
        free(placing->layers[i].from);
        free(placing->layers[i].to);
    }
    for (size_t i = 0; i < placing->image_count; i++) {
        const struct placed_image *image = &placing->images[i];
        char *const texts[] = { image->id, image->manifest, image->config, image->layers };
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
            free(texts[k]);
    }
    for (size_t i = 0; i < placing->name_count; i++) {
        free(placing->names[i].reference);
        free(placing->names[i].id);
    }
    free(placing->layers);
    free(placing->images);
    free(placing->names);
    free(placing);
}

/* ---- one after the other */

static void placing_begin(struct placing *placing);

static void placing_end(struct placing *placing, const struct error *err)
{
    struct daemon *daemon = placing->daemon;
    for (size_t i = 0; err != NULL && i < placing->layer_count; i++)
        if (placing->layers[i].to != NULL)
            placing_remove_later(daemon, mem_steal(&placing->layers[i].to));
    for (size_t i = 0; i < placing->layer_count; i++)
        if (placing->layers[i].here)
            images_pin(&daemon->core->images, placing->layers[i].diff_id, false);
    daemon->placings = placing->next;
    placing->done(placing->ctx, err);
    if (collect_total(daemon->core) > placing_quota(daemon))
        collect(daemon->core, placing_quota(daemon), NULL);
    placing_free(placing);
    if (daemon->placings != NULL)
        placing_begin(daemon->placings);
    daemon_settle(daemon);
}

static void take(const struct placing *placing)
{
    struct images *images = &placing->daemon->core->images;
    struct error err;
    for (size_t i = 0; i < placing->layer_count; i++) {
        struct layer_row row = layer_row_of(&placing->layers[i]);
        if (placing->layers[i].to != NULL)
            images_take_layer(images, &row);
    }
    for (size_t i = 0; i < placing->image_count; i++) {
        struct image_row row = image_row_of(&placing->images[i]);
        if (!images_take(images, &row, &err))
            log_error("%s", err.message);
    }
    for (size_t i = 0; i < placing->name_count; i++) {
        struct image_name_row row = name_row_of(&placing->names[i]);
        images_take_name(images, &row);
    }
    core_touch_all(placing->daemon->core);
}

static void committed(void *ctx, const struct error *err)
{
    struct placing *placing = ctx;
    if (err == NULL)
        take(placing);
    placing_end(placing, err);
}

static void commit(struct placing *placing)
{
    struct store_txn *txn = store_begin(placing->daemon->store);
    for (size_t i = 0; i < placing->layer_count; i++) {
        struct layer_row row = layer_row_of(&placing->layers[i]);
        if (placing->layers[i].to != NULL)
            store_put_layer(txn, &row);
    }
    for (size_t i = 0; i < placing->image_count; i++) {
        struct image_row row = image_row_of(&placing->images[i]);
        store_put_image(txn, &row);
    }
    for (size_t i = 0; i < placing->name_count; i++) {
        struct image_name_row row = name_row_of(&placing->names[i]);
        store_put_image_name(txn, &row);
    }
    store_commit(txn, committed, placing);
}

/* What is in the folders comes to the disk all at once, then their names, then the rows: each of them means what is before
 * it. One sync for an image: while a layer waited for its own, the next ones would not be unpacked.
 */
static void move_all(uv_work_t *work)
{
    struct placing *placing = work->data;
    AUTO_FREE char *folder = mem_printf("%s/images/layers", placing->daemon->config->state_dir);
    AUTO_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 || error_set_errno(&placing->err, errno, "%s", folder);
    good = good && (syncfs(fd) == 0 || error_set_errno(&placing->err, errno, "cannot bring the layers to the disk"));
    for (size_t i = 0; good && i < placing->layer_count; i++) {
        const struct placed_layer *layer = &placing->layers[i];
        good = layer->to == NULL || rename(layer->from, layer->to) == 0 ||
               error_set_errno(&placing->err, errno, "cannot move a layer to %s", layer->to);
    }
    if (good && fsync(fd) != 0)
        error_set_errno(&placing->err, errno, "cannot bring %s to the disk", folder);
}

static void moved(uv_work_t *work, int status)
{
    struct placing *placing = work->data;
    (void)status;
    if (placing->err.code != ERROR_NONE)
        placing_end(placing, &placing->err);
    else
        commit(placing);
}

static void placing_begin(struct placing *placing)
{
    struct images *images = &placing->daemon->core->images;
    bool moves = false;
    for (size_t i = 0; i < placing->layer_count; i++) {
        struct placed_layer *layer = &placing->layers[i];
        if (images_layer(images, layer->diff_id) != NULL) {
            layer->here = true;
            images_pin(images, layer->diff_id, true);
            continue;
        }
        layer->folder = ++images->last_folder;
        layer->to = mem_printf("%s/images/layers/%" PRId64, placing->daemon->config->state_dir, layer->folder);
        moves = true;
    }
    if (moves)
        uv_queue_work(placing->daemon->loop, &placing->work, move_all, moved);
    else
        commit(placing);
}

void placing_run(struct placing *placing, placing_done done, void *ctx)
{
    struct placing **last = &placing->daemon->placings;
    bool first = *last == NULL;
    placing->done = done;
    placing->ctx = ctx;
    while (*last != NULL)
        last = &(*last)->next;
    *last = placing;
    if (first)
        placing_begin(placing);
}
