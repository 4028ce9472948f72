/* What must be ready before a pod starts: the annotation davit/after, "apps/db,vms/hmi". Pure. */
#ifndef PROTOCOL_AFTER_H
#define PROTOCOL_AFTER_H

#include "base/error.h"
#include "base/json.h"
#include "davit/limits.h"
#include "model/object_id.h"

#define AFTER_ANNOTATION "davit/after"

/* The objects that are named, at most LIMIT_AFTER, in `ns`. Words are as a person types them: "pod/x", "deploy/x", "vms/x". */
MUST_CHECK bool after_parse(const char *text, const char *ns, struct object_id out[LIMIT_AFTER], size_t *count,
                            struct error *err);
/* Whether what the annotation says, if it is there, can be read. */
MUST_CHECK bool after_check(const struct json *annotations, struct error *err);

#endif
