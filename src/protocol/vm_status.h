/* What is told of a virtual machine beside what is told of the pod that it is: KubeVirt's words. Pure. */
#ifndef PROTOCOL_VM_STATUS_H
#define PROTOCOL_VM_STATUS_H

#include "protocol/pod_status.h"

/* KubeVirt's printableStatus: one word for a person. */
const char *vm_printable_status(const struct pod_report *report);
/* It does not run, and is not to. */
bool vm_is_stopped(const struct pod_report *report);
void vm_status_write(const struct pod_report *report, struct json *status);
void vm_state_write(const struct pod_report *report, struct json *flat);

#endif
