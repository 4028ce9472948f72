/* What field tables cannot say of a pod: names that must be unlike, references that must lead somewhere. Pure. */
#ifndef PROTOCOL_POD_CHECK_H
#define PROTOCOL_POD_CHECK_H

#include "base/error.h"
#include "model/pod.h"

/* False: *err names the JSON path. */
MUST_CHECK bool pod_check(const struct pod *pod, struct error *err);

#endif
