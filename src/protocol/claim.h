/* PersistentVolumeClaims: a named folder on this device, with a size and a word on what becomes of it. Pure. */
#ifndef PROTOCOL_CLAIM_H
#define PROTOCOL_CLAIM_H

#include "protocol/document.h"
#include "protocol/pod_status.h"

#define CLAIM_RESOURCE "persistentvolumeclaims"
#define CLAIM_POLICY "davit/reclaim-policy" /* annotation: Retain, which is meant where nothing is said, or Delete */
#define CLAIM_PURGE "davit/purge"           /* annotation of a tombstone: "true" removes what is in the folder */

/* {"storageBytes","storage","accessModes":[],"delete":bool}: what is kept of the document. NULL: *err. The caller frees. */
MUST_CHECK struct json *claim_read(const struct json *document, struct ignored_fields *ignored, struct error *err);
int64_t claim_bytes(const struct json *claim); /* what it asks for */
bool claim_deletes(const struct json *claim);  /* its data goes with it */
/* For one pod at a time. */
bool claim_is_for_one_pod(const struct json *claim);

struct claim_report {
    const struct pod_report *common; /* id, generation, source, refusal, ignored, retained, accepted_ms */
    const struct json *claim;        /* NULL: not known any more */
    int64_t used_bytes;              /* POD_UNSET: not counted yet */
    bool terminating, purging;       /* purging: its data goes too */
    const char *users;               /* names of pods; NULL or "": none */
};

struct json *claim_state_write(const struct claim_report *report);  /* flat; the caller frees */
struct json *claim_status_write(const struct claim_report *report); /* Kubernetes' shape; the caller frees */
bool claim_is_over(const struct json *claim, int64_t used_bytes);

#endif
