/* A container's fields. Pure. */
#ifndef PROTOCOL_CONTAINER_FIELDS_H
#define PROTOCOL_CONTAINER_FIELDS_H

#include "protocol/fields.h"

extern const struct field_table container_table;      /* struct container */
extern const struct field_table seccomp_table;        /* struct security_profile */
extern const struct field_table field_ref_table;
extern const struct field_table resource_ref_table;
extern const struct field_table vm_probe_table;       /* struct probe, of a virtual machine */
extern const struct field_table nothing_table;        /* struct vm_nothing: an object whose presence says it all */
extern const char *const pull_words[];
extern const char *const protocol_words[];

/* Names to quantities. */
bool quantities_check(const struct json *json, const char *path, struct error *err);

/* A path without ".." that is not absolute. */
bool path_is_relative(const char *text);
bool image_name_is_valid(const char *text);

#endif
