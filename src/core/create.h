/* The documents a runtime is given: everything resolved (docs/plugins.md). Deciding thread only. */
#ifndef CORE_CREATE_H
#define CORE_CREATE_H

#include "core/core.h"

/* Why it cannot be made yet. */
struct create_refusal {
    const char *reason; /* Kubernetes' word, for the container's waiting state */
    const char *event;  /* for an event; NULL: the same */
    char message[ERROR_MESSAGE_BYTES];
};

/* Of one attempt. NULL: *refusal says what is missing. The caller frees. */
struct json *create_document(const struct core *core, const struct object *object, const struct pod_action *action,
                             const struct pod *pod, struct create_refusal *refusal);
/* A digest of what can change while the pod runs: the same for equal files and limits. "" where they cannot be had. */
void create_settings(const struct core *core, const struct object *object, const struct pod *pod, const char *uid,
                     char out[SETTINGS_BYTES]);
/* What can change while the pod runs: the files of its volumes, the limits of its containers. NULL: as above. */
struct json *create_update(const struct core *core, const struct object *object, const struct pod *pod,
                           struct create_refusal *refusal);

#endif
