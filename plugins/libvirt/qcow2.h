/* A look at a disk that a stranger brings, before QEMU sees it: what would lead QEMU to other files, or beyond this one,
 * is refused. Reads the descriptor and nothing else.
 */
#ifndef VMS_QCOW2_H
#define VMS_QCOW2_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define QCOW2_BACKING_BYTES 1024 /* a name with its NUL; the format has no longer one */

struct qcow2 {
    const char *format;     /* "qcow2" or "raw": what does not say that it is another format is raw */
    uint64_t virtual_bytes; /* as a guest sees it; of a raw one the file's own size */
};

/* A regular file, open for reading. ERROR_INVALID: hostile, broken, or of a format that is not taken. */
MUST_CHECK bool qcow2_inspect(int fd, struct qcow2 *out, struct error *err);
/* Of an overlay that we made ourselves: its size, and the name of its base, "" for none. */
MUST_CHECK bool qcow2_read_own(int fd, uint64_t *virtual_bytes, char backing[QCOW2_BACKING_BYTES], struct error *err);

#endif
