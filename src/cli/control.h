/* One request on davitd's control socket (docs/wire.md). */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include "base/json.h"

/* Sends `request` with `fd` (-1: none) and reads answers until the result, which the caller frees; each `progress` goes
 * to on_progress (NULL: nobody). NULL on error: the socket cannot be reached, or the answer is a failure, then as its
 * reason and message.
 */
MUST_CHECK struct json *control_call(const char *path, const struct json *request, int fd,
                                     void (*on_progress)(void *ctx, const struct json *progress), void *ctx,
                                     struct error *err);

/* What a reason of davitd's is here: ERROR_LIMIT where it has no place for one more (TooMany…). */
enum error_code control_code_of(const char *reason);

/* The two halves of it, for a conversation that is watched beside other things. */
MUST_CHECK bool control_connect(const char *path, int *socket_fd, struct error *err);
MUST_CHECK bool control_check_result(const struct json *head, struct error *err);

/* The same, for an answer with a text behind it, the caller's. */
MUST_CHECK char *control_text(const char *path, const struct json *request, struct error *err);

/* The same, for an answer that brings up to `most` descriptors, the caller's to close. */
MUST_CHECK struct json *control_open(const char *path, const struct json *request, int *fds, size_t most, size_t *count,
                                     struct error *err);

#endif
