/* One layer, from its stored bytes to files in a folder, in one pass: digest of the stored bytes,
 * decompression, digest of the plain bytes (the diff-id), tar, files. Memory does not grow with the layer.
 */
#ifndef IMAGE_LAYER_H
#define IMAGE_LAYER_H

#include "image/plain.h"
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

/* Unpacks into a tree just opened, to the last byte and the folders' times, and compares with `digest` ("": nobody says
 * it) and `diff_id`. Bytes that cannot be unpacked are read to their end: where they are others than `digest` says, that
 * is the error, and another source of them may help. The errors say what is wrong with which path.
 */
MUST_CHECK bool layer_unpack(const struct plain_source *source, const char *digest, const char *diff_id,
                             struct tree *tree, const struct layer_limits *limits, struct layer_sum *sum,
                             struct error *err);

/* Within the layer's own files: one tar entry; `tar` gives a file's data. */
MUST_CHECK bool layer_add_entry(struct tree *tree, struct archive *tar, struct archive_entry *entry,
                                const struct layer_limits *limits, struct layer_sum *sum, struct error *err);

#endif
