/* davit-sim-test: histories from seeds, and a report in TAP.
 *
 *     davit-sim-test [--seeds N] [--from SEED]    N seeds, then the self-tests
 *     davit-sim-test --seed SEED [--trace]        one, with all that happens
 *     davit-sim-test --seed SEED --break NAME     with a world that lies
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "chaos.h"

#define BLOCK 25
#define LIE_SEEDS 40 /* in so many histories a lie must be found */

struct options {
    uint64_t from;
    uint64_t seeds;
    bool single;
    bool trace;
    enum lie lie;
};

struct outcome {
    bool failed;
    uint64_t hash;
    char invariant[32];
    char what[512];
};

/* The lie, and the invariants that may find it first. */
static const struct {
    const char *name;
    const char *found_by[3];
} lies[LIE_COUNT] = {
    [LIE_TWICE] = { "twice", { "twice" } },        [LIE_BACK] = { "back", { "back" } },
    [LIE_UNASKED] = { "unasked", { "unasked" } },  [LIE_ONCE] = { "once", { "once" } },
    [LIE_CONVERGE] = { "converge", { "converge" } }, [LIE_STATUS] = { "status", { "status" } },
    [LIE_LEAK] = { "leak", { "leak" } },           [LIE_DURABLE] = { "durable", { "durable" } },
    [LIE_QUIET] = { "quiet", { "quiet" } },        [LIE_REPLAY] = { "replay", { NULL } },
    [LIE_IMAGE] = { "image", { "image" } },        [LIE_NET] = { "net", { "net", "leak" } },
    [LIE_ADDRESS] = { "address", { "address" } },   [LIE_HEALTH] = { "health", { "unasked" } },
    [LIE_MEMORY] = { "memory", { "memory" } },
};

static const char *const counter_names[N_COUNTERS] = {
    "events", "frames", "commits", "commits failed", "crashes", "crashes behind a commit", "host crashes",
    "half-made creates", "reboots", "wall steps", "reconfigured", "databases lost", "broker restarts", "brokers emptied",
    "brokers restored", "disconnects", "replayed documents", "live again", "cut floods", "late wills", "link ends",
    "published", "tombstones", "refusable", "emptied topics", "files", "accepted", "creates", "starts", "stops", "kills",
    "ends", "failed calls", "deadlines", "lost notices", "statuses", "pulls", "failed pulls",
    "attached pods", "detached pods", "davit-net crashes", "probes", "failed probes", "hooks", "davit-probe crashes",
    "commands", "pods that wait for memory in the end"
};

static uint64_t totals[N_COUNTERS];

static struct outcome play(const char *base, uint64_t seed, enum lie lie, bool trace)
{
    static uint64_t played;
    struct sim sim;
    struct error err;
    AUTO_FREE char *folder = mem_printf("%s/%" PRIu64, base, ++played);
    struct outcome outcome = { 0 };
    chaos_run(&sim, seed, lie, trace, folder);
    chaos_free(&sim);
    for (int i = 0; i < N_COUNTERS; i++)
        totals[i] += sim.counters[i];
    outcome.failed = sim.failed;
    outcome.hash = sim.hash;
    if (sim.failed)
        snprintf(outcome.invariant, sizeof(outcome.invariant), "%s", sim.invariant);
    memcpy(outcome.what, sim.what, sizeof(outcome.what));
    if (!file_remove_tree(folder, &err))
        printf("# %s\n", err.message);
    return outcome;
}

static void print_totals(void)
{
    for (int i = 0; i < N_COUNTERS; i++)
        printf("# %12" PRIu64 " %s\n", totals[i], counter_names[i]);
}

static bool run_block(const char *base, uint64_t from, uint64_t count, unsigned test)
{
    bool good = true;
    for (uint64_t seed = from; seed < from + count; seed++) {
        struct outcome outcome = play(base, seed, LIE_NONE, false);
        if (!outcome.failed)
            continue;
        good = false;
        printf("# seed %" PRIu64 " failed: %s: %s; replay with: davit-sim-test --seed %" PRIu64 " --trace\n", seed,
               outcome.invariant, outcome.what, seed);
    }
    printf("%s %u - seeds %" PRIu64 " to %" PRIu64 " hold every invariant\n", good ? "ok" : "not ok", test, from,
           from + count - 1);
    fflush(stdout);
    return good;
}

