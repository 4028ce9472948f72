#include "queue.h"

#include "base/json.h"
#include "base/memory.h"

static int before(const struct event *a, const struct event *b)
{
    return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->serial < b->serial);
}

static void swap(struct queue *queue, size_t a, size_t b)
{
    struct event *kept = queue->heap[a];
    queue->heap[a] = queue->heap[b];
    queue->heap[b] = kept;
}

static void rise(struct queue *queue, size_t at)
{
    for (; at > 0 && before(queue->heap[at], queue->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(queue, at, (at - 1) / 2);
}

static void sink(struct queue *queue, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < queue->count && before(queue->heap[child + 1], queue->heap[child]))
            child++;
        if (child >= queue->count || before(queue->heap[at], queue->heap[child]))
            return;
        swap(queue, at, child);
        at = child;
    }
}

struct event *queue_add(struct queue *queue, uint64_t at_ms)
{
    struct event *event = mem_alloc(sizeof(*event));
    event->at_ms = at_ms;
    event->serial = ++queue->last_serial;
    if (queue->count == queue->size) {
        queue->size = queue->size == 0 ? 256 : queue->size * 2;
        queue->heap = mem_resize(queue->heap, queue->size, sizeof(struct event *));
    }
    queue->heap[queue->count] = event;
    rise(queue, queue->count++);
    return event;
}

struct event *queue_take(struct queue *queue)
{
    if (queue->count == 0)
        return NULL;
    struct event *first = queue->heap[0];
    queue->heap[0] = queue->heap[--queue->count];
    sink(queue, 0);
    return first;
}

void event_free(struct event *event)
{
    json_free(event->head);
    free(event->text);
    free(event);
}

void queue_free(struct queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        event_free(queue->heap[i]);
    free(queue->heap);
}
