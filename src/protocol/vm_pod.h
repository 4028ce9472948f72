/* A virtual machine as the pod that it is to the rest of Davit: one container, `compute`, with the images, claims and
 * Secrets of its volumes, and pod->vm. So images, networks, probes, restarts and reports are one for both. Pure.
 */
#ifndef PROTOCOL_VM_POD_H
#define PROTOCOL_VM_POD_H

#include "model/vm.h"
#include "protocol/fields.h"

#define VM_KERNEL_VOLUME "kernel-boot" /* the volume that kernelBoot's image becomes */

/* Of a VirtualMachine's `spec`. The caller frees with pod_free. NULL: *err names the JSON path. */
MUST_CHECK struct pod *vm_read(const struct json *spec, struct ignored_fields *ignored, struct error *err);
/* The same of a VirtualMachineInstance's: it runs once. */
MUST_CHECK struct pod *vm_instance_read(const struct json *spec, struct ignored_fields *ignored, struct error *err);
/* A VirtualMachine's `spec` again, as vm_read takes it. The caller frees. */
struct json *vm_write(const struct vm *vm);
/* What is pulled for a data volume: the image of a registry, or a URL with its checksum as the fragment. The caller frees;
 * NULL: it is blank. */
char *vm_data_reference(const struct vm_data_template *data);

#endif
