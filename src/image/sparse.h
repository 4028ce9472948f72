/* A file that is written from its first byte to its last, with blocks of zeros left out as holes. */
#ifndef IMAGE_SPARSE_H
#define IMAGE_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sparse {
    int fd;              /* the caller's */
    char *buffer;
    size_t len;          /* in the buffer */
    uint64_t size;       /* of the file, what is in the buffer included */
    uint64_t bytes;      /* of it that are on the disk */
    uint64_t most_bytes; /* ERROR_NO_SPACE beyond */
};

void sparse_init(struct sparse *sparse, int fd, uint64_t most_bytes);
MUST_CHECK bool sparse_add(struct sparse *sparse, const void *data, size_t len, struct error *err);
/* The last bytes, and the file's length. */
MUST_CHECK bool sparse_finish(struct sparse *sparse, struct error *err);
void sparse_free(struct sparse *sparse);

#endif
