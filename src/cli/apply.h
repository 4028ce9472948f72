/* Objects to where the command line says: published where they differ, and waited for. */
#ifndef CLI_APPLY_H
#define CLI_APPLY_H

#include "cli/manifest.h"
#include "cli/verbs.h"

#define APPLY_WAIT_MS 60000

/* wait_ms 0: does not wait. Honours --dry-run, -o, --bundle and --prune. */
enum exit_code apply_manifest(const struct options *options, struct manifest *manifest, uint64_t wait_ms, struct error *err);

#endif