static bool same_twice(const char *base, uint64_t seed, enum lie lie)
{
    return play(base, seed, lie, false).hash == play(base, seed, lie, false).hash;
}

static bool lie_is_found(const char *base, enum lie lie, uint64_t from)
{
    for (uint64_t seed = from; seed < from + LIE_SEEDS; seed++) {
        struct outcome outcome = play(base, seed, lie, false);
        for (size_t i = 0; outcome.failed && i < 3 && lies[lie].found_by[i] != NULL; i++)
            if (strcmp(lies[lie].found_by[i], outcome.invariant) == 0)
                return true;
    }
    return false;
}

static bool run_all(const char *base, const struct options *options)
{
    unsigned blocks = (unsigned)((options->seeds + BLOCK - 1) / BLOCK);
    unsigned test = 0;
    bool good = true;
    printf("1..%u\n", blocks + LIE_COUNT);
    for (uint64_t done = 0; done < options->seeds; done += BLOCK) {
        uint64_t count = options->seeds - done < BLOCK ? options->seeds - done : BLOCK;
        good = run_block(base, options->from + done, count, ++test) && good;
    }
    print_totals();
    bool same = same_twice(base, options->from, LIE_NONE);
    printf("%s %u - a seed is one history: the same twice\n", same ? "ok" : "not ok", ++test);
    for (enum lie lie = LIE_TWICE; lie < LIE_COUNT; lie++) {
        bool found = lie == LIE_REPLAY ? !same_twice(base, options->from, lie) : lie_is_found(base, lie, options->from);
        printf("%s %u - a world that breaks \"%s\" is found out\n", found ? "ok" : "not ok", ++test, lies[lie].name);
        fflush(stdout);
        good = good && found;
    }
    return good && same;
}

static bool run_one(const char *base, const struct options *options)
{
    struct outcome outcome = play(base, options->from, options->lie, options->trace);
    printf("1..1\n%s 1 - seed %" PRIu64 " (history %016" PRIx64 ")\n", outcome.failed ? "not ok" : "ok", options->from,
           outcome.hash);
    if (outcome.failed)
        printf("# %s: %s\n", outcome.invariant, outcome.what);
    print_totals();
    return !outcome.failed;
}

static bool read_lie(const char *name, enum lie *lie)
{
    for (*lie = LIE_TWICE; *lie < LIE_COUNT; (*lie)++)
        if (strcmp(lies[*lie].name, name) == 0)
            return true;
    return false;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--trace") == 0) {
            options->trace = true;
            continue;
        }
        i++;
        if (strcmp(argv[i - 1], "--seeds") == 0)
            options->seeds = strtoull(value, NULL, 10);
        else if (strcmp(argv[i - 1], "--from") == 0)
            options->from = strtoull(value, NULL, 10);
        else if (strcmp(argv[i - 1], "--seed") == 0)
            options->from = strtoull(value, NULL, 10), options->single = true;
        else if (strcmp(argv[i - 1], "--break") != 0 || !read_lie(value, &options->lie))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options = { .from = 1, .seeds = 20 };
    struct error err;
    if (!read_options(argc, argv, &options)) {
        fprintf(stderr, "usage: davit-sim-test [--seeds N] [--from SEED] | --seed SEED [--trace] [--break NAME]\n");
        return 2;
    }
    /* What the core logs of a world that lies and breaks is no news. */
    log_init("davit-sim-test", (enum log_level)(options.trace ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR - 1));
    signal(SIGXFSZ, SIG_IGN); /* how the disk gets full */
    const char *tmp = getenv("TMPDIR");
    AUTO_FREE char *base = mem_printf("%s/davit-sim.XXXXXX",
                                      tmp != NULL ? tmp : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(base) == NULL) {
        perror(base);
        return 1;
    }
    bool good = options.single ? run_one(base, &options) : run_all(base, &options);
    if (!file_remove_tree(base, &err))
        printf("# %s\n", err.message);
    return good ? 0 : 1;
}
