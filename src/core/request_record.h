/* What is remembered of requests that are carried out once: the key, and the answer. In memory and on the disk. */
#ifndef CORE_REQUEST_RECORD_H
#define CORE_REQUEST_RECORD_H

#include "core/core.h"

struct request_record;

/* On its way to the disk; requests_begun follows. */
void request_record_begin(struct core *core, const struct request_call *call);
/* The same with its answer, which is published then. */
void request_record_answer(struct core *core, const struct request_call *call, const struct json *answer);
const struct request_record *request_record_find(const struct core *core, const char *key); /* answered ones; NULL */
/* Says the answer again, to where it is asked for now. */
void request_record_repeat(struct core *core, const struct request_record *record, const char *reply,
                           const char *correlation);
/* Says what an earlier davitd may not have said to the end. */
void request_records_announce(struct core *core);
MUST_CHECK bool request_records_load(struct core *core, struct error *err);
size_t request_records_count(const struct core *core);
void request_records_free(struct core *core);

/* requests.c */
void requests_begun(struct core *core, int64_t serial, const struct error *err);

#endif
