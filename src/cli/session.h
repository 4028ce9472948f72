/* A session with the broker, through a davit-link of its own (docs/wire.md): connected once, clean, under a random
 * client id, gone with the command. Blocking, one thread. Failures to reach the broker are ERROR_UNAVAILABLE.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cli/options.h"

struct session;

struct session_message {
    const char *topic;
    const char *payload; /* a NUL behind it; "" when empty */
    size_t len;
    bool retained; /* a replay of what the broker holds */
};

/* Called from within the functions below. The message lives as long as the call. */
typedef void session_handler(void *ctx, const struct session_message *message);

/* Connects and subscribes to `topics` (copied); one behind a "?" is read where this user may, and is no loss where not. NULL on
 * error.
 */
MUST_CHECK struct session *session_open(const struct options *options, const char *const *topics, size_t topic_count,
                                        session_handler *handler, void *ctx, struct error *err);
/* Receives until everything the broker holds for these topics has come: a nonce published after the subscription comes
 * last (docs/protocol.md, The end of the retained flood). True too where the nonce does not come back: what is there is all that
 * can be had, and a line on stderr says that it may be cut.
 */
MUST_CHECK bool session_sync(struct session *session, struct error *err);
/* Retained, QoS 1; returns when the broker has acknowledged it. */
MUST_CHECK bool session_publish(struct session *session, const char *topic, const char *payload, size_t len,
                                struct error *err);
/* The same without waiting for the acknowledgement, LIMIT_INFLIGHT at a time. A refusal is session_flush's error, which
 * must be called at the end.
 */
MUST_CHECK bool session_publish_soon(struct session *session, const char *topic, const char *payload, size_t len,
                                     struct error *err);
MUST_CHECK bool session_flush(struct session *session, struct error *err);
/* Receives for as long as there is a broker, then is false; *err says how it ended. */
bool session_watch(struct session *session, struct error *err);
/* Receives until *done, or for wait_ms: ERROR_TIMEOUT. */
MUST_CHECK bool session_until(struct session *session, const bool *done, uint64_t wait_ms, struct error *err);
/* The largest packet the broker takes; 0: it names no limit. */
/* Not retained, QoS 1; gone from the broker when nobody took it for so long. Does not wait for the acknowledgement. */
MUST_CHECK bool session_request(struct session *session, const char *topic, const char *payload, size_t len,
                                int64_t expiry_s, struct error *err);
/* Receives what there is; waits for it, or for something on `fd` (-1: none), unless *done is set by then. */
MUST_CHECK bool session_turn(struct session *session, int fd, bool *readable, const bool *done, uint64_t wait_ms,
                             struct error *err);
int64_t session_version(const struct session *session); /* of MQTT: 5, or 4 (3.1.1) */
#define SESSION_ID_BYTES 17
void session_random_id(char out[SESSION_ID_BYTES]);
size_t session_packet_limit(const struct session *session);
void session_close(struct session *session); /* NULL is fine */
void session_close_at(struct session **session);
#define AUTO_SESSION __attribute__((cleanup(session_close_at)))

#endif
