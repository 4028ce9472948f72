/* The manifests folder: files that are desired state without any broker. Deciding thread only. */
#ifndef CORE_MANIFESTS_H
#define CORE_MANIFESTS_H

#include "core/core.h"

/* Reads the folder. A file that went takes its objects with it; a folder that is missing altogether, or a file that
 * cannot be read or is empty, takes nothing: absence is no order.
 */
void manifests_read(struct core *core);

#endif
