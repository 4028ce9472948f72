/* What a waiting command shows meanwhile, on stderr: on a terminal one line an object, drawn over and over; elsewhere a
 * line for each change. Of many nodes one line for all.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/target.h"

struct progress {
    size_t drawn;    /* lines on the terminal that are to be drawn over */
    char **last;     /* of each target, what was said of it last */
    size_t count;
};

void progress_show(void *ctx, const struct target_set *set); /* a target_show; ctx is a struct progress, zeroed at first */
void progress_end(struct progress *progress);

#endif
