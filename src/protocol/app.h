/* App, the shorthand of davit/v1: read, and expanded into what it means in Kubernetes' words. Pure.
 *
 * Kept of a document: {"spec"}; the expansion is made of it each time.
 */
#ifndef PROTOCOL_APP_H
#define PROTOCOL_APP_H

#include "protocol/owner.h"

/* `json` as an App with metadata and spec, where it is the flat form that a topic may hold; else NULL. The caller frees. */
struct json *app_unfold(const struct object_id *id, const struct json *json);
struct json *app_read(const char *resource, const struct json *document, struct ignored_fields *ignored, struct error *err);
/* The documents that it means: a Deployment or a Job, its claims, its Service. NULL: *err says what is wrong. The caller frees.
 */
MUST_CHECK struct json *app_expand(const struct object_id *id, const struct json *spec, struct error *err);

struct app_report {
    struct owner_told told;
    const struct json *expansion;
    const struct json *main;  /* flat state of its Deployment or Job; NULL: none yet */
    const char *problem, *message; /* a child that cannot be; NULL: none */
};

struct json *app_state_write(const struct app_report *report);
struct json *app_status_write(const struct app_report *report);

#endif
