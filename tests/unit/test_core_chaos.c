/* Jobs in a world where everything goes wrong: restarts, reboots, a slow disk, failing calls, documents said again, clocks that
 * are set. Each seed is a history; DAVIT_SEED=N plays one alone. What must hold all the time is looked at after each step.
 */
#include <stdlib.h>

#include "ownerkit.h"

#define SEEDS 60
#define STEPS 80
#define COMPLETIONS 5
#define PARALLELISM 2

struct chaos {
    struct corekit *kit;
    uint64_t seed, random;
    bool indexed;
    int64_t succeeded[COMPLETIONS]; /* of an Indexed one, by index */
    int64_t successes;
};

static uint64_t below(struct chaos *chaos, uint64_t bound)
{
    chaos->random ^= chaos->random << 13;
    chaos->random ^= chaos->random >> 7;
    chaos->random ^= chaos->random << 17;
    return chaos->random % bound;
}

/* `parallelism` 0: suspended. */
static void say(struct chaos *chaos, int64_t parallelism, bool retained)
{
    AUTO_FREE char *document =
        mem_printf("{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"work\"},\"spec\":{\"completions\":%d,"
                   "\"parallelism\":%lld,\"suspend\":%s,\"backoffLimit\":1000000,\"completionMode\":\"%s\",\"template\":{\"spec\":{\"restartPolicy\":"
                   "\"Never\",\"containers\":[{\"name\":\"a\",\"image\":\"demo:1\"}]}}}}",
                   COMPLETIONS, (long long)(parallelism > 0 ? parallelism : 1), parallelism > 0 ? "false" : "true", chaos->indexed ? "Indexed" : "NonIndexed");
    kit_message(chaos->kit, DESIRED "jobs/work", document, retained, NO_SEQ);
}

/* ---- what must hold */

static int64_t index_of(const char *pod)
{
    return strtoll(pod + strlen("work-"), NULL, 10);
}

static void look(struct chaos *chaos)
{
    int64_t running = 0, by_index[COMPLETIONS] = { 0 };
    JSON_EACH(instance, chaos->kit->instances) {
        const char *pod = json_get_text(instance, "pod");
        if (json_get_integer(instance, "attempt", 0) != 0)
            fail_msg("seed %llu: %s was tried again in place", (unsigned long long)chaos->seed, pod);
        if (strcmp(json_get_text(instance, "state"), "running") != 0)
            continue;
        running++;
        if (chaos->indexed && ++by_index[index_of(pod)] > 1)
            fail_msg("seed %llu: index %lld runs twice", (unsigned long long)chaos->seed, (long long)index_of(pod));
        if (chaos->indexed && chaos->succeeded[index_of(pod)] > 0)
            fail_msg("seed %llu: index %lld runs again", (unsigned long long)chaos->seed, (long long)index_of(pod));
    }
    if (running > PARALLELISM)
        fail_msg("seed %llu: %lld run", (unsigned long long)chaos->seed, (long long)running);
    if (chaos->successes > COMPLETIONS)
        fail_msg("seed %llu: %lld succeeded", (unsigned long long)chaos->seed, (long long)chaos->successes);
}

/* ---- what happens */

/* What a suspension is just taking away is not counted any more, however it ends. */
static bool counts(const struct chaos *chaos, const struct json *instance)
{
    struct object_id id = { .namespace = "default", .resource = "pods" };
    strncpy(id.name, json_get_text(instance, "pod"), sizeof(id.name) - 1);
    const struct object *object = objects_find(&chaos->kit->core->objects, &id);
    return strcmp(json_get_text(instance, "state"), "running") == 0 && object != NULL && object_ruling(object) != NULL &&
           strcmp(object->uid, json_get_text(instance, "uid")) == 0;
}

