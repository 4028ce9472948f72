#include "protocol/chunks.h"

#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "davit/limits.h"

struct chunk {
    int64_t seq;
    char *text;
    struct chunk *prev, *next;
};

void chunks_init(struct chunks *chunks, uint64_t now_ms)
{
    *chunks = (struct chunks){ .heard_ms = now_ms, .said_ms = now_ms };
}

static void drop_first(struct chunks *chunks)
{
    struct chunk *chunk = chunks->unacked;
    DL_DELETE(chunks->unacked, chunk);
    chunks->count--;
    chunks->bytes -= strlen(chunk->text);
    free(chunk->text);
    free(chunk);
}

void chunks_free(struct chunks *chunks)
{
    while (chunks->unacked != NULL)
        drop_first(chunks);
}

bool chunks_has_room(const struct chunks *chunks)
{
    return chunks->count < LIMIT_CHUNKS && chunks->bytes < LIMIT_CHUNKS_BYTES;
}

void chunks_add(struct chunks *chunks, char *text_taken, uint64_t now_ms)
{
    struct chunk *chunk = mem_alloc(sizeof(*chunk));
    chunk->seq = ++chunks->last_seq;
    chunk->text = text_taken;
    DL_APPEND(chunks->unacked, chunk);
    chunks->count++;
    chunks->bytes += strlen(text_taken);
    chunks->said_ms = now_ms;
}

bool chunks_ack(struct chunks *chunks, int64_t seq, uint64_t now_ms)
{
    if (seq < 0 || seq > chunks->last_seq)
        return false;
    while (chunks->unacked != NULL && chunks->unacked->seq <= seq)
        drop_first(chunks);
    chunks->acked = seq > chunks->acked ? seq : chunks->acked;
    chunks->heard_ms = now_ms;
    return true;
}

void chunks_each(const struct chunks *chunks, void (*each)(void *ctx, const char *text), void *ctx)
{
    const struct chunk *chunk;
    DL_FOREACH(chunks->unacked, chunk)
        each(ctx, chunk->text);
}

bool chunks_take_input(struct chunks *chunks, int64_t seq)
{
    if (seq != 0 && seq != chunks->input + 1)
        return false;
    chunks->input++;
    return true;
}

bool chunks_is_idle(const struct chunks *chunks, uint64_t now_ms, uint64_t timeout_ms)
{
    return now_ms >= chunks->said_ms + timeout_ms / 3;
}

bool chunks_is_lost(const struct chunks *chunks, uint64_t now_ms, uint64_t timeout_ms)
{
    return now_ms >= chunks->heard_ms + timeout_ms;
}

size_t chunks_cut(const char *data, size_t len)
{
    if (len <= LIMIT_CHUNK_BYTES)
        return len;
    const char *newline = memrchr(data, '\n', LIMIT_CHUNK_BYTES);
    if (newline != NULL)
        return (size_t)(newline - data) + 1;
    for (size_t cut = LIMIT_CHUNK_BYTES; cut > LIMIT_CHUNK_BYTES - 4; cut--)
        if (utf8_char_bytes(data + cut, len - cut) > 0)
            return cut;
    return LIMIT_CHUNK_BYTES;
}
