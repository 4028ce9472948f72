/* Frames on their way to the parent. Any thread may add; only the loop's thread writes, and it never blocks. */
#ifndef LINK_UP_H
#define LINK_UP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

struct up;

struct up_message {
    const char *topic; /* NUL-terminated, UTF-8 */
    int qos;
    bool retain;
    const void *payload;
    size_t payload_len;
    /* MQTT 5's properties of a request. */
    const char *response_topic; /* NULL: none */
    const void *correlation;    /* NULL: none */
    size_t correlation_len;
    int64_t expiry_s; /* what is left of its life; -1: it has no end */
};

struct up *up_new(int fd);
/* Readable when there is something for the loop to do. */
int up_wake_fd(const struct up *up);
void up_wake(struct up *up);
/* Never waits. Takes head. Small frames only: an answer for each thing asked. */
void up_send(struct up *up, struct json *head_taken);
/* A received message. Waits while LIMIT_LINK_QUEUE_BYTES lie here: what the parent does not read, the broker keeps. A
 * live one of QoS 1 waits for up_taken too; when that does not come within LIMIT_LIVE_ACK_MS the process ends, for to
 * return would acknowledge the message to the broker. Called by Paho's receiving thread.
 */
void up_message(struct up *up, const struct up_message *message);
/* The parent has stored message `seq`. False: it was never sent. */
bool up_taken(struct up *up, int64_t seq);
/* Loop: writes what the socket takes. False: the parent is gone. */
bool up_flush(struct up *up);
bool up_is_empty(struct up *up);

#endif
