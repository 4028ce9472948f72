/* A log that is rotated by rename: PATH is being written, PATH.1 is the oldest that was put aside, and numbers only rise, so
 * that a file keeps its name and a reader its place. Who writes goes on in the renamed file until it opens PATH anew: a
 * file is at its end only when there is a newer one.
 */
#ifndef BASE_ROTATED_H
#define BASE_ROTATED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define ROTATED_FILES 8 /* the newest that are opened; what a frame's descriptors can bring */
#define ROTATED_CHAIN 32

/* Opens what there is for reading, oldest first, the newest ROTATED_FILES of them. Returns how many; the caller closes. */
size_t rotated_open(const char *path, int fds[ROTATED_FILES]);
/* The same of one that virtlogd rotates: PATH.0 is the newest that was put aside, and each has a higher number later. */
size_t rotated_open_shifted(const char *path, int fds[ROTATED_FILES]);
/* PATH becomes the newest of those put aside, of which the newest `keep` stay. */
MUST_CHECK bool rotated_put_aside(const char *path, size_t keep, struct error *err);
void rotated_remove(const char *path); /* PATH and all that was put aside */

/* What a reader has before it, in order. All zero: nothing. */
struct rotated {
    int fds[ROTATED_CHAIN];
    size_t count;
    bool gap; /* files went before they were read: lines are missing */
};

/* Takes those of fds that are newer than what it has, and closes the others. Closed and read files are not missed. */
void rotated_take(struct rotated *log, const int *fds, size_t count);
/* Up to `len` bytes; 0: all that there is now was read. */
ssize_t rotated_read(struct rotated *log, char *out, size_t len);
/* Puts the place of reading before the last `lines` lines, of those that `is_line` counts. */
MUST_CHECK bool rotated_seek_tail(struct rotated *log, int64_t lines, bool (*is_line)(const char *line, size_t len),
                                  struct error *err);
/* Leaves out whole files in which nothing was written since. */
void rotated_skip_before(struct rotated *log, uint64_t wall_ms);
void rotated_close(struct rotated *log);

#endif
