/* Resolving a path inside an image's root, one name at a time. */
#ifndef IMAGE_TREE_WALK_H
#define IMAGE_TREE_WALK_H

#include "image/tree.h"

/* Opens the folder `clean` of the tree, following links inside the image's root. What is missing is made, or without
 * `make` an error. `real` (LIMIT_PATH_BYTES) becomes its path without links. The caller closes *fd.
 */
MUST_CHECK bool tree_walk(struct tree *tree, const char *clean, bool make, int *fd, char *real, struct error *err);
/* A folder of a layer by a path that is known to have no link in it; -1 and errno. "" is the layer's root. */
int tree_open_below(int root, const char *real, int flags);

#endif
