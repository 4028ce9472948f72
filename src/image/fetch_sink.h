/* Where the bytes of a manifest or blob go: into memory, or into a pipe. It never blocks. */
#ifndef IMAGE_FETCH_SINK_H
#define IMAGE_FETCH_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sink_state {
    SINK_TAKEN,
    SINK_FULL, /* the pipe: nothing was taken */
    SINK_GONE  /* the pipe: nobody reads it any more */
};

struct sink {
    int fd;        /* the pipe; -1: memory */
    int64_t taken; /* bytes so far */
    char *data;    /* memory: what was taken. Pipe: what it did not take of the last piece. One NUL behind it. */
    size_t len, start, size;
};

void sink_init(struct sink *sink, int fd_taken); /* made non-blocking; -1: memory */
void sink_close(struct sink *sink);
enum sink_state sink_add(struct sink *sink, const char *data, size_t len);
/* Offers the pipe what it did not take. SINK_TAKEN: nothing is left. */
enum sink_state sink_flush(struct sink *sink);
void sink_restart(struct sink *sink); /* memory: from the first byte again */

#endif
