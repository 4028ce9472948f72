/* A davitd that measures each 10 s, and what it measures. */
#ifndef TESTS_TELEMETRYKIT_H
#define TESTS_TELEMETRYKIT_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "core/history_files.h"
#include "core/telemetry.h"
#include "corekit.h"

#define INTERVAL_MS 10000u
#define SILENCE_MS 100000u
#define MI 1048576
#define METRICS NODE_TOPIC "/metrics"
#define HELLO_METRICS METRICS "/default/pods/hello"
#define HELLO_HISTORY NODE_TOPIC "/history/default/pods/hello"
#define UNSET_MS 60000u /* wall clock of a box without a battery */

static struct machine machine __attribute__((unused));
static const char *disk_problem; /* NULL: the disk takes what comes */
static size_t kept;              /* batches */
static bool reads_wait __attribute__((unused)); /* what is read comes when a test says so, from `late_samples` */
static struct history late_samples __attribute__((unused));

static inline void look_at_machine(void *ctx, struct machine *out)
{
    (void)ctx;
    *out = machine;
}

static inline void keep_samples(void *ctx, char *path_taken, char *text_taken, size_t len)
{
    struct corekit *kit = ctx;
    struct error err;
    AUTO_FREE char *path = path_taken, *text = text_taken;
    kept++;
    if (disk_problem == NULL)
        assert_true(history_file_append(path, text, len, &err));
    core_samples_kept(kit->core, disk_problem);
}

static inline void read_samples(void *ctx, char *path_taken)
{
    struct corekit *kit = ctx;
    AUTO_FREE char *path = path_taken;
    struct history samples = { 0 };
    size_t bad = history_file_read(path, &samples);
    assert_int_equal(bad, 0);
    if (reads_wait)
        late_samples = samples;
    else
        core_samples_read(kit->core, &samples, bad);
}

static inline void remove_samples(void *ctx, char *path_taken, bool counted)
{
    struct corekit *kit = ctx;
    AUTO_FREE char *path = path_taken;
    struct history samples = { 0 };
    size_t bad = counted ? history_file_read(path, &samples) : 0;
    history_file_remove(path);
    core_samples_lost(kit->core, samples.count + bad);
    history_clear(&samples);
}

/* A davitd that is connected, and measures each 10 s. */
static inline int setup(void **state)
{
    int failed = kit_setup(state);
    struct corekit *kit = *state;
    machine = (struct machine){ .cpu_ns = 1000000000, .memory_bytes = 100 * MI, .disk_bytes = 1000 * (int64_t)MI,
                                .disk_free_bytes = 900 * (int64_t)MI };
    disk_problem = NULL;
    kept = 0;
    reads_wait = false;
    kit->env.machine = look_at_machine;
    kit->env.keep_samples = keep_samples;
    kit->env.read_samples = read_samples;
    kit->env.remove_samples = remove_samples;
    kit->env.memory_bytes = 400 * MI;
    AUTO_FREE char *folder = mem_printf("paths.state_dir=%s", kit->folder);
    kit_set(kit, folder);
    kit_set(kit, "telemetry.interval=10");
    kit_set(kit, "telemetry.max_silence=100");
    kit_set(kit, "telemetry.deadband=10%");
    struct error err;
    assert_true(config_finish(kit->config, &err));
    return failed;
}

static inline void begin(struct corekit *kit)
{
    kit_stop(kit);
    kit_start(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    kit_runtime_up(kit);
}

/* What the runtime says of hello from now on. */
static inline void uses(struct corekit *kit, int64_t memory)
{
    static char stats[512];
    const struct json *instance = json_first(kit->instances);
    (void)snprintf(stats, sizeof(stats),
                   "{\"instances\":[{\"uid\":\"%s\",\"namespace\":\"default\",\"pod\":\"hello\",\"container\":\"web\","
                   "\"attempt\":%" PRId64 ",\"memoryBytes\":1,\"workingSetBytes\":%" PRId64 "}],\"pods\":{}}",
                   json_get_text(instance, "uid"), json_get_integer(instance, "attempt", 0), memory);
    kit->stats = stats;
}

/* The next sample, in which hello has so much memory. */
static inline void measure(struct corekit *kit, int64_t memory)
{
    uses(kit, memory);
    kit_advance(kit, INTERVAL_MS);
}

/* And its first sample: that takes half a second more, for its rate. */
static inline void run_hello(struct corekit *kit, const char *more)
{
    kit_say(kit, HELLO, kit_pod("demo:1", "1", more), LIVE);
    assert_int_equal(kit_running(kit), 1);
    uses(kit, 40 * MI);
    kit_advance(kit, 5000);
    kit_advance(kit, 500);
}

static inline int64_t told(const struct corekit *kit, const char *topic, const char *key)
{
    const char *text = kit_held(kit, topic);
    struct error err;
    if (text == NULL || text[0] == '\0')
        return -1;
    AUTO_JSON struct json *json = json_parse(text, strlen(text), &err);
    return json_get_integer(json, key, -2);
}

static inline void go_away(struct corekit *kit)
{
    kit_link_frame(kit, "{\"op\":\"disconnected\",\"reason\":\"gone\"}", NULL);
    kit_settle(kit);
}

static inline void come_back(struct corekit *kit)
{
    kit_connect(kit);
    kit_flood_over(kit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

#endif
