/* What a container may do: its effective securityContext as the kernel's words. Pure. */
#ifndef CRUN_SECURITY_H
#define CRUN_SECURITY_H

#include "base/error.h"
#include "base/json.h"

/* Array of "CAP_…": containerd's usual ones, with what the context adds and drops. The caller frees. */
struct json *security_capabilities(const struct json *context);
bool security_is_privileged(const struct json *context);
/* OCI's linux.seccomp; *out NULL: none is wanted. `folder` holds the profiles of type Localhost. The caller frees.
 * *is_usual: it is the one that everybody gets.
 */
MUST_CHECK bool security_seccomp(const struct json *context, const char *folder, struct json **out, bool *is_usual,
                                 struct error *err);

#endif
