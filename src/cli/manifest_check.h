/* One document of -f: whether a node takes it, and what is to be said of it beforehand. */
#ifndef CLI_MANIFEST_CHECK_H
#define CLI_MANIFEST_CHECK_H

#include "cli/manifest.h"

/* What a node would do silently or not at all: a line on stderr; with --strict false, and *err. */
MUST_CHECK bool manifest_remark(const struct options *options, const char *origin, struct error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Of item->object: fills resource and id, and cleans it. *skipped: it is none of ours, which was said. */
MUST_CHECK bool manifest_check(const struct options *options, struct manifest_item *item, bool *skipped, struct error *err);
/* By the decoder of the node, so that what it would refuse is refused here. */
MUST_CHECK bool manifest_decode(const struct options *options, const struct manifest_item *item, struct error *err);

#endif
