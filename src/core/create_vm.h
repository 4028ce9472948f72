/* What a runtime of virtual machines gets beside a container's document: `vm` (docs/plugins.md). Deciding thread only. */
#ifndef CORE_CREATE_VM_H
#define CORE_CREATE_VM_H

#include "core/create.h"

#define VM_MAC_BYTES 18

/* `volumes`: those of the pod that the machine is, as the runtime gets them. NULL: *refusal says what is missing. The
 * caller frees. */
struct json *create_vm(const struct core *core, const struct object *object, const char *uid, const struct pod *pod,
                       const struct json *volumes, struct create_refusal *refusal);
/* Of its interface in the network that pods have: what is said, else one that stays the same as long as its name does. */
void create_vm_mac(const struct object *object, const struct vm *vm, char out[VM_MAC_BYTES]);

#endif
