/* One desired object: bytes to model. Pure.
 *
 * The content of a document is what a person wrote: without what a cluster writes (status, uid, resourceVersion,
 * managedFields, generation, creationTimestamp, selfLink) and without the annotation davit/generation.
 */
#ifndef PROTOCOL_DOCUMENT_H
#define PROTOCOL_DOCUMENT_H

#include "model/object_id.h"
#include "protocol/pod_fields.h"

#define DOCUMENT_GENERATION "davit/generation"
#define DOCUMENT_UNMASK "davit/unmask" /* annotation of a tombstone: "true" gives the object back to groups and owners */
#define DOCUMENT_GENERATION_MAX (1LL << 52) /* as many are left above it for documents without one; JSON holds no more digits */

struct document {
    struct object_id id;
    bool tombstone;         /* metadata.deletionTimestamp is set */
    bool has_generation;
    bool owned;             /* metadata.ownerReferences: it goes with its owner */
    int64_t generation;     /* of the annotation */
    char content[DIGEST_HEX_BYTES]; /* digest of the content */
    char *text;             /* canonical JSON of the content; it reads as the same document again */
    bool purge;             /* of a tombstone: what is in the claim goes too */
    bool unmask;            /* of a tombstone: what other sources say rules again */
    struct pod *pod;        /* NULL for a tombstone, and what is no pod */
    struct json *data;      /* of a Secret or ConfigMap (secret_fields.h), of a claim (claim.h),
                             * of an owner (owner.h); NULL */
    struct json *labels;    /* its own, as its status repeats them; NULL: none */
    char hash[POD_HASH_BYTES]; /* of a pod; "" is nothing to run */
    struct ignored_fields ignored;
};

/* Why a document is refused: a CamelCase reason, and a sentence. */
struct refusal {
    char reason[32];
    char message[ERROR_MESSAGE_BYTES];
    int64_t generation; /* of the refused document; -1: it has none, or none that could be read */
};

void refusal_set(struct refusal *refusal, const char *reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* `id` is the address it came to, and must be its own; NULL: a file, which says its own address. False: refused. What
 * was read is then freed. The reasons: InvalidJSON TooLarge UnsupportedKind NameMismatch InvalidName
 * InvalidGeneration InvalidDocument InvalidPod InvalidVirtualMachine InvalidSecret InvalidConfigMap
 * InvalidClaim InvalidOwner.
 */
MUST_CHECK bool document_read(const struct object_id *id, const char *data, size_t len, struct document *document,
                              struct refusal *refusal);
/* The same for JSON that is parsed already (YAML files). */
MUST_CHECK bool document_read_json(const struct object_id *id, const struct json *json, struct document *document,
                                   struct refusal *refusal);
/* The digest of a document's content: what it would be read with. */
void document_content(const struct json *json, char content[DIGEST_HEX_BYTES]);
void document_free(struct document *document);

/* Whether this annotation of it is "true". */
bool document_says(const struct json *document, const char *annotation);
/* Generation and tombstone, of any kind of document. */
MUST_CHECK bool document_read_head(const struct json *json, struct document *document, struct refusal *refusal);
/* Strips what a cluster wrote, and the generation, in place. */
void document_strip(struct json *json);

#endif
