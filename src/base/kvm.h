/* Whether virtual machines can have the processor's help. */
#ifndef BASE_KVM_H
#define BASE_KVM_H

#include <stdbool.h>

/* False: *why says what is missing. Where a machine is itself a guest that may have none, /dev/kvm can be there and answer,
 * and what it starts hangs: so the processor is asked too.
 */
bool kvm_is_usable(const char **why);

#endif
