/* subPath: a file or a folder below a volume, found and held so that no link in the volume leads out of it. */
#ifndef CRUN_SUBPATH_H
#define CRUN_SUBPATH_H

#include "base/error.h"

/* Binds `volume`/`sub_path` to `target`, which is made; where nothing is at the path, a folder is made there first (not
 * in a read-only volume). It is seen with the ids of `userns`; -1: as they are.
 */
MUST_CHECK bool subpath_bind(const char *volume, const char *sub_path, const char *target, int userns,
                             struct error *err);
/* The same of the whole volume, file or folder. */
MUST_CHECK bool subpath_bind_whole(const char *volume, const char *target, int userns, struct error *err);

#endif
