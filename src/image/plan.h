/* What an archive holds, read from its documents before any layer is unpacked: images, and the layers they need, each
 * once. Every document is checked against the digest and the size by which it was named.
 */
#ifndef IMAGE_PLAN_H
#define IMAGE_PLAN_H

#include "base/digest.h"
#include "base/json.h"
#include "image/imagefile.h"

struct plan_layer {
    char diff_id[DIGEST_OCI_BYTES];
    char digest[DIGEST_OCI_BYTES]; /* of the stored bytes; "" where nobody says it */
    struct imagefile_entry *entry;
};

struct plan_image {
    char id[DIGEST_OCI_BYTES];       /* digest of the configuration */
    char manifest[DIGEST_OCI_BYTES]; /* "" for a docker archive, which has none */
    struct json *references;         /* an array of texts, each a valid reference */
    struct json *config;             /* the configuration's `config`, with `architecture` and `os` */
    size_t *layers;                  /* of the plan's, lowest first */
    size_t layer_count;
};

struct plan {
    struct imagefile *file;
    struct plan_image *images;
    size_t image_count;
    struct plan_layer *layers;
    size_t layer_count;
    bool incomplete; /* documents are wanted that imagefile_collect has to bring first */
};

/* An OCI layout where there is one (newer docker archives are both), else a docker archive. NULL on error. */
MUST_CHECK struct plan *plan_new(struct imagefile *file, struct error *err);
void plan_free(struct plan *plan); /* NULL is fine */

/* Within the plan's own files. */

struct plan_source {
    struct imagefile_entry *entry;
    const char *digest; /* "" unknown */
};

MUST_CHECK bool plan_read_oci(struct plan *plan, struct error *err);
MUST_CHECK bool plan_read_docker(struct plan *plan, struct error *err);
/* True with *document NULL: wanted, and not there yet. `digest` NULL and `size` -1: nobody says. The caller frees. */
MUST_CHECK bool plan_document(struct plan *plan, const char *name, const char *digest, int64_t size,
                              struct json **document, struct error *err);
/* Adds an image whose layers are `sources`, which must be those of the configuration's diff-ids, in number. */
MUST_CHECK bool plan_add_image(struct plan *plan, const struct json *config, const char *id, const char *manifest,
                               const struct plan_source *sources, size_t count, struct error *err);
/* To the last image. NULL or no valid reference: left out, with a line in the log. */
void plan_add_reference(struct plan_image *image, const char *reference);

#endif
