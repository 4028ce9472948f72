/* What waits for the broker, within an own window of unacknowledged messages. Deciding thread only.
 *
 * One entry a topic, the newest wins; events have no such key and wait in a line of their own. What must arrive (clears)
 * is a row in the store until the broker has acknowledged it. Statuses are derived and never stored: after each
 * connection everything is told again.
 */
#ifndef CORE_OUTBOX_H
#define CORE_OUTBOX_H

#include "base/json.h"
#include "store/store.h"

struct outbox;

/* Sends one publish to the link: `head` is taken. */
typedef void (*outbox_send)(void *ctx, struct json *head, const void *payload, size_t len);

struct outbox *outbox_new(struct store *store, outbox_send send, void *ctx, struct error *err); /* reads the rows */
void outbox_free(struct outbox *outbox);

/* Who hears all that is told, beside the broker, and whether there is one or not; "" is a clear. NULL: nobody. */
typedef void outbox_listener(void *ctx, const char *topic, const char *payload, bool retained);
void outbox_listen(struct outbox *outbox, outbox_listener *listener, void *ctx);

/* Retained, QoS 1. Replaces what waits on that topic, a stored clear too. */
void outbox_put(struct outbox *outbox, const char *topic, const char *payload);
/* The same with QoS 0: a measurement, which the next one replaces. */
void outbox_put_light(struct outbox *outbox, const char *topic, const char *payload);
/* QoS 0, not retained, and not dropped: whoever makes them looks at outbox_light_waiting. */
void outbox_say_light(struct outbox *outbox, const char *topic, const char *payload);
size_t outbox_light_waiting(const struct outbox *outbox); /* of outbox_say_light */
/* An empty retained payload that must arrive: a row, written by `txn`. */
void outbox_clear(struct outbox *outbox, struct store_txn *txn, const char *topic);
/* An answer to a requester, with MQTT 5's correlation data (base64; NULL: none). Not retained, and never dropped: whoever
 * makes them looks at outbox_is_full first.
 */
void outbox_answer(struct outbox *outbox, const char *topic, const char *payload, const char *correlation);
bool outbox_is_full(const struct outbox *outbox); /* LIMIT_ANSWERS, or LIMIT_ANSWERS_BYTES */
bool outbox_is_overfull(const struct outbox *outbox); /* LIMIT_REFUSALS, or LIMIT_REFUSALS_BYTES: not even a refusal is said */
/* Not retained. outbox_first goes before everything that waits, and is gone with the connection (the end-of-flood nonce). */
void outbox_event(struct outbox *outbox, const char *topic, const char *payload);
void outbox_first(struct outbox *outbox, const char *topic, const char *payload);

/* packet_limit: bytes of a packet that the broker takes; 0: it did not say. What is larger is told trimmed (protocol/trim). */
void outbox_connected(struct outbox *outbox, int64_t receive_maximum, size_t packet_limit);
void outbox_disconnected(struct outbox *outbox);
/* Of a message that was sent and is not answered. NULL: nobody knows it. */
const char *outbox_topic(const struct outbox *outbox, int64_t id);
/* The one that is sent and not answered, where there is just one and it is worth something on another connection too. NULL else. */
const char *outbox_flying_alone(const struct outbox *outbox);
size_t outbox_flying(const struct outbox *outbox);
/* What is to go to this topic, or below it, is thrown away until outbox_allow: the broker refuses it, and Mosquitto 2.0 ends the
 * connection for it each time. A clear waits until then. */
void outbox_deny(struct outbox *outbox, const char *topic);
void outbox_allow(struct outbox *outbox);
/* ok false: it was lost with the connection, and is sent again with the next one. */
void outbox_published(struct outbox *outbox, int64_t id, bool ok);
/* The broker does not take it. A clear waits for the next connection, or outbox_allow; all else is gone. */
void outbox_refused(struct outbox *outbox, int64_t id);
/* Rows that should be gone, and could not be deleted: the disk was full. outbox_delete_again tries once more. */
size_t outbox_undeleted(const struct outbox *outbox);
void outbox_delete_again(struct outbox *outbox);
size_t outbox_waiting(const struct outbox *outbox); /* and may be sent */
/* Events that were dropped because LIMIT_EVENTS waited. */
uint64_t outbox_dropped(const struct outbox *outbox);

#endif
