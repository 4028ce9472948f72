/* Files, whole. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* Reads a file of at most `cap` bytes; one NUL behind it. ERROR_LIMIT when larger. The caller frees *data. It waits
 * for the writer of a FIFO: not for paths that a stranger may make.
 */
MUST_CHECK bool file_read(const char *path, size_t cap, char **data, size_t *len, struct error *err);
/* The same of a regular file only: never waits, whatever lies there (a FIFO, a terminal, a device). */
MUST_CHECK bool file_read_regular(const char *path, size_t cap, char **data, size_t *len, struct error *err);
MUST_CHECK bool file_read_fd(int fd, size_t cap, char **data, size_t *len, struct error *err);
/* Written beside it and renamed over it: old or new, never half. `sync` puts it on the disk before the rename. */
MUST_CHECK bool file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, bool sync,
                                  struct error *err);
/* The folder as a read-only mount of its own, attached nowhere, and gone with its last descriptor: no path leads out of it,
 * not even "..". `path` below `folder`, "" for the folder itself. Needs CAP_SYS_ADMIN.
 */
MUST_CHECK bool file_open_detached(int folder, const char *path, int *out, struct error *err);
/* mkdir -p; an existing folder is fine. */
MUST_CHECK bool file_make_dirs(const char *path, mode_t mode, struct error *err);
/* rm -r, below `path` and itself: follows no link, leaves no mount (EBUSY is an error). Absent is fine. */
MUST_CHECK bool file_remove_tree(const char *path, struct error *err);
/* The same of what is in the folder and has a name that ends so, with something before it. */
MUST_CHECK bool file_remove_ending(const char *folder, const char *ending, struct error *err);
/* An flock on `path` (made 0600, close-on-exec) held as long as the process lives, with the holder's pid in it. Waits
 * `wait_ms` for a holder, then ends it by pidfd with SIGKILL and takes over. -1 on error. ARCHITECTURE.md, Fencing.
 */
MUST_CHECK int file_fence(const char *path, unsigned wait_ms, struct error *err);
/* Absolute, no "..", no control characters, at most LIMIT_PATH_BYTES. */
bool file_path_is_safe(const char *path);

#endif
