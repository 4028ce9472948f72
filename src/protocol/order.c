#include "protocol/order.h"

#include <stddef.h>
#include <string.h>

static enum order_verdict decide_numbered(const struct order_slot *slot, const struct order_arrival *arrival, bool same,
                                          int64_t *generation)
{
    *generation = arrival->generation;
    if (!slot->filled || arrival->generation > slot->generation)
        return ORDER_NEWER;
    if (arrival->generation < slot->generation)
        return ORDER_STALE;
    return same ? ORDER_SAME : ORDER_CONFLICT;
}

enum order_verdict order_decide(const struct order_slot *slot, const struct order_arrival *arrival, int64_t *generation)
{
    bool same = slot->filled && strcmp(slot->content, arrival->content) == 0;
    if (arrival->has_generation)
        return decide_numbered(slot, arrival, same, generation);
    *generation = slot->filled ? slot->generation + 1 : 1;
    if (same)
        return ORDER_SAME;
    return arrival->live || !arrival->superseded ? ORDER_NEWER : ORDER_REPLAY;
}

const char *order_reason(enum order_verdict verdict)
{
    switch (verdict) {
    case ORDER_STALE:
        return "Stale";
    case ORDER_CONFLICT:
        return "Conflict";
    case ORDER_REPLAY:
        return "StaleReplay";
    case ORDER_NEWER:
    case ORDER_SAME:
        break;
    }
    return NULL;
}
