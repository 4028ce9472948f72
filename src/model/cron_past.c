#include "model/cron_past.h"

#include <string.h>

bool cron_past_has(const struct cron_past *past, int64_t time)
{
    for (size_t i = 0; i < past->count; i++)
        if (time >= past->spans[i].from && time <= past->spans[i].to)
            return true;
    return false;
}

int64_t cron_past_newest(const struct cron_past *past, int64_t now, int64_t none)
{
    int64_t newest = none;
    bool any = false;
    for (size_t i = 0; i < past->count; i++) {
        const struct cron_span *span = &past->spans[i];
        int64_t time = span->to <= now ? span->to : now;
        if (span->from > now || (any && time <= newest))
            continue;
        newest = time;
        any = true;
    }
    return newest;
}

void cron_past_add(struct cron_past *past, int64_t time, int64_t before)
{
    for (size_t i = 0; i < past->count; i++)
        if (past->spans[i].to == before) {
            past->spans[i].to = time;
            return;
        }
    if (past->count == LIMIT_CRON_SPANS) {
        past->count--;
        memmove(past->spans, past->spans + 1, past->count * sizeof(past->spans[0]));
    }
    past->spans[past->count++] = (struct cron_span){ time, time };
}
