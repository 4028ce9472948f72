#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sim.h"

/* splitmix64: small, and every seed is a good one. */
uint64_t sim_random(struct sim *sim)
{
    uint64_t z = (sim->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t sim_below(struct sim *sim, uint64_t bound)
{
    return bound == 0 ? 0 : sim_random(sim) % bound;
}

bool sim_chance(struct sim *sim, unsigned per_thousand)
{
    return sim_below(sim, 1000) < per_thousand;
}

uint64_t sim_boot_ms(const struct sim *sim)
{
    return sim->now_ms - sim->node.boot_at_ms + SECOND;
}

uint64_t sim_wall_ms(const struct sim *sim)
{
    return (uint64_t)((int64_t)sim->now_ms + sim->wall_offset_ms);
}

/* Everything that happens goes through here: its hash is the history's fingerprint. */
void sim_note(struct sim *sim, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    sim->hash ^= sim->now_ms;
    for (const char *c = line; *c != '\0'; c++)
        sim->hash = (sim->hash ^ (unsigned char)*c) * 0x100000001b3u;
    if (sim->lie == LIE_REPLAY) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        sim->hash ^= (uint64_t)now.tv_nsec;
    }
    if (sim->trace)
        printf("# %10" PRIu64 ".%03" PRIu64 " %s\n", sim->now_ms / 1000, sim->now_ms % 1000, line);
}

void sim_fail(struct sim *sim, const char *invariant, const char *format, ...)
{
    char what[sizeof(sim->what)];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    sim_note(sim, "VIOLATION of %s: %s", invariant, what);
    if (sim->failed)
        return;
    sim->failed = true;
    sim->invariant = invariant;
    memcpy(sim->what, what, sizeof(what));
}

struct event *sim_after(struct sim *sim, uint64_t delay_ms, void (*run)(struct sim *sim, struct event *event))
{
    struct event *event = queue_add(&sim->queue, sim->now_ms + delay_ms);
    event->run = run;
    event->node_epoch = sim->node.epoch;
    return event;
}

const char *sim_source_word(enum source source)
{
    static const char *const words[] = { "node", "group", "group", "all", "manifests", "bundle" };
    return words[source];
}

const char *sim_group_name(enum source source)
{
    return source == FROM_LINE1 ? "line-1" : source == FROM_LINE2 ? "line-2" : source == FROM_ALL ? "all" : "";
}
