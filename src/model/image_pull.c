#include "model/image_pull.h"

#define FIRST_DELAY_MS 10000u
#define MAX_DELAY_MS 300000u

static struct image_verdict verdict(enum image_state state)
{
    return (struct image_verdict){ .state = state };
}

static struct image_verdict pull(const struct image_known *known, uint64_t now_ms)
{
    if (!known->pulling && now_ms < known->retry_ms)
        return (struct image_verdict){ .state = IMAGE_BACKOFF, .wake_ms = known->retry_ms };
    return (struct image_verdict){ .state = IMAGE_PULLING, .begin = !known->pulling };
}

/* The newest pull failed, after the need arose or so shortly before that none is tried yet. */
static bool failed_for(const struct image_need *need, const struct image_known *known, uint64_t now_ms)
{
    if (known->failed_ms == 0 || known->failed_ms < known->good_ms)
        return false;
    return known->failed_ms >= need->since_ms || now_ms < known->retry_ms;
}

/* It is here, and Always: asked for at the registry, unless that is out of reach. */
static struct image_verdict check(const struct image_need *need, const struct image_known *known, uint64_t now_ms)
{
    bool tolerant = !need->strict && (need->has_run || !known->answered);
    struct image_verdict stale = { .state = IMAGE_READY, .stale = true };
    if (known->good_ms != 0 && known->good_ms >= need->since_ms)
        return verdict(IMAGE_READY);
    if (tolerant && failed_for(need, known, now_ms))
        return stale;
    struct image_verdict asked = pull(known, now_ms);
    if (asked.state != IMAGE_PULLING || need->strict || (known->fetching && !need->has_run))
        return asked;
    uint64_t since_ms = known->pulling ? known->pulling_since_ms : now_ms;
    since_ms = since_ms > need->since_ms ? since_ms : need->since_ms;
    if (now_ms >= since_ms + IMAGE_CHECK_MS)
        return stale;
    asked.wake_ms = since_ms + IMAGE_CHECK_MS;
    return asked;
}

struct image_verdict image_decide(const struct image_need *need, const struct image_known *known, uint64_t now_ms)
{
    if (need->policy == PULL_NEVER)
        return verdict(known->present ? IMAGE_READY : IMAGE_NEVER);
    if (known->present && need->policy == PULL_ALWAYS)
        return check(need, known, now_ms);
    return known->present ? verdict(IMAGE_READY) : pull(known, now_ms);
}

uint64_t image_backoff_ms(uint64_t failures)
{
    uint64_t delay_ms = FIRST_DELAY_MS;
    while (failures-- > 1 && delay_ms < MAX_DELAY_MS)
        delay_ms *= 2;
    return delay_ms < MAX_DELAY_MS ? delay_ms : MAX_DELAY_MS;
}
