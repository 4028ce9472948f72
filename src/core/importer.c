#include "core/importer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/placing.h"
#include "core/puller.h"
#include "davit/limits.h"
#include "image/disk.h"
#include "image/reference.h"

struct importer {
    struct daemon *daemon;
    struct peer *unpack;
    char *staging;
    bool disk;              /* what is imported is one */
    const char *converts;   /* it is being converted from this format; NULL: not (yet) */
    struct json *references; /* asked for; an array, or NULL */
    struct json *layers;     /* the frames "layer" */
    struct json *images;     /* the frames "image" */
    struct json *rows;       /* what is being placed: {"reference","id"} */
    importer_answer answer;
    void *ctx;
};

/* ---- the end of an import */

static void importer_end(struct importer *importer, struct json *answer_taken)
{
    if (importer->answer != NULL)
        importer->answer(importer->ctx, answer_taken, true);
    else
        json_free(answer_taken);
    peer_free(importer->unpack);
    placing_remove_later(importer->daemon, mem_steal(&importer->staging));
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

static void committed(void *ctx, const struct error *err)
{
    struct importer *importer = ctx;
    if (err != NULL) {
        importer_fail(importer, "StoreFailed", err->message);
        return;
    }
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
    importer_end(importer, answer);
}

static void add_layers(const struct importer *importer, struct placing *placing)
{
    JSON_EACH(layer, importer->layers) {
        const char *diff_id = json_get_text(layer, "diffId");
        const char *dir = json_get_text(layer, "dir");
        if (diff_id == NULL || !digest_is_valid(diff_id) || dir == NULL || strchr(dir, '/') != NULL)
            continue;
        AUTO_FREE char *from = mem_printf("%s/%s", importer->staging, dir);
        placing_add_layer(placing, diff_id, from, json_get_integer(layer, "bytes", 0));
    }
}

static bool add_row(struct importer *importer, struct placing *placing, const struct json *image, const char *reference,
                    struct error *err)
{
    struct reference parsed;
    char normalised[REFERENCE_TEXT_BYTES];
    if (!reference_parse(reference, &parsed, err))
        return error_wrap(err, "image name \"%.100s\"", reference);
    reference_format(&parsed, normalised);
    AUTO_FREE char *config = json_print(json_get(image, "config"));
    AUTO_FREE char *layers = json_print(json_get(image, "layers"));
    const char *manifest = json_get_text(image, "manifest");
    const struct image_row row = { .id = json_get_text(image, "id"), .manifest = manifest != NULL ? manifest : "", .config = config, .layers = layers,
                                   .size_bytes = json_get_integer(image, "size", 0), .created_ms = clock_wall_ms() };
    json_add(importer->rows, json_new_texts("reference", normalised, "id", row.id, NULL));
    placing_add_image(placing, &row);
    placing_add_name(placing, &(struct image_name_row){ .reference = normalised, .id = row.id });
    return true;
}

static bool add_images(struct importer *importer, struct placing *placing, struct error *err)
{
    JSON_EACH(image, importer->images) {
        if (json_get_text(image, "id") == NULL || json_get(image, "config") == NULL || json_get(image, "layers") == NULL)
            return error_set(err, ERROR_INTERNAL, "davit-unpack described an image without id, config or layers");
        const struct json *names =
            json_size(importer->references) > 0 ? importer->references : json_get(image, "references");
        JSON_EACH(name, names)
            if (json_text(name) == NULL || !add_row(importer, placing, image, json_text(name), err))
                return false;
    }
    if (json_size(importer->rows) > 0)
        return true;
    return error_set(err, ERROR_INVALID, "the archive names no image: say what it is with --name NAME:TAG");
}

static void finish(struct importer *importer)
{
    struct error err;
    struct placing *placing = placing_new(importer->daemon);
    importer->rows = json_new_array();
    if (add_images(importer, placing, &err)) {
        add_layers(importer, placing);
        placing_run(placing, committed, importer);
        return;
    }
    placing_free(placing);
    importer_fail(importer, error_code_name(err.code), err.message);
}

/* ---- davit-unpack */

static void start_unpack(struct importer *importer, int fd);

static void ask_for_disk(struct importer *importer, struct json *head)
{
    json_set_text(head, "op", importer->converts != NULL ? "convert" : "disk");
    json_set_text(head, "format", importer->converts);
    json_set_boolean(head, "imports", true);
    json_set_integer(head, "maxBytes", puller_disk_room(importer->daemon->puller));
}

static void on_up(void *ctx)
{
    struct importer *importer = ctx;
    struct json *head = json_new_texts("op", "import", "staging", importer->staging, NULL);
    json_set_integer(head, "maxBytes", (int64_t)LIMIT_LAYER_BYTES);
    json_set_integer(head, "maxEntries", LIMIT_LAYER_ENTRIES);
    if (importer->disk)
        ask_for_disk(importer, head);
    peer_send(importer->unpack, head, NULL, 0);
}

static void take_layer(struct importer *importer, const struct json *head)
{
    json_add(importer->layers, json_copy(head));
    struct json *progress = json_new_texts("op", "progress", "layer", json_get_text(head, "diffId"), NULL);
    json_set_integer(progress, "bytes", json_get_integer(head, "bytes", 0));
    if (importer->answer != NULL)
        importer->answer(importer->ctx, progress, false);
    else
        json_free(progress);
}

/* What a domain can open becomes what an archive's frames would say; anything else is converted first. */
static void take_disk(struct importer *importer, const struct json *head)
{
    char layer_id[DIGEST_OCI_BYTES], image_id[DIGEST_OCI_BYTES];
    const char *digest = json_get_text(head, "digest"), *format = json_get_text(head, "format");
    int64_t bytes = json_get_integer(head, "bytes", 0);
    if (digest == NULL || !digest_is_valid(digest) || format == NULL)
        return;
    importer->converts = importer->converts == NULL ? disk_format_to_convert(format) : NULL;
    if (importer->converts != NULL)
        return;
    disk_layer_id(digest, layer_id);
    disk_image_id(digest, image_id);
    AUTO_JSON struct json *layer =
        json_new_texts("diffId", layer_id, "digest", digest, "dir", json_get_text(head, "dir"), NULL);
    json_set_integer(layer, "bytes", bytes);
    take_layer(importer, layer);
    struct json *image = json_new_texts("id", image_id, NULL);
    json_set(image, "config", disk_config(digest));
    json_set_integer(image, "size", bytes);
    json_add_text(json_set_array(image, "layers"), layer_id);
    json_add(importer->images, image);
}

static void take_done(struct importer *importer)
{
    if (importer->converts == NULL) {
        finish(importer);
        return;
    }
    peer_free(mem_steal(&importer->unpack));
    start_unpack(importer, -1);
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
        take_layer(importer, frame->head);
    } else if (strcmp(op, "disk") == 0 && importer->disk) {
        take_disk(importer, frame->head);
    } else if (strcmp(op, "image") == 0 && json_size(importer->images) < LIMIT_ARCHIVE_IMAGES) {
        json_add(importer->images, json_copy(frame->head));
    } else if (strcmp(op, "done") == 0) {
        take_done(importer);
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

static void start_unpack(struct importer *importer, int fd)
{
    AUTO_FREE char *program = mem_printf("%s/davit-unpack", importer->daemon->config->libexec_dir);
    const char *const argv[] = { program, NULL };
    struct peer_options options = { .name = "davit-unpack", .argv = argv, .stdin_fd = fd, .once = true,
                                    .on_up = on_up, .on_frame = on_frame, .on_down = on_down };
    importer->unpack = peer_new(importer->daemon->loop, &options, importer);
}

static struct importer *start(struct daemon *daemon, bool disk, int fd, const struct json *references,
                              importer_answer answer, void *ctx)
{
    static unsigned long serial;
    struct importer *importer = mem_alloc(sizeof(*importer));
    importer->daemon = daemon;
    importer->disk = disk;
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
    start_unpack(importer, fd);
    return importer;
}

struct importer *importer_start(struct daemon *daemon, int fd, const struct json *references, importer_answer answer,
                                void *ctx)
{
    return start(daemon, false, fd, references, answer, ctx);
}

struct importer *importer_start_disk(struct daemon *daemon, int fd, const struct json *references, importer_answer answer,
                                     void *ctx)
{
    return start(daemon, true, fd, references, answer, ctx);
}
