/* The images on this device: known by their id, found by their names. Deciding thread only. */
#ifndef CORE_IMAGES_H
#define CORE_IMAGES_H

#include <uthash.h>

#include "base/json.h"
#include "store/store.h"

struct layer {
    char *diff_id;
    int64_t folder; /* images/layers/FOLDER under the state folder */
    int64_t size_bytes;
    size_t pins; /* pulls and imports that count on it */
    UT_hash_handle hh;
};

struct image {
    char *id;            /* digest of the configuration */
    char *manifest;      /* digest; "" where the archive had none */
    struct json *config;
    struct json *layers; /* diff-ids, lowest first */
    int64_t size_bytes;
    uint64_t created_ms; /* came here at */
    uint64_t used_ms;
    UT_hash_handle hh;
};

/* A tag that moved leaves the image that it named, which lives on as long as something needs it. */
struct image_name {
    char *reference; /* normalised */
    struct image *image;
    UT_hash_handle hh;
};

struct images {
    struct image *by_id;
    struct image_name *names;
    struct layer *layers;
    int64_t last_folder;
    uint64_t changes; /* counts what came and went */
};

MUST_CHECK bool images_load(struct images *images, struct store *store, struct error *err);
void images_free(struct images *images);
/* By a pod's word for it ("busybox", "demo:1", "host/x@sha256:…"), or by a full id ("sha256:…"). NULL: not here. */
const struct image *images_find(const struct images *images, const char *word);
const struct image *images_by_id(const struct images *images, const char *id);
/* Until it is undone, the layer stays; nothing where it is not here. */
void images_pin(struct images *images, const char *diff_id, bool pinned);
const struct layer *images_layer(const struct images *images, const char *diff_id);
/* Kubernetes' imageID: "docker.io/library/busybox@sha256:…" by the manifest, as the word names it; the id where there is
 * no manifest. The caller frees.
 */
char *image_pull_id(const struct image *image, const char *word);

/* Into memory, once the rows are on the disk. */
void images_take_layer(struct images *images, const struct layer_row *row);
MUST_CHECK bool images_take(struct images *images, const struct image_row *row, struct error *err);
void images_take_name(struct images *images, const struct image_name_row *row); /* its image is there */
/* Out of it, likewise. With its names; its layers stay. */
void images_drop(struct images *images, const char *id);
void images_drop_name(struct images *images, const char *reference);
void images_drop_layer(struct images *images, const char *diff_id);

/* As the v1 Node lists them: {"names","sizeBytes"}, the LIMIT_NODE_IMAGES largest. The caller frees. */
struct json *images_list(const struct images *images);

/* The `image` of a runtime's create document: absolute layer folders below `state_dir`. The caller frees. */
struct json *image_write(const struct images *images, const struct image *image, const char *state_dir);

#endif
