/* What `davit describe` says of a virtual machine beside what every object has. */
#ifndef CLI_VM_VIEW_H
#define CLI_VM_VIEW_H

#include "base/json.h"

/* `status`: of the object. */
void describe_vm(const struct json *status);

#endif
