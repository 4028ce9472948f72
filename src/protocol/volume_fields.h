/* A pod's volumes. Pure. */
#ifndef PROTOCOL_VOLUME_FIELDS_H
#define PROTOCOL_VOLUME_FIELDS_H

#include "protocol/fields.h"

extern const struct field_table volume_table;       /* struct volume */
extern const struct field_table claim_source_table; /* struct claim_source */

/* How many sources are said; more than one is wrong, none is an emptyDir (Kubernetes). */
size_t volume_sources(const struct volume *volume);
/* False: a volume is of a kind that is not honoured. It would be an empty folder in its place: nobody asked for that. */
MUST_CHECK bool volumes_are_known(const struct json *volumes, struct error *err);
/* What a table cannot say: paths twice, projections of nothing. */
MUST_CHECK bool volume_check(const struct volume *volume, const char *path, struct error *err);

#endif
