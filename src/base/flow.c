#include "config.h"

#include "base/flow.h"

#include <errno.h>
#include <unistd.h>

void flow_waits(const struct flow *flow, int *from, int *to)
{
    bool full = flow->used < flow->len;

    *from = full ? -1 : flow->from;
    *to = full ? flow->to : -1;
}

/* False: it must be waited for. */
static bool take(struct flow *flow)
{
    ssize_t got = read(flow->from, flow->data, sizeof(flow->data));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) /* of a master: EIO, nobody has the terminal open any more */
        flow->from = -1;
    flow->used = 0;
    flow->len = got > 0 ? (size_t)got : 0;
    return got > 0;
}

static bool give(struct flow *flow)
{
    ssize_t put = flow->to < 0 ? (ssize_t)(flow->len - flow->used)
                               : write(flow->to, flow->data + flow->used, flow->len - flow->used);

    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (put < 0) {
        flow->broken = true;
        flow->to = -1;
    }
    flow->used += put > 0 ? (size_t)put : 0;
    return true;
}

void flow_move(struct flow *flow)
{
    bool moved = true;

    while (moved && flow->used < flow->len)
        moved = give(flow);
    /* Once a turn: one that writes without an end must not keep others from being looked at. */
    if (!moved || flow->from < 0 || !take(flow))
        return;
    while (moved && flow->used < flow->len)
        moved = give(flow);
}
