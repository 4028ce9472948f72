/* Which virtual machine a command line means: `hmi`, `vm/hmi`, `vm hmi`. */
#ifndef CLI_VM_WORD_H
#define CLI_VM_WORD_H

#include "cli/options.h"

/* Reads options->words from *at on, and moves *at behind it. A word of another kind goes to the node, which says why not.
 * *object is "virtualmachines/hmi", the caller's. False: it is none; nothing is to be freed.
 */
MUST_CHECK bool vm_word_read(const struct options *options, size_t *at, char **object, struct error *err);
/* "virtualmachine/hmi" of "virtualmachines/hmi", for a person; the caller frees. */
char *vm_word_title(const char *object);

#endif
