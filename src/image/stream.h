/* What every use of libarchive here has in common. */
#ifndef IMAGE_STREAM_H
#define IMAGE_STREAM_H

#include <stdint.h>

#include "base/error.h"

struct archive;

/* A reader for plain, gzip (of several members too) and zstd; formats are the caller's. NULL on error. */
MUST_CHECK struct archive *stream_new(struct error *err);
/* And xz, which wants more memory. */
MUST_CHECK bool stream_take_xz(struct archive *archive, struct error *err);
/* The reader's error, with `what` in front. Returns false. */
bool stream_fail(struct archive *archive, const char *what, struct error *err);
bool stream_is_compressed(struct archive *archive);
/* Once a header was read: compressed more than once is refused, for it is how a few bytes become a world. */
MUST_CHECK bool stream_check_filters(struct archive *archive, struct error *err);
/* ERROR_LIMIT where more comes out than LIMIT_LAYER_RATIO allows for what went in. */
MUST_CHECK bool stream_check_ratio(struct archive *archive, struct error *err);

#endif
