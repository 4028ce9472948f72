/* What this device lets a pod have of the host. Deciding thread only. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include "core/core.h"

/* Whether the profile and the labels of this device let a document in; a document that is not is freed. */
MUST_CHECK bool policy_takes(const struct core *core, struct document *document, struct refusal *refusal);
/* hostPath is the one door to the host's files: the operator of the device says which, and never into Davit's own. */
bool policy_host_path_allowed(const struct config *config, const char *path);
/* The same for the runtime, which sees where links lead: `within` (absent: anywhere) and `without` are added to a hostPath. */
void policy_host_path_limits(const struct config *config, struct json *host);
/* Where a pod's user namespace and its ids come from; NULL: the pod has the host's. The caller frees. */
struct json *policy_users(const struct config *config, const struct pod *pod);

#endif
