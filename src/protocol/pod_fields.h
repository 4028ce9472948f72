/* The Pod's fields: read, checked, hashed, written. docs/kubernetes.md lists them. Pure. */
#ifndef PROTOCOL_POD_FIELDS_H
#define PROTOCOL_POD_FIELDS_H

#include "protocol/fields.h"

/* All that is honoured of a Pod's `spec`: struct pod. */
extern const struct field_table pod_table;

#define POD_WRITTEN_VM "vm" /* in what pod_write made of a virtual machine: a VirtualMachine's `spec` */

/* Reads a Pod's `spec`, or what pod_write made. The caller frees with pod_free. NULL on error; the message names the JSON path. */
MUST_CHECK struct pod *pod_read(const struct json *spec, struct ignored_fields *ignored, struct error *err);
void pod_free(struct pod *pod); /* NULL is fine */
/* What restarts a pod when it changes: the honoured fields, absent ones adding nothing. Versioned: "1:" and hex. */
void pod_hash(const struct pod *pod, char out[POD_HASH_BYTES]);
/* The spec again, as pod_read takes it; the caller frees. A copy of its own; NULL: it could not be read again. */
struct json *pod_write(const struct pod *pod);
struct pod *pod_copy(const struct pod *pod);
/* Of resource limits: a device by its CDI name ("vendor.com/class=name", "vendor.com/class"). */
bool resource_is_device(const char *name);
/* One container and the pod's volumes as the runtime's `create` has them (docs/plugins.md). The caller frees. */
struct json *container_write(const struct container *container);
struct json *volumes_write(const struct pod *pod);

#endif
