/* The broker: what it retains, and the one session of our node. */
#ifndef SIM_BROKER_H
#define SIM_BROKER_H

#include "sim.h"

const char *broker_retained(const struct sim *sim, const char *topic); /* NULL */
/* Someone publishes, retained or not; "" empties a retained topic. */
void broker_publish(struct sim *sim, const char *topic, const char *payload, bool retain);
bool broker_subscribed(const struct sim *sim, const char *topic);
/* All retained messages of the node's subscriptions, appended. */
void broker_flood(struct sim *sim, struct message **list);
void broker_restart(struct sim *sim, uint64_t down_ms);
void broker_lose_retained(struct sim *sim);
void broker_backup(struct sim *sim);
void broker_restore(struct sim *sim);
struct message *message_new(const char *topic, const char *payload, bool retain);
void message_free(struct message *message);
void messages_free(struct message **list);
void broker_free(struct sim *sim);

#endif
