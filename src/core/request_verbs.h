/* The verbs of requests: one table for the broker and the control socket. */
#ifndef CORE_REQUEST_VERBS_H
#define CORE_REQUEST_VERBS_H

#include "core/core.h"

struct request_verb {
    const char *name;
    bool once;      /* it has an effect: remembered on the disk, and never carried out twice */
    bool streams;   /* "stream":true has a meaning */
    bool of_object; /* it must name one */
    void (*run)(struct core *core, struct request_call *call); /* ends in requests_answer, now or later */
};

const struct request_verb *request_verb_find(const char *name); /* NULL: unknown */
char *request_verbs_list(void); /* "ping logs …"; the caller frees */

/* vm_verbs.c: power. The virtual machine that it names; NULL: it is none, or not there, and that was answered. */
struct object *request_vm(struct core *core, const struct request_call *call);
void request_start(struct core *core, struct request_call *call);
void request_stop(struct core *core, struct request_call *call);
/* Whether a restart may be: else it was answered. */
bool request_may_restart_vm(struct core *core, const struct request_call *call);

/* revisions.c: what an object was before. */
void request_revisions(struct core *core, struct request_call *call);

/* restart.c: another incarnation of a pod, or of all pods of an owner. */
void request_restart(struct core *core, struct request_call *call);
/* Its pod may be free by now. */
void request_restart_go(struct core *core, struct request_call *call);

#endif
