/* A VirtualMachine's fields: read, checked, hashed, written. docs/virtual-machines.md lists them. Pure. */
#ifndef PROTOCOL_VM_FIELDS_H
#define PROTOCOL_VM_FIELDS_H

#include "model/vm.h"
#include "protocol/fields.h"

/* All that is honoured of a VirtualMachine's `spec`: struct vm. */
extern const struct field_table vm_table;
extern const struct field_table vm_spec_table; /* of its template: all of a VirtualMachineInstance's `spec` */

/* ---- vm_volume_fields.c */
extern const struct field_table vm_volume_table;        /* struct vm_volume */
extern const struct field_table vm_data_template_table; /* struct vm_data_template */

/* What a text may be. */
bool vm_is_word(const char *text);     /* what goes to QEMU and libvirt as a word of its own */
bool vm_is_hex(const char *text, size_t len); /* it begins with so many digits */
bool vm_is_one_of(const char *text, const char *const *words);

/* What the table cannot say. False: *err names the JSON path. */
MUST_CHECK bool vm_check(const struct vm *vm, struct error *err);

#endif
