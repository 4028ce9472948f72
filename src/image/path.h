/* Paths as they stand in an archive: hostile bytes, made plain before anything is done with them. */
#ifndef IMAGE_PATH_H
#define IMAGE_PATH_H

#include <stddef.h>

#include "base/error.h"
#include "davit/limits.h"

#define PATH_NAME_BYTES 256 /* one component, with its NUL */
#define PATH_SHOW_BYTES 160

/* Cleaned as containerd does it: rooted, without "", "." and "..", so "/etc//./x/" is "etc/x" and the root is "".
 * A path that climbs above the root, a component over 255 bytes, more than LIMIT_LAYER_DEPTH of them, or
 * LIMIT_PATH_BYTES in all are refused. `out` holds LIMIT_PATH_BYTES.
 */
MUST_CHECK bool path_clean(const char *raw, char *out, struct error *err);
/* `link` as seen from the folder of `from` (both as in an archive), cleaned the same way. */
MUST_CHECK bool path_clean_link(const char *from, const char *link, char *out, struct error *err);
/* The last component; `path` itself where it has one only. */
const char *path_base(const char *path);
/* For messages: printable ASCII, other bytes as \xNN, cut with "...". `out` holds PATH_SHOW_BYTES. Returns out. */
const char *path_show(const char *raw, char *out);

#endif
