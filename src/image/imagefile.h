/* An image archive: a tar file, perhaps compressed as a whole, on a descriptor that can seek; or the folder of an OCI
 * layout. Its entries are the blobs of one or more images, in any order. It is read as a stream, more than once; only small
 * JSON documents are kept.
 */
#ifndef IMAGE_IMAGEFILE_H
#define IMAGE_IMAGEFILE_H

#include <stdint.h>

#include "image/path.h"

struct imagefile; /* opaque */

struct imagefile_entry {
    char *name;       /* cleaned */
    char *link;       /* what it leads to, cleaned; NULL for a file */
    int64_t size;
    size_t ordinal;
    char *data;       /* where it was kept: `size` bytes and a NUL */
    bool wanted;
};

/* Reads all headers, and keeps what may be a JSON document and is small. Does not take fd. NULL on error. */
MUST_CHECK struct imagefile *imagefile_open(int fd, struct error *err);
void imagefile_free(struct imagefile *file); /* NULL is fine */

/* The file of this name, through at most 8 links inside the archive; NULL where there is none. */
struct imagefile_entry *imagefile_find(struct imagefile *file, const char *name);
/* Marks an entry, to be kept by the next imagefile_collect. ERROR_LIMIT for what is too large to be JSON. */
MUST_CHECK bool imagefile_want(struct imagefile_entry *entry, struct error *err);
MUST_CHECK bool imagefile_collect(struct imagefile *file, struct error *err);

/* To the first byte of an entry. Goes forward, or back to the start and forward again. */
MUST_CHECK bool imagefile_seek(struct imagefile *file, const struct imagefile_entry *entry, struct error *err);
/* The next bytes of it, good until the next call; *len 0 at its end. */
MUST_CHECK bool imagefile_read(struct imagefile *file, const void **data, size_t *len, struct error *err);

#endif
