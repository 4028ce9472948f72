/* What a pod may ask for on this device, and what its containers get. The profiles: privileged (all), baseline
 * (Kubernetes' Pod Security Standards, baseline; host network, host ports and host paths are the device's own switches),
 * restricted (zero trust: asks for little, and what is not said is the safe thing). Pure.
 */
#ifndef PROTOCOL_SECURITY_H
#define PROTOCOL_SECURITY_H

#include "base/error.h"
#include "base/json.h"
#include "model/pod.h"

enum security_level { LEVEL_BASELINE, LEVEL_RESTRICTED, LEVEL_PRIVILEGED };

extern const char *const security_level_words[]; /* by enum; ends with NULL */

/* False: the pod asks for more than the profile allows; *err says what, and what to do. */
MUST_CHECK bool security_allows(enum security_level level, const struct pod *pod, struct error *err);
/* The container's securityContext with the pod's put under it and the profile's defaults under that, in Kubernetes'
 * shape. The caller frees.
 */
struct json *security_effective(enum security_level level, const struct pod *pod, const struct container *container);
/* The part of the pod's securityContext that is its own: groups, fsGroup, sysctls. */
struct json *security_of_pod(const struct pod *pod);

/* With dots, where a document has slashes: "net/ipv4/conf/eth0.1/forwarding" is net.ipv4.conf.eth0/1.forwarding. The caller
 * frees.
 */
char *security_sysctl_name(const char *name);

#endif