static const char *pick_running(struct chaos *chaos)
{
    size_t which = below(chaos, PARALLELISM);
    JSON_EACH(instance, chaos->kit->instances)
        if (counts(chaos, instance) && (which-- == 0 || chaos->kit->failing == NULL))
            return json_get_text(instance, "pod");
    return NULL;
}

/* The disk is awake: what the device has not written down yet may be lost with it. */
static void end_one(struct chaos *chaos, int64_t code)
{
    const char *pod = pick_running(chaos);
    if (pod == NULL || chaos->kit->disk_waits)
        return;
    chaos->successes += code == 0;
    if (code == 0 && chaos->indexed)
        chaos->succeeded[index_of(pod)]++;
    AUTO_FREE char *name = mem_strdup(pod);
    kit_exit_of(chaos->kit, name, code);
}

static void awake(struct corekit *kit)
{
    kit->disk_waits = false;
    kit->runtime_waits = false;
}

static void happen(struct chaos *chaos)
{
    struct corekit *kit = chaos->kit;
    static const char *const calls[] = { "create", "start", "stop", "stop", "remove", NULL };
    static const int64_t steps[] = { -3600000, 3600000, -86400000ll * 3650, 86400000ll * 3650 };
    switch (below(chaos, 12)) {
    case 0:
    case 1:
        end_one(chaos, 0);
        break;
    case 2:
    case 3:
        end_one(chaos, 1);
        break;
    case 4:
        kit->failing = calls[below(chaos, 6)];
        break;
    case 5:
        kit->disk_waits = !kit->disk_waits;
        break;
    case 6:
        kit->runtime_waits = !kit->runtime_waits;
        break;
    case 7:
        awake(kit);
        restart_davitd(kit);
        break;
    case 8:
        awake(kit);
        if (below(chaos, 3) == 0)
            reboot(kit);
        break;
    case 9:
    case 11:
        say(chaos, (int64_t)below(chaos, PARALLELISM + 1), below(chaos, 2) == 0);
        break;
    case 10:
        kit->wall = (uint64_t)((int64_t)kit->wall + steps[below(chaos, 4)]);
        break;
    default:
        break;
    }
    kit_advance(kit, below(chaos, 20) * 1000);
}

static void calm_down(struct chaos *chaos)
{
    struct corekit *kit = chaos->kit;
    kit->failing = NULL;
    awake(kit);
    say(chaos, PARALLELISM, LIVE);
    for (int i = 0; i < 200 && !told(kit, "state", "jobs/work", "\"state\":\"Succeeded\""); i++) {
        end_one(chaos, 0);
        kit_advance(kit, 400000);
        look(chaos);
    }
}

static void play(uint64_t seed)
{
    struct chaos chaos = { .seed = seed, .random = seed * 0x9e3779b97f4a7c15u + 1, .indexed = seed % 2 == 0 };
    void *state = NULL;
    assert_int_equal(kit_setup(&state), 0);
    chaos.kit = state;
    say(&chaos, PARALLELISM, LIVE);
    for (int i = 0; i < STEPS; i++) {
        happen(&chaos);
        look(&chaos);
    }
    calm_down(&chaos);
    AUTO_FREE char *done = mem_printf("\"succeeded\":%d", COMPLETIONS);
    if (!told(chaos.kit, "status", "jobs/work", done) || !told(chaos.kit, "status", "jobs/work", "\"type\":\"Complete\""))
        fail_msg("seed %llu: it never ends: %s", (unsigned long long)seed, kit_held(chaos.kit, NODE_TOPIC "/status/default/jobs/work"));
    assert_int_equal(chaos.successes, COMPLETIONS);
    assert_int_equal(kit_teardown(&state), 0);
}

static void no_job_runs_anything_twice_or_too_much(void **state)
{
    const char *one = getenv("DAVIT_SEED");
    (void)state;
    if (one != NULL)
        play(strtoull(one, NULL, 10));
    for (uint64_t seed = 1; one == NULL && seed <= SEEDS; seed++)
        play(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_job_runs_anything_twice_or_too_much) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
