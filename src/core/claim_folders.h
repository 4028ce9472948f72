/* The folders of claims, off the deciding thread. */
#ifndef CORE_CLAIM_FOLDERS_H
#define CORE_CLAIM_FOLDERS_H

#include "core/daemon.h"

/* core_env's purge_claim: core_claim_purged follows. */
void claim_folders_purge(void *ctx, const char *namespace, const char *name);
/* At start: what an earlier davitd did not get done. */
void claim_folders_clean(struct daemon *daemon);

#endif
