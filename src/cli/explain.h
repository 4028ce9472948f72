/* What a field means: where a path leads in the decoder's own tables (protocol/kind_fields). Pure. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include <stdio.h>

#include "base/error.h"
#include "protocol/kind_fields.h"
#include "protocol/names.h"

struct explained {
    const struct resource *resource; /* that was named */
    const char *kind;                /* plural: whose words these are; within a template the Pod's, or the Job's */
    char parent[64], name[64];       /* the last two parts of the path; the plural, and "" where it has none */
    const struct field *field;       /* NULL: the kind itself, or a field that is not honoured */
    const struct field_table *table; /* what is below; NULL: nothing */
    bool ignored;                    /* a field of Kubernetes that Davit takes and does not honour */
};

/* "pods.spec.hostNetwork". False: no such kind or field; *err names the nearest. */
MUST_CHECK bool explain_find(const char *path, struct explained *out, struct error *err);
/* Of lines of at most 80 columns. */
void explain_print(const struct explained *what, const char *path, bool recursive, FILE *out);
/* "[]Object", "integer" … */
const char *explain_type(const struct field *field);
/* The plural of the kind whose `spec` this table is; else `kind`. */
const char *explain_kind_below(const struct field_table *table, const char *kind);

#endif
