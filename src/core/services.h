/* Services: their addresses and node ports (kept in the store while the Service is there), the pods that answer for them,
 * and what davit-net is to know of it. Deciding thread only.
 */
#ifndef CORE_SERVICES_H
#define CORE_SERVICES_H

#include <uthash.h>

#include "base/digest.h"
#include "model/object_id.h"

struct core;
struct json;
struct object;
struct service_row;

struct services {
    struct service_entry *table; /* by object */
    bool owed;                   /* a pod or a Service changed: who answers is looked at again */
    int64_t asked;               /* the question that davit-net has not answered; 0: none */
    char said[DIGEST_HEX_BYTES]; /* what it knows; "": nothing */
    char problem[256];           /* why it could not do it; "" */
    uint64_t retry_boot_ms;
};

void services_load(struct core *core, const struct service_row *row); /* from the store, at start */
void services_loaded(struct core *core); /* all of them: those without a document go */
void services_free(struct services *services);

bool services_is_one(const struct object *object);
/* Gives it what it has not, takes back what it needs no more. Law 1: it may be called any time. */
void services_step(struct core *core, struct object *object);
bool services_has(const struct core *core, uint32_t address); /* one of them has it */

/* Looks who answers, where that is owed; touches the Services whose endpoints changed. */
void services_look(struct core *core);
/* Says it to davit-net, where it is new. */
void services_tell(struct core *core);
/* davit-net is new, and knows nothing. */
void services_lost(struct core *core);
/* False: the answer was to another question. */
bool services_answered(struct core *core, int64_t id, bool good, const char *message);

/* As service_endpoints has them (protocol/service.h); NULL: not known. */
const struct json *services_endpoints(const struct core *core, const struct object_id *id);

/* For the names that are answered for. */
bool services_has_name(const struct core *core, const char *namespace, const char *name);
void services_add_records(const struct core *core, struct json *out);

bool services_is_told(const struct object *object);
/* `described`: see report_both. */
void services_report(struct core *core, struct object *object, struct json **described);

#endif
