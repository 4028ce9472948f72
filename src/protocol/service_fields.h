/* The fields of a Service: read, checked, written. docs/kubernetes.md lists them. Pure. */
#ifndef PROTOCOL_SERVICE_FIELDS_H
#define PROTOCOL_SERVICE_FIELDS_H

#include "model/service.h"
#include "protocol/fields.h"

/* All that is honoured of a Service's `spec`: struct service. */
extern const struct field_table service_table;

/* Reads a Service's `spec`. The caller frees with service_free. NULL on error; the message names the JSON path. */
MUST_CHECK struct service *service_read(const struct json *spec, struct ignored_fields *ignored, struct error *err);
void service_free(struct service *service); /* NULL is fine */
/* The spec again, as service_read takes it; the caller frees. */
struct json *service_write(const struct service *service);

#endif
