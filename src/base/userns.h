/* User namespaces of pods: a range of 65536 ids of the host for each, that no other pod has as long as it lives. Kept as files
 * below one folder in a tmpfs, UID (the namespace) and UID.range; several processes may ask for the same one.
 */
#ifndef BASE_USERNS_H
#define BASE_USERNS_H

#include <stdint.h>

#include "base/error.h"

#define USERNS_IDS 65536u

/* Where ranges are taken from; /etc/subuid and /etc/subgid of a user davit stand above it. */
struct userns_source {
    const char *folder;
    int64_t first, count; /* ids of the host */
};

/* Made where it is not there. *fd is the caller's; *first, where not NULL, the range's. */
MUST_CHECK bool userns_open(const struct userns_source *source, const char *uid, int *fd, int64_t *first,
                            struct error *err);
/* Absent: true. */
MUST_CHECK bool userns_remove(const char *folder, const char *uid, struct error *err);
/* Makes a namespace that the user namespace owns, and binds it to the file at `path`. CLONE_NEWNET (lo is up) or _NEWIPC. */
MUST_CHECK bool userns_make_namespace(int userns, int kind, const char *path, struct error *err);

#endif
