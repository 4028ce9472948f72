#include "fleet.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "base/memory.h"

#define PING_EVERY_S 30 /* half of what a broker waits for, and less */
#define FILES_BESIDE 64 /* open files that are no connection of a node */

/* SQLite as a database in memory for each of many nodes has it: pages and tables are few and small. */
static int on_database(sqlite3 *db, char **message, const void *api)
{
    (void)message;
    (void)api;
    return sqlite3_exec(db, "PRAGMA page_size = 512; PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
}

static bool small_databases(struct error *err)
{
    bool good = sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK &&
                sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK &&
                sqlite3_auto_extension((void (*)(void))on_database) == SQLITE_OK;
    return good || error_set(err, ERROR_INTERNAL, "SQLite cannot be set up");
}

size_t fleet_resident_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

uint64_t fleet_random(uint64_t limit)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        return limit;
    return number % (limit + 1);
}

static bool files_allow(size_t count, struct error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return error_set(err, ERROR_INTERNAL, "cannot read the limit of open files");
    if (limit.rlim_max < count + FILES_BESIDE)
        return error_set(err, ERROR_LIMIT, "%zu nodes need %zu open files, and the limit is %llu: raise it (ulimit -Hn)", count,
                         count + FILES_BESIDE, (unsigned long long)limit.rlim_max);
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 || error_set(err, ERROR_INTERNAL, "cannot raise the limit of open files");
}

static struct config *config_make(const struct options *options, struct error *err)
{
    struct strbuf groups;
    strbuf_init(&groups, LIMIT_CONFIG_BYTES);
    strbuf_add(&groups, "node.groups=");
    for (size_t i = 0; i < options->group_count; i++)
        strbuf_printf(&groups, "%s%s", i > 0 ? "," : "", options->groups[i]);
    AUTO_FREE char *in_groups = strbuf_steal(&groups);
    AUTO_FREE char *root = mem_printf("broker.root=%s", options->root);
    AUTO_FREE char *name = mem_printf("node.name=%s0", options->prefix);
    const char *const keys[] = { name, root, in_groups, "runtime.crun.enabled=no", "runtime.fake.enabled=yes" };
    struct config *config = config_read("/nonexistent", false, err);
    bool good = config != NULL;
    for (size_t i = 0; good && i < sizeof(keys) / sizeof(keys[0]); i++)
        good = config_set(config, keys[i], err);
    if (good && config_finish(config, err))
        return config;
    config_free(config);
    return NULL;
}

static void on_ping(uv_timer_t *timer)
{
    struct fleet *fleet = timer->data;
    size_t slice = fleet->count / PING_EVERY_S + 1;
    for (size_t i = 0; i < slice && i < fleet->count; i++) {
        struct node *node = &fleet->nodes[fleet->pinged++ % fleet->count];
        if (node->client.phase == CLIENT_UP)
            client_ping(&node->client);
    }
}

static void watch_topics(struct fleet *fleet, const struct options *options)
{
    if (options->watch != NULL) {
        fleet->state_tail = mem_printf("/state/%s", options->watch);
        fleet->status_tail = mem_printf("/status/%s", options->watch);
    }
    if (options->bare)
        fleet->bare_topic = mem_printf("%s/bare/desired", options->root);
}

bool fleet_make(struct fleet *fleet, const struct options *options, uv_loop_t *loop, struct error *err)
{
    *fleet = (struct fleet){ .options = options, .loop = loop, .nodes = mem_array(options->count, sizeof(struct node)) };
    fleet->config = files_allow(options->count, err) && small_databases(err) ? config_make(options, err) : NULL;
    if (fleet->config == NULL)
        return false;
    watch_topics(fleet, options);
    uv_timer_init(loop, &fleet->pings);
    fleet->pings.data = fleet;
    fleet->bytes_before = fleet_resident_bytes();
    for (; fleet->count < options->count; fleet->count++)
        if (!node_make(fleet, &fleet->nodes[fleet->count], fleet->count, err))
            return false;
    fleet->bytes = fleet_resident_bytes();
    return true;
}

void fleet_start(struct fleet *fleet)
{
    uv_update_time(fleet->loop);
    uv_timer_start(&fleet->pings, on_ping, 1000, 1000);
    for (size_t i = 0; i < fleet->count; i++)
        node_connect_in(&fleet->nodes[i], fleet_random(fleet->options->jitter_ms));
}

bool fleet_may_connect(struct fleet *fleet)
{
    uint64_t second = uv_now(fleet->loop) / 1000;
    if (second != fleet->rate_second) {
        fleet->rate_second = second;
        fleet->rate_count = 0;
    }
    return fleet->rate_count++ < fleet->options->connect_rate;
}

/* Spread over the fleet: numbers 0, 3, 6 … for 33 of a hundred. */
static bool is_among(size_t number, uint64_t percent)
{
    return (number + 1) * percent / 100 > number * percent / 100;
}

size_t fleet_cut(struct fleet *fleet, uint64_t percent)
{
    size_t done = 0;
    for (size_t i = 0; i < fleet->count; i++)
        if (!fleet->nodes[i].cut && is_among(i, percent)) {
            node_cut(&fleet->nodes[i]);
            done++;
        }
    return done;
}

size_t fleet_join(struct fleet *fleet)
{
    size_t done = 0;
    for (size_t i = 0; i < fleet->count; i++)
        if (fleet->nodes[i].cut) {
            node_join(&fleet->nodes[i]);
            done++;
        }
    return done;
}

void fleet_farewell(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++)
        node_farewell(&fleet->nodes[i]);
}

void fleet_end(struct fleet *fleet)
{
    uv_close((uv_handle_t *)&fleet->pings, NULL);
    for (size_t i = 0; i < fleet->count; i++)
        node_end(&fleet->nodes[i]);
}

void fleet_free(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++)
        node_free(&fleet->nodes[i]);
    free(fleet->nodes);
    config_free(fleet->config);
    free(fleet->state_tail);
    free(fleet->status_tail);
    free(fleet->bare_topic);
}
