/* A request to a node over the broker, and its answer (docs/protocol.md, Requests). Blocking, one thread. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "base/json.h"
#include "cli/options.h"

/* Which way a request goes: what a person named decides, and a socket wins over a node. */
bool remote_is_meant(const struct options *options);

/* Who asks, as a level of the topic. */
const char *remote_user(const struct options *options);
MUST_CHECK bool remote_check_user(const struct options *options, struct error *err);

/* One request, one answer: the caller's. `args` are the verb's. NULL on error; a refusal is one, as its reason and
 * message. By the broker, or by davitd's control socket.
 */
MUST_CHECK struct json *remote_ask(const struct options *options, const char *verb, const struct json *args,
                                   struct error *err);

/* The same of what takes its time: an answer may come so much later from a node that is there. */
MUST_CHECK struct json *remote_ask_for(const struct options *options, const char *verb, const struct json *args,
                                       uint64_t wait_ms, struct error *err);

/* An answer, or a last chunk: whether it is ok. */
MUST_CHECK bool remote_check(const struct json *answer, struct error *err);

/* A stream. Each chunk comes once, in order, also over a new connection to the broker. */
struct remote;

/* Called for each chunk; the last one has "last". */
typedef void remote_handler(void *ctx, const struct json *chunk);

MUST_CHECK struct remote *remote_open(const struct options *options, const char *verb, const struct json *args,
                                      remote_handler *handler, void *ctx, struct error *err);
/* Waits for chunks, or until `fd` (-1: none) has something to read: then *readable. At most 1 s. Acknowledges. */
MUST_CHECK bool remote_turn(struct remote *remote, int fd, bool *readable, struct error *err);
bool remote_is_over(const struct remote *remote);
/* Input: {"stdin"…}, taken. In order, and kept until the node has taken it. */
MUST_CHECK bool remote_give(struct remote *remote, struct json *input_taken, struct error *err);
bool remote_may_give(const struct remote *remote); /* a few are under way at most */
void remote_close(struct remote *remote);

#endif
