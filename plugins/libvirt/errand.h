/* What a call asks of libvirtd is done in a thread of its own, which the call waits for until its time is over. So a
 * libvirtd that hangs holds no thread of the host for longer than that, and the errands themselves are bounded.
 */
#ifndef VMS_ERRAND_H
#define VMS_ERRAND_H

#include "base/address.h"
#include "instance.h"

#define ERRANDS_MOST 64 /* under way; one more is answered as unavailable */

/* What the call's document must say. */
enum errand_names { ERRAND_NAMES_NOTHING, ERRAND_NAMES_WORKLOAD, ERRAND_NAMES_ATTEMPT };

struct errand;
typedef void (*errand_work)(struct errand *errand);

struct errand {
    struct vms *vms;
    virConnectPtr connection; /* never NULL */
    struct address address;
    char domain[DOMAIN_NAME_BYTES];
    errand_work work;
    enum davit_result result; /* DAVIT_OK until a fail says otherwise */
    char reason[64];
    char message[ERROR_MESSAGE_BYTES];
    struct json *answer;      /* NULL: none */
    int cancel_fd;            /* its own: readable when the call's time is over, and nobody waits any more */
    int out_fd, error_fd, control_fd; /* its own: the call's streams; -1: it has none */
    int done_fd;
    int holders;              /* the call and the thread, under the lock */
};

/* Reads the call's document and lets `work` carry it out. A NULL call: nobody waits for it, and nobody hears how it went.
 */
enum davit_result errand_run(struct vms *vms, struct davit_call *call, const char *text, enum errand_names names,
                             errand_work work);
/* For `work`: how it failed. */
void errand_fail(struct errand *errand, enum davit_result result, const char *reason, const char *message);
void errand_fail_with(struct errand *errand, const char *reason, const struct error *err); /* the result is the code's */
/* The domain of the errand's workload, if it is of this attempt. NULL: it fails as `*err` says. */
MUST_CHECK virDomainPtr errand_domain(struct errand *errand, struct error *err);

#endif
