/* One layer, from an entry of an image archive to files in a folder, in one pass: digest of the stored bytes,
 * decompression, digest of the plain bytes (the diff-id), tar, files. Memory does not grow with the layer.
 */
#ifndef IMAGE_LAYER_H
#define IMAGE_LAYER_H

#include "base/digest.h"
#include "image/imagefile.h"
#include "image/tree.h"

struct archive;
struct archive_entry;

struct layer_limits {
    uint64_t bytes;   /* on the disk */
    uint64_t entries;
    bool (*is_wanted)(void); /* asked often; false ends it with ERROR_UNAVAILABLE */
};

struct layer_sum {
    char digest[DIGEST_OCI_BYTES];  /* of the bytes as stored */
    char diff_id[DIGEST_OCI_BYTES];
    uint64_t bytes;   /* on the disk, as far as blocks of 4096 tell */
    uint64_t entries;
};

/* Unpacks `entry` into a tree just opened, to the last byte and the folders' times. The digests are for the caller to
 * compare. The errors say what is wrong with which path.
 */
MUST_CHECK bool layer_unpack(struct imagefile *file, const struct imagefile_entry *entry, struct tree *tree,
                             const struct layer_limits *limits, struct layer_sum *sum, struct error *err);

/* Within the layer's own files: one tar entry; `tar` gives a file's data. */
MUST_CHECK bool layer_add_entry(struct tree *tree, struct archive *tar, struct archive_entry *entry,
                                const struct layer_limits *limits, struct layer_sum *sum, struct error *err);

#endif
