/* Lets QEMU's user find what it needs in folders that are closed to everybody else, and in none besides. */
#ifndef VMS_REACH_H
#define VMS_REACH_H

#include <sys/types.h>

#include "base/error.h"

/* Gives `uid` the right of search (an access list's entry) in every folder above `path`, and above what it leads to,
 * where it has none. The file's own rights are libvirtd's to give.
 */
MUST_CHECK bool reach_allow(const char *path, uid_t uid, struct error *err);

#endif
