/* Within davit-unpack: the bytes of one layer or disk as they are stored, from standard input. */
#ifndef IMAGE_UNPACK_STORED_H
#define IMAGE_UNPACK_STORED_H

#include <stdint.h>

#include "image/plain.h"

#define STORED_READ_BYTES (256 * 1024)

struct stored {
    char *buffer; /* STORED_READ_BYTES, the caller's */
    int64_t size; /* -1: nobody says it */
    int64_t read;
    struct checksum *checksum; /* fed with them; NULL: none */
};

/* A plain_source's read. */
bool stored_read(void *stored, const void **data, size_t *len, struct error *err);
/* It may send frames; its end is the end. */
bool unpack_parent_may_speak(void);

#endif
