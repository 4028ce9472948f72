/* Who a device is at a registry, as Docker's config.json, podman's auth.json and a Secret of the type
 * kubernetes.io/dockerconfigjson say it. Pure.
 */
#ifndef IMAGE_AUTH_H
#define IMAGE_AUTH_H

#include "base/json.h"
#include "image/reference.h"

/* Appends to the array `credentials` what `document` knows for the repository at `host` (the reference's domain, or a
 * mirror's HOST[:PORT]): {"username","password"} or {"identityToken"}, the most specific path first, then the host, each
 * once. A key is HOST[:PORT][/PATH], also with a scheme or /v1/ or /v2/ as Docker writes it; `*` in it stands for any
 * part of a label (Kubernetes), and docker.io has its old names too.
 * False: something that fits cannot be used (a credential helper, which is not run; no base64), *err says which; what
 * could be used is there all the same.
 */
MUST_CHECK bool auth_find(const struct json *document, const struct reference *reference, const char *host,
                          struct json *credentials, struct error *err);

#endif
