/* A v1 Secret or ConfigMap: checked as Kubernetes checks it, and a Secret's credentials for registries. Pure. What is in
 * one is never repeated: not in a status, an event, a log line or an error.
 */
#ifndef PROTOCOL_SECRET_FIELDS_H
#define PROTOCOL_SECRET_FIELDS_H

#include "base/json.h"

/* {"type","data":{KEY: base64},"immutable":true}; stringData is put over data. NULL: *err names the key that is wrong. The caller frees. */
MUST_CHECK struct json *secret_read(const struct json *document, struct error *err);
/* {"data":{KEY: base64},"immutable":true} of a ConfigMap's data and binaryData. Likewise. */
MUST_CHECK struct json *config_map_read(const struct json *document, struct error *err);
/* Whether what one of the two says now may be replaced by that. */
MUST_CHECK bool data_may_become(const struct json *now, const struct json *next, struct error *err);
/* Adds the Docker auth.json document in it to the array: of the types kubernetes.io/dockerconfigjson and .../dockercfg.
 * False: it is of another type.
 */
bool secret_add_auths(const struct json *secret, struct json *auths);

#endif
