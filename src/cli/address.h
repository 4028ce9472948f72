/* Where a command goes: checked before any of it becomes part of a topic. */
#ifndef CLI_ADDRESS_H
#define CLI_ADDRESS_H

#include "cli/options.h"
#include "model/object_id.h"
#include "protocol/names.h"

/* Broker, root, node, group and namespace are what they should be. */
MUST_CHECK bool address_check(const struct options *options, struct error *err);
/* The same, and it is said which node or group. */
MUST_CHECK bool address_check_target(const struct options *options, struct error *err);
/* `pod a b` and `pod/a pod/b`, one type in either way. */
struct address {
    char type[LIMIT_LABEL_BYTES + 1]; /* as typed */
    const char **names;               /* texts of the command line; the array is freed by address_free */
    size_t count;
};

MUST_CHECK bool address_words(const struct options *options, struct address *address, struct error *err);
void address_free(struct address *address);
#define AUTO_ADDRESS __attribute__((cleanup(address_free)))
/* An object by its name in the namespace of the command line. */
MUST_CHECK bool address_object(const struct options *options, const struct resource *resource, const char *name,
                               struct object_id *id, struct error *err);
#endif
