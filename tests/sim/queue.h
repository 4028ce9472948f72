/* What is to happen, in the order of time; at the same time in the order it was asked for. */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct sim;
struct json;

struct event {
    uint64_t at_ms;
    uint64_t serial;
    void (*run)(struct sim *sim, struct event *event);
    uint64_t epoch;  /* of whom it is for; void when that one has ended since */
    uint64_t node_epoch;
    int64_t number;
    struct json *head; /* owned */
    char *text;        /* owned */
};

struct queue {
    struct event **heap;
    size_t count, size;
    uint64_t last_serial;
};

struct event *queue_add(struct queue *queue, uint64_t at_ms);
struct event *queue_take(struct queue *queue); /* NULL: empty; the caller frees */
void event_free(struct event *event);
void queue_free(struct queue *queue);

#endif
