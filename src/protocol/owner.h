/* Objects that own others on this device: Deployment, DaemonSet, StatefulSet, Job, CronJob, App. What a document says, the
 * documents it means, and what is told of it. Each kind has a file of its own behind one table. Pure.
 */
#ifndef PROTOCOL_OWNER_H
#define PROTOCOL_OWNER_H

#include "base/error.h"
#include "base/json.h"
#include "model/object_id.h"
#include "protocol/fields.h"

/* What is kept of a document; each kind's header says what. A template is read as a Pod, and what that ignores is in
 * `ignored`. NULL: *err names the path. The caller frees.
 */
MUST_CHECK struct json *owner_read(const char *resource, const struct json *document, struct ignored_fields *ignored,
                                   struct error *err);

/* ---- for the kinds: reading */

/* Whole numbers; what is absent or null leaves `value` as it is. `path` is "spec.". */
MUST_CHECK bool owner_read_integer(const struct json *object, const char *path, const char *key, int64_t max, int64_t *value,
                                   struct error *err);
MUST_CHECK bool owner_read_flag(const struct json *object, const char *path, const char *key, bool *value, struct error *err);
/* One of `words`, which ends with NULL: *index is its place; absent leaves it. */
MUST_CHECK bool owner_read_word(const struct json *object, const char *path, const char *key, const char *const *words,
                                size_t *index, struct error *err);
/* spec.template is there and is a Pod; `always`: its restartPolicy must be Always, else it must not. */
MUST_CHECK bool owner_read_template(const struct json *spec, bool always, struct ignored_fields *ignored, struct error *err);
/* Kubernetes: the selector must match the template's labels. */
MUST_CHECK bool owner_check_selector(const struct json *spec, struct error *err);

/* ---- for the kinds: children */

/* apiVersion, kind and metadata of a child, with labels and annotations of `template` (NULL: none). `owned`: it goes with
 * its owner. The caller frees.
 */
struct json *owner_child_new(const struct object_id *owner, const struct object_id *child, const struct json *template,
                             bool owned);
void owner_child_set(struct json *child, const char *map, const char *key, const char *value); /* metadata.MAP.KEY */
/* In the owner's namespace; the name is the format's. */
void owner_child_id(const struct object_id *owner, const char *resource, struct object_id *child, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- for the kinds: what is told */

/* What every owner's status begins with. */
struct refusal;

struct owner_told {
    const struct object_id *id;
    const char *uid; /* NULL: none */
    int64_t generation;
    const char *source;
    uint64_t created_ms;
    const struct ignored_fields *ignored;
    const struct refusal *refusal; /* of a newer document; NULL: none was */
    struct json **described; /* the status goes here, and nothing is told; NULL: it is told */
};

/* The object, with an empty `status` that has observedGeneration; owner_status_end adds what comes behind `conditions`. */
struct json *owner_status_begin(const struct owner_told *told);
void owner_status_end(const struct owner_told *told, struct json *object);
/* Accepted, or why the newest document was not. */
void owner_add_acceptance(struct json *conditions, const struct refusal *refusal);
struct json *owner_add_condition(struct json *conditions, const char *type, bool is_true, const char *reason,
                                 const char *message);
/* The flat state: word, code and readiness. */
struct json *owner_state_begin(const struct owner_told *told, const char *state, int64_t code, bool ready);
void owner_state_end(struct json *flat, const char *reason, const char *message);

#endif
