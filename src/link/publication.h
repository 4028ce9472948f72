/* One `publish` of the parent, until it is answered. */
#ifndef LINK_PUBLICATION_H
#define LINK_PUBLICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link/up.h"

struct publication {
    struct publication *next;
    int64_t id;
    char *topic;
    char *payload;
    size_t payload_len;
    int qos;
    bool retain;
    char *correlation;      /* MQTT 5's correlation data; NULL: none */
    size_t correlation_len;
    int64_t expiry_s;       /* MQTT 5's message expiry; -1: none */
    bool answered;
};

void publication_free(struct publication *publication);
/* The `published` frame. reason NULL: ok. code: MQTT's reason code, 0 where there is none. Any thread. */
void publication_answer(const struct publication *publication, struct up *up, int code, const char *reason);
/* Bytes of its PUBLISH packet, as the broker counts them against its maximum packet size. */
size_t publication_packet_bytes(const struct publication *publication, int version);

/* A list in order; not locked. */
struct publications {
    struct publication *first;
    struct publication **last;
    size_t bytes;
};

void publications_init(struct publications *list);
void publications_add(struct publications *list, struct publication *publication);
struct publication *publications_take_first(struct publications *list);
void publications_remove(struct publications *list, struct publication *publication);

#endif
