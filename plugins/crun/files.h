/* Volumes of files (ConfigMap, Secret, downward API, projected), as the kubelet writes them: a folder with a time for a
 * name, `..data` that leads to it and is swapped by one rename, links `a -> ..data/a`. In the run directory, a tmpfs.
 */
#ifndef CRUN_FILES_H
#define CRUN_FILES_H

#include <sys/types.h>

#include "base/error.h"
#include "base/json.h"

/* Makes `folder` hold exactly `files` ({"items":[{"path","mode","data"}]}); nothing is written where it does already.
 * `group`: who owns them beside root; -1: root. What is in them is in no message.
 */
MUST_CHECK bool files_write(const char *folder, const struct json *files, int64_t group, struct error *err);

#endif
