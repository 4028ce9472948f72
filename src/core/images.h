/* The images on this device. Deciding thread only. */
#ifndef CORE_IMAGES_H
#define CORE_IMAGES_H

#include <uthash.h>

#include "base/json.h"
#include "store/store.h"

struct layer {
    char *diff_id;
    int64_t folder; /* images/layers/FOLDER under the state folder */
    int64_t size_bytes;
    UT_hash_handle hh;
};

struct image {
    char *reference; /* normalised */
    char *id;
    struct json *config;
    struct json *layers; /* diff-ids, lowest first */
    int64_t size_bytes;
    uint64_t created_ms;
    UT_hash_handle hh;
};

struct images {
    struct image *images;
    struct layer *layers;
    int64_t last_folder;
};

MUST_CHECK bool images_load(struct images *images, struct store *store, struct error *err);
void images_free(struct images *images);
/* By a pod's word for it ("busybox", "demo:1", "host/x@sha256:…"). NULL: not here. */
const struct image *images_find(const struct images *images, const char *reference);
const struct layer *images_layer(const struct images *images, const char *diff_id);
/* Into memory, once the row is on the disk. */
void images_take_layer(struct images *images, const struct layer_row *row);
MUST_CHECK bool images_take(struct images *images, const struct image_row *row, struct error *err);
/* The `image` of a runtime's create document: absolute layer folders below `state_dir`. The caller frees. */
struct json *image_write(const struct images *images, const struct image *image, const char *state_dir);

#endif
