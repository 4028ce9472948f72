/* What is told instead of a message that is larger than the broker takes. Pure. */
#ifndef PROTOCOL_TRIM_H
#define PROTOCOL_TRIM_H

#include <stddef.h>

/* A state, a status or an event keeps its short values, a status gets the condition Truncated; an answer becomes a failure
 * (AnswerTooLarge). At most `most` bytes; the caller frees. NULL: it cannot be made so small, or is no JSON object.
 */
char *trim_message(const char *payload, size_t most);

#endif
