/* One stream's numbered chunks: a window of those that the requester has not acknowledged, kept for sending them again,
 * and the order of what the requester gives. docs/protocol.md, Streams. Pure.
 */
#ifndef PROTOCOL_CHUNKS_H
#define PROTOCOL_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunk;

struct chunks {
    struct chunk *unacked; /* oldest first */
    size_t count, bytes;
    int64_t last_seq;  /* of the newest */
    int64_t acked;
    int64_t input;     /* number of the last input that was taken */
    uint64_t heard_ms; /* the last acknowledgement */
    uint64_t said_ms;  /* the last chunk */
};

void chunks_init(struct chunks *chunks, uint64_t now_ms);
void chunks_free(struct chunks *chunks);
bool chunks_has_room(const struct chunks *chunks); /* LIMIT_CHUNKS, LIMIT_CHUNKS_BYTES */
/* The next one: its number is chunks->last_seq + 1. */
void chunks_add(struct chunks *chunks, char *text_taken, uint64_t now_ms);
/* All up to `seq` has been received. False: it never was sent. */
bool chunks_ack(struct chunks *chunks, int64_t seq, uint64_t now_ms);
void chunks_each(const struct chunks *chunks, void (*each)(void *ctx, const char *text), void *ctx);
/* Whether input of this number is the next one. 0: it has none, and is taken as it comes. */
bool chunks_take_input(struct chunks *chunks, int64_t seq);
/* A third of it without a word: time for an empty one; all of it without an acknowledgement: the requester has gone. */
bool chunks_is_idle(const struct chunks *chunks, uint64_t now_ms, uint64_t timeout_ms);
bool chunks_is_lost(const struct chunks *chunks, uint64_t now_ms, uint64_t timeout_ms);

/* How much of data goes into one chunk of text: up to a line's end, else up to a whole character. */
size_t chunks_cut(const char *data, size_t len);

#endif
