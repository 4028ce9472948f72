/* What a pod's references mean: environment, arguments and the files of its volumes, from ConfigMaps, Secrets and the pod
 * itself. Kubernetes: Define environment variables, Downward API, Projected volumes; the kubelet's words. Pure. No value
 * of a Secret is ever in a message.
 */
#ifndef PROTOCOL_RESOLVE_H
#define PROTOCOL_RESOLVE_H

#include "base/error.h"
#include "base/json.h"
#include "model/object_id.h"
#include "model/pod.h"

struct resolve {
    const struct pod *pod;
    const struct object_id *id;
    const char *uid;
    const char *node;
    const char *host_address;          /* NULL: not known */
    const struct text_list *addresses; /* the pod's; NULL: none */
    int64_t capacity_cpu_m, capacity_memory, capacity_disk; /* of the machine: what a limit is that is not set */
    /* {"data":{KEY: base64}} of a ConfigMap or a Secret of the pod's namespace; NULL: there is none. */
    const struct json *(*lookup)(void *ctx, const char *resource, const char *name);
    void *ctx;
};

/* Array of {name,value}, complete but for the image's own. NULL: *err is why. The caller frees. */
MUST_CHECK struct json *resolve_env(const struct resolve *resolve, const struct container *container, struct error *err);
/* `$(NAME)` by `env`, `$$` is a dollar, what is not known stays. The caller frees. */
char *resolve_text(const char *text, const struct json *env);
struct json *resolve_texts(const struct text_list *texts, const struct json *env);
/* {"defaultMode","items":[{"path","mode","data"}]} of a configMap, secret, downwardAPI or projected volume; NULL with *err
 * unset: the volume is of another kind.
 */
MUST_CHECK struct json *resolve_files(const struct resolve *resolve, const struct volume *volume, struct error *err);
bool volume_has_files(const struct volume *volume);
/* Whether the pod takes anything from this object. */
bool resolve_uses(const struct pod *pod, const char *resource, const char *name);

/* Downward API: the value as text, NULL: *err is why. The caller frees. */
MUST_CHECK char *downward_field(const struct resolve *resolve, const char *path, struct error *err);
MUST_CHECK char *downward_resource(const struct resolve *resolve, const struct container *own,
                                   const struct resource_ref *ref, struct error *err);

#endif
