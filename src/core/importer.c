#include "core/importer.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "davit/limits.h"
#include "image/reference.h"

struct importer {
    struct daemon *daemon;
    struct peer *unpack;
    char *staging;
    struct json *references; /* asked for; an array, or NULL */
    struct json *layers;     /* the frames "layer" */
    struct json *images;     /* the frames "image" */
    struct json *rows;       /* what is being committed: {"reference","id",…} */
    importer_answer answer;
    void *ctx;
};

/* ---- folders that are no longer wanted, off the deciding thread */

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

static void remove_later(uv_loop_t *loop, char *path_taken)
{
    struct removal *removal = mem_alloc(sizeof(*removal));
    removal->path = path_taken;
    removal->work.data = removal;
    uv_queue_work(loop, &removal->work, remove_work, remove_done);
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

void importer_clean(struct daemon *daemon)
{
    AUTO_FREE char *layers = mem_printf("%s/images/layers", daemon->config->state_dir);
    AUTO_FREE char *staging = mem_printf("%s/images/staging", daemon->config->state_dir);
    const char *const folders[] = { layers, staging };
    for (size_t i = 0; i < 2; i++) {
        DIR *dir = opendir(folders[i]);
        for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
            if (entry->d_name[0] != '.' && !(i == 0 && is_layer_of(&daemon->core->images, entry->d_name)))
                remove_later(daemon->loop, mem_printf("%s/%s", folders[i], entry->d_name));
        if (dir != NULL)
            closedir(dir);
    }
}

/* ---- the end of an import */

static void importer_end(struct importer *importer, struct json *answer_taken)
{
    if (importer->answer != NULL)
        importer->answer(importer->ctx, answer_taken, true);
    else
        json_free(answer_taken);
    peer_free(importer->unpack);
    remove_later(importer->daemon->loop, mem_steal(&importer->staging));
    json_free(importer->references);
    json_free(importer->layers);
    json_free(importer->images);
    json_free(importer->rows);
    free(importer);
}

static void importer_fail(struct importer *importer, const char *reason, const char *message)
{
    log_warn("image import: %s: %s", reason, message);
    struct json *answer = json_new_texts("op", "result", "reason", reason, "message", message, NULL);
    json_set_boolean(answer, "ok", false);
    importer_end(importer, answer);
}

void importer_detach(struct importer *importer)
{
    importer->answer = NULL;
}

/* ---- what was unpacked, put in its place */

static void take_rows(struct importer *importer)
{
    struct images *images = &importer->daemon->core->images;
    JSON_EACH(layer, importer->layers) {
        struct layer_row row = { .diff_id = json_get_text(layer, "diffId"),
                                 .folder = json_get_integer(layer, "folder", 0),
                                 .size_bytes = json_get_integer(layer, "bytes", 0) };
        if (row.folder > 0)
            images_take_layer(images, &row);
    }
    JSON_EACH(json, importer->rows) {
        AUTO_FREE char *config = json_print(json_get(json, "config"));
        AUTO_FREE char *layers = json_print(json_get(json, "layers"));
        struct error err;
        struct image_row row = { .reference = json_get_text(json, "reference"), .id = json_get_text(json, "id"),
                                 .manifest = json_get_text(json, "manifest"), .config = config, .layers = layers,
                                 .size_bytes = json_get_integer(json, "size", 0),
                                 .created_ms = (uint64_t)json_get_integer(json, "created", 0) };
        if (!images_take(images, &row, &err))
            log_error("%s", err.message);
    }
}

static void committed(void *ctx, const struct error *err)
{
    struct importer *importer = ctx;
    if (err != NULL) {
        importer_fail(importer, "StoreFailed", err->message);
        return;
    }
    take_rows(importer);
    core_touch_all(importer->daemon->core);
    struct json *answer = json_new_texts("op", "result", NULL);
    json_set_boolean(answer, "ok", true);
    struct json *list = json_set_array(answer, "images");
    JSON_EACH(row, importer->rows) {
        struct reference parsed;
        struct error ignored; /* it was parsed when it was made */
        char familiar[REFERENCE_TEXT_BYTES] = "";
        if (reference_parse(json_get_text(row, "reference"), &parsed, &ignored))
            reference_familiar(&parsed, familiar);
        json_add(list, json_new_texts("reference", familiar, "id", json_get_text(row, "id"), NULL));
    }
    struct daemon *daemon = importer->daemon;
    importer_end(importer, answer);
    daemon_settle(daemon);
}

/* Moves what is new from the staging folder; what is here already keeps its place. */
static bool place_layers(struct importer *importer, struct store_txn *txn, struct error *err)
{
    struct daemon *daemon = importer->daemon;
    struct images *images = &daemon->core->images;
    struct json *placed = json_new_array();
    bool good = true;
    JSON_EACH(layer, importer->layers) {
        const char *diff_id = json_get_text(layer, "diffId");
        const char *dir = json_get_text(layer, "dir");
        if (diff_id == NULL || !digest_is_valid(diff_id) || dir == NULL || strchr(dir, '/') != NULL ||
            images_layer(images, diff_id) != NULL)
            continue;
        struct layer_row row = { .diff_id = diff_id, .folder = ++images->last_folder,
                                 .size_bytes = json_get_integer(layer, "bytes", 0) };
        AUTO_FREE char *from = mem_printf("%s/%s", importer->staging, dir);
        AUTO_FREE char *to = mem_printf("%s/images/layers/%" PRId64, daemon->config->state_dir, row.folder);
        good = good && (rename(from, to) == 0 || error_set_errno(err, errno, "cannot move a layer to %s", to));
        store_put_layer(txn, &row);
        struct json *copy = json_copy(layer);
        json_set_integer(copy, "folder", row.folder);
        json_add(placed, copy);
    }
    json_free(importer->layers);
    importer->layers = placed;
    return good;
}

static bool add_row(struct importer *importer, struct store_txn *txn, const struct json *image, const char *reference,
                    struct error *err)
{
    struct reference parsed;
    char normalised[REFERENCE_TEXT_BYTES];
    if (!reference_parse(reference, &parsed, err))
        return error_wrap(err, "image name \"%.100s\"", reference);
    reference_format(&parsed, normalised);
    struct json *row = json_add_object(importer->rows);
    uint64_t now = clock_wall_ms();
    AUTO_FREE char *config = json_print(json_get(image, "config"));
    AUTO_FREE char *layers = json_print(json_get(image, "layers"));
    const char *manifest = json_get_text(image, "manifest");
    json_set_text(row, "reference", normalised);
    json_set_text(row, "id", json_get_text(image, "id"));
    json_set_text(row, "manifest", manifest != NULL ? manifest : "");
    json_set_integer(row, "size", json_get_integer(image, "size", 0));
    json_set_integer(row, "created", (int64_t)now);
    json_set(row, "config", json_copy(json_get(image, "config")));
    json_set(row, "layers", json_copy(json_get(image, "layers")));
    store_put_image(txn, &(struct image_row){ .reference = normalised, .id = json_get_text(image, "id"),
                                              .manifest = manifest, .config = config, .layers = layers,
                                              .size_bytes = json_get_integer(image, "size", 0), .created_ms = now });
    return true;
}

static bool add_images(struct importer *importer, struct store_txn *txn, struct error *err)
{
    JSON_EACH(image, importer->images) {
        if (json_get_text(image, "id") == NULL || json_get(image, "config") == NULL || json_get(image, "layers") == NULL)
            return error_set(err, ERROR_INTERNAL, "davit-unpack described an image without id, config or layers");
        const struct json *names =
            json_size(importer->references) > 0 ? importer->references : json_get(image, "references");
        JSON_EACH(name, names)
            if (json_text(name) == NULL || !add_row(importer, txn, image, json_text(name), err))
                return false;
    }
    if (json_size(importer->rows) > 0)
        return true;
    return error_set(err, ERROR_INVALID, "the archive names no image: say what it is with --name NAME:TAG");
}

static void finish(struct importer *importer)
{
    struct error err;
    struct store_txn *txn = store_begin(importer->daemon->store);
    importer->rows = json_new_array();
    bool good = add_images(importer, txn, &err) && place_layers(importer, txn, &err);
    if (good) {
        store_commit(txn, committed, importer);
        return;
    }
    store_abandon(txn);
    importer_fail(importer, error_code_name(err.code), err.message);
}

/* ---- davit-unpack */

static void on_up(void *ctx)
{
    struct importer *importer = ctx;
    struct json *head = json_new_texts("op", "import", "staging", importer->staging, NULL);
    json_set_integer(head, "maxBytes", (int64_t)LIMIT_LAYER_BYTES);
    json_set_integer(head, "maxEntries", LIMIT_LAYER_ENTRIES);
    peer_send(importer->unpack, head, NULL, 0);
}

static void on_frame(void *ctx, struct frame *frame)
{
    struct importer *importer = ctx;
    const char *op = json_get_text(frame->head, "op");
    const char *reason = json_get_text(frame->head, "reason");
    const char *message = json_get_text(frame->head, "message");
    if (op == NULL || importer->rows != NULL)
        return;
    if (strcmp(op, "layer") == 0 && json_size(importer->layers) < LIMIT_IMAGE_LAYERS * 8) {
        json_add(importer->layers, json_copy(frame->head));
        struct json *progress = json_new_texts("op", "progress", "layer", json_get_text(frame->head, "diffId"), NULL);
        json_set_integer(progress, "bytes", json_get_integer(frame->head, "bytes", 0));
        if (importer->answer != NULL)
            importer->answer(importer->ctx, progress, false);
        else
            json_free(progress);
    } else if (strcmp(op, "image") == 0 && json_size(importer->images) < LIMIT_ARCHIVE_IMAGES) {
        json_add(importer->images, json_copy(frame->head));
    } else if (strcmp(op, "done") == 0) {
        finish(importer);
    } else {
        importer_fail(importer, reason != NULL ? reason : "UnpackFailed",
                      message != NULL ? message : "davit-unpack did not say why");
    }
}

static void on_down(void *ctx, const struct error *why)
{
    struct importer *importer = ctx;
    if (importer->rows == NULL)
        importer_fail(importer, "UnpackFailed", why->message);
}

struct importer *importer_start(struct daemon *daemon, int fd, const struct json *references, importer_answer answer,
                                void *ctx)
{
    static unsigned long serial;
    struct importer *importer = mem_alloc(sizeof(*importer));
    importer->daemon = daemon;
    importer->answer = answer;
    importer->ctx = ctx;
    importer->references = references != NULL ? json_copy(references) : NULL;
    importer->layers = json_new_array();
    importer->images = json_new_array();
    importer->staging = mem_printf("%s/images/staging/%" PRIu64 "-%lu", daemon->config->state_dir, clock_boot_ms(),
                                   ++serial);
    struct error err;
    if (!file_make_dirs(importer->staging, 0700, &err))
        log_error("%s", err.message); /* davit-unpack finds no folder then, and says so to whoever waits */
    AUTO_FREE char *program = mem_printf("%s/davit-unpack", daemon->config->libexec_dir);
    const char *const argv[] = { program, NULL };
    struct peer_options options = { .name = "davit-unpack", .argv = argv, .stdin_fd = fd, .once = true,
                                    .on_up = on_up, .on_frame = on_frame, .on_down = on_down };
    importer->unpack = peer_new(daemon->loop, &options, importer);
    return importer;
}
