/* What a whole object of each kind may hold, as tables: for the readers that go by hand, which fields they know, and for
 * people who ask (`davit explain`). Pure.
 */
#ifndef PROTOCOL_KIND_FIELDS_H
#define PROTOCOL_KIND_FIELDS_H

#include "protocol/fields.h"

/* The object: apiVersion, kind, metadata and what is below. NULL: no such kind. */
const struct field_table *kind_table(const char *resource);

/* Names only: nothing is read by these, so their size is 0. */
extern const struct field_table deployment_spec_table;
extern const struct field_table daemon_set_spec_table;
extern const struct field_table stateful_set_spec_table;
extern const struct field_table job_spec_table;
extern const struct field_table cron_job_spec_table;
extern const struct field_table claim_spec_table;
extern const struct field_table app_spec_table;

/* The words of some of their fields, each list with a NULL behind it. */
extern const char *const deployment_strategy_words[];
extern const char *const set_strategy_words[]; /* of a DaemonSet too */
extern const char *const management_words[];
extern const char *const retention_words[];
extern const char *const completion_words[];
extern const char *const concurrency_words[];
extern const char *const app_restart_words[];

/* Every key of `object` that the table does not have, as PREFIX and the key, and of what is below it in tables of names. False, with
 * *err: something is there where an object belongs. PREFIX "spec.", or "".
 */
MUST_CHECK bool kind_read_others(const struct field_table *table, const struct json *object, const char *prefix,
                                 struct ignored_fields *ignored, struct error *err);

#endif
