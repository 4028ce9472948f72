/* What the layers below show at a path, as overlayfs would merge them. */
#ifndef IMAGE_TREE_LOWER_H
#define IMAGE_TREE_LOWER_H

#include "image/tree.h"

enum lower_kind { LOWER_ABSENT, LOWER_FOLDER, LOWER_LINK, LOWER_OTHER };

struct lower_look {
    enum lower_kind kind;
    int fd;                         /* of the folder, -1 otherwise; the caller closes it */
    char target[LIMIT_PATH_BYTES]; /* of the link */
};

/* Once done, tree->lowers->fds are there. */
MUST_CHECK bool tree_open_lowers(const struct tree *tree, struct error *err);
/* `real` has no link in it, in the merged view. */
MUST_CHECK bool tree_look_below(const struct tree *tree, const char *real, struct lower_look *look, struct error *err);

#endif
