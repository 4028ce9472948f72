/* The documents of -f: read, checked one by one, cleaned of what a cluster wrote into them. */
#ifndef CLI_MANIFEST_H
#define CLI_MANIFEST_H

#include "base/json.h"
#include "cli/options.h"
#include "model/object_id.h"
#include "protocol/names.h"

struct manifest_item {
    struct json *object;
    const struct resource *resource;
    struct object_id id;
    char *origin; /* "hello.yaml, document 2", for messages */
    bool bare; /* a status, and nothing that it would be the status of */
};

struct manifest {
    struct manifest_item *items;
    size_t count;
};

/* Reads options->files: files, `-`, and the *.json, *.yaml and *.yml of folders in the order of their names. A List is
 * expanded, a Compose file converted. Each object is decoded as a node does it. What is left out or not honoured is a
 * line on stderr, and with --strict an error. Fails on the first document that is wrong, so that nothing is published
 * of a manifest that is half right.
 */
MUST_CHECK bool manifest_read(const struct options *options, struct manifest *manifest, struct error *err);
/* The same, only which objects they are: for deleting. */
MUST_CHECK bool manifest_read_names(const struct options *options, struct manifest *manifest, struct error *err);
/* One that was made here. `object` is taken. */
MUST_CHECK bool manifest_add(const struct options *options, struct manifest *manifest, struct json *object_taken,
                             const char *origin, struct error *err);
void manifest_free(struct manifest *manifest);
#define AUTO_MANIFEST __attribute__((cleanup(manifest_free)))

#endif
