/* Reading a status document (docs/protocol.md): what a person or a waiting command asks of it. Texts belong to it. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

/* NULL: it has none of this type. `object` NULL is fine everywhere. */
const struct json *status_condition(const struct json *object, const char *type);
bool status_condition_is(const struct json *object, const char *type, const char *value);
/* 0 where nothing was accepted yet. */
int64_t status_observed_generation(const struct json *object);
/* The condition of a document that was refused and stands beside the accepted one; NULL: none. */
const struct json *status_refusal(const struct json *object);
int64_t status_refused_generation(const struct json *object); /* 0: none, or the refused one had no generation */
/* Why the first container that waits does so, "" where none waits. The message may be "". */
void status_waiting(const struct json *object, const char **reason, const char **message);
/* RFC 3339 in UTC as milliseconds since 1970; 0: absent or something else. */
uint64_t status_time_ms(const char *text);

#endif
