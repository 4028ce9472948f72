/* The documents of -f: read, checked one by one, cleaned of what a cluster wrote into them. */
#ifndef CLI_MANIFEST_H
#define CLI_MANIFEST_H

#include "base/json.h"
#include "cli/options.h"
#include "model/object_id.h"
#include "protocol/names.h"

struct document {
    struct json *object;
    const struct resource *resource;
    struct object_id id;
    char *origin; /* "hello.yaml, document 2", for messages */
};

struct manifest {
    struct document *documents;
    size_t count;
};

/* Reads options->file: a file, `-`, or the *.json, *.yaml and *.yml of a folder in the order of their names. A List is
 * expanded; an unknown kind is left out with a line on stderr. Fails on the first document that is wrong, so that
 * nothing is published of a manifest that is half right.
 */
MUST_CHECK bool manifest_read(const struct options *options, struct manifest *manifest, struct error *err);
void manifest_free(struct manifest *manifest);
#define AUTO_MANIFEST __attribute__((cleanup(manifest_free)))

#endif
