/* What is compressed becomes plain: bytes of a source, their digest as they are stored, and one filter of libarchive. */
#ifndef IMAGE_PLAIN_H
#define IMAGE_PLAIN_H

#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

struct archive;

/* Where the stored bytes come from. */
struct plain_source {
    /* The next bytes, good until the next call; *len 0 at the end. */
    bool (*read)(void *ctx, const void **data, size_t *len, struct error *err);
    void *ctx;
};

struct plain {
    const struct plain_source *source;
    struct archive *raw;
    struct digest stored;
    bool compressed;
    bool source_failed;
    struct error failure; /* of a callback: it says more than what libarchive makes of it */
};

/* Gzip, zstd and none; with `xz` that too. plain_close in any case. */
MUST_CHECK bool plain_open(struct plain *plain, const struct plain_source *source, bool xz, struct error *err);
/* The next plain bytes, good until the next call; *len 0 at the end. The error is in plain->failure. */
MUST_CHECK bool plain_next(struct plain *plain, const void **data, size_t *len);
/* After the last plain byte: what comes behind the compressed data is part of what is stored. Likewise. */
MUST_CHECK bool plain_finish(struct plain *plain);
/* After an error: reads on to the end of what is stored, for its digest. False: there is no coming to it. */
MUST_CHECK bool plain_drain(struct plain *plain, bool (*is_wanted)(void));
/* "sha256:…" of what was stored; once. */
void plain_digest(struct plain *plain, char out[DIGEST_OCI_BYTES]);
/* The failure of a callback, else that of `archive`. Returns false. */
bool plain_fail(struct plain *plain, struct archive *archive, const char *what, struct error *err);
/* It speaks of what came, not of the way or this machine: other bytes may be what helps. */
bool plain_is_about_content(enum error_code code);
void plain_close(struct plain *plain);

#endif
