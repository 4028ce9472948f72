/* Manifests and indexes of OCI and Docker (schema 2), as a registry or an image archive has them: who made them is not
 * trusted. Pure: bytes in, what they say out. That the bytes are those of a digest is the caller's to check.
 */
#ifndef IMAGE_MANIFEST_H
#define IMAGE_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/json.h"
#include "image/platform.h"

#define MANIFEST_TYPE_BYTES 128

struct descriptor {
    char media_type[MANIFEST_TYPE_BYTES]; /* "" where nobody says it */
    char digest[DIGEST_OCI_BYTES];
    int64_t size;
};

enum manifest_kind { MANIFEST_INDEX, MANIFEST_IMAGE, MANIFEST_DISK };

struct manifest {
    enum manifest_kind kind;
    struct descriptor chosen;  /* index: what fits this machine best, the first of equals */
    struct descriptor config;  /* image; of a disk it means nothing */
    struct descriptor *layers; /* lowest first, as many as the manifest names; a disk is the only one */
    size_t layer_count;
};

/* The `Accept` of a registry client, and what is taken for a manifest. Ends with NULL. */
extern const char *const manifest_types[];

/* `media_type`: what the one who handed it over calls it ("" or NULL: nothing; what is no manifest's type is ignored).
 * Refused, with nothing to be freed: ERROR_LIMIT over a cap; ERROR_UNSUPPORTED an index with nothing for this machine,
 * with what it has; ERROR_INVALID the rest: no JSON, an index and a manifest at once (CVE-2021-41190), another content
 * than the media type says, Docker's schema 1, what is no container image, layers that are foreign or encrypted, bad
 * digests and sizes.
 */
MUST_CHECK bool manifest_parse(const char *body, size_t len, const char *media_type, const struct machine *machine,
                               struct manifest *out, struct error *err);
/* The same of a document that was parsed already. */
MUST_CHECK bool manifest_read(const struct json *document, const char *media_type, const struct machine *machine,
                              struct manifest *out, struct error *err);
void manifest_free(struct manifest *manifest); /* what is in it */
MUST_CHECK bool descriptor_read(const struct json *json, struct descriptor *out, struct error *err);

#endif
