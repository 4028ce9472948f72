/* The kinds of owners, each in a file of its own: what it does next, and what is told of it. For owners.c only.
 *
 * A step looks at everything anew (law 1); `spec` is NULL where nothing is wanted any more. Nothing else is in flight.
 */
#ifndef CORE_OWNER_KINDS_H
#define CORE_OWNER_KINDS_H

#include "core/owned.h"

typedef void (*owner_step)(struct core *core, struct object *owner, const struct json *spec, const char *group);
typedef void (*owner_report)(struct core *core, struct object *owner, const struct json *spec, const char *group,
                             const struct owner_told *told);

void replicas_step(struct core *core, struct object *owner, const struct json *spec, const char *group);
void replicas_report(struct core *core, struct object *owner, const struct json *spec, const char *group,
                     const struct owner_told *told);
void jobs_step(struct core *core, struct object *owner, const struct json *spec, const char *group);
void jobs_report(struct core *core, struct object *owner, const struct json *spec, const char *group,
                 const struct owner_told *told);
void crons_step(struct core *core, struct object *owner, const struct json *spec, const char *group);
void crons_report(struct core *core, struct object *owner, const struct json *spec, const char *group,
                  const struct owner_told *told);
void apps_step(struct core *core, struct object *owner, const struct json *spec, const char *group);
void apps_report(struct core *core, struct object *owner, const struct json *spec, const char *group,
                 const struct owner_told *told);

#endif
