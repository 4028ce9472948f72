/* Within davit-unpack: what its two requests share (docs/wire.md). */
#ifndef IMAGE_UNPACK_H
#define IMAGE_UNPACK_H

#include "image/layer.h"
#include "wire/frame.h"

struct unpack {
    int staging; /* its folder, which is the root by now */
    uint64_t bytes_left;
    uint64_t entries_left;
    struct frame_reader *reader; /* of the parent's frames */
};

/* An archive on standard input, to its last frame but a `failed`. */
MUST_CHECK bool unpack_archive(struct unpack *unpack, struct error *err);
/* The layer that `request` describes, from standard input. */
MUST_CHECK bool unpack_layer(struct unpack *unpack, const struct json *request, struct error *err);

/* Of the next layer: what is left of the request's, but no more than any layer may have. */
struct layer_limits unpack_limits(const struct unpack *unpack, bool (*is_wanted)(void));

MUST_CHECK bool unpack_say(const struct json *head, struct error *err);
MUST_CHECK bool unpack_say_layer(const struct layer_sum *sum, const char *dir, struct error *err);
MUST_CHECK bool unpack_say_done(struct error *err);

#endif
