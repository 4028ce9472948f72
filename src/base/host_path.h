/* A path of the host that a workload's document names, opened rather than named: what a workload writes below an allowed
 * folder must not lead out of it, and what was looked at is what gets used.
 */
#ifndef BASE_HOST_PATH_H
#define BASE_HOST_PATH_H

#include <sys/stat.h>

#include "base/json.h"

struct host_path {
    const char *what;                    /* "hostPath": begins its messages */
    const char *path;
    const struct json *within, *without; /* what the core lets be seen: folders; `within` NULL: any */
    int (*make)(const struct host_path *host, const char *path, struct error *err); /* NULL: it must be there */
    mode_t must_be;                      /* of S_IFMT; 0: not looked at */
    const char *word;                    /* for that: "a file" */
};

/* The caller closes *fd (O_PATH), -1 after an error. ERROR_CONFLICT: it is not there, not of that type, or not allowed. */
MUST_CHECK bool host_path_open(const struct host_path *host, int *fd, struct error *err);
/* For `make`; every part only where it is allowed. Folders as mkdir -p makes them, a file in a folder that is there. */
int host_path_make_folder(const struct host_path *host, const char *path, struct error *err);
int host_path_make_file(const struct host_path *host, const char *path, struct error *err);

#endif
