/* The word that was meant: for messages about one that is not known. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* Of `count` words of `size` bytes apart, the first text of each, the one nearest to `word`. NULL: none is near. */
const char *nearest_word(const char *word, const void *first, size_t count, size_t size);

#endif
