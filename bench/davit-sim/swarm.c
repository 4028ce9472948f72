#include "swarm.h"

#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/memory.h"

#define FILES_BESIDE 64 /* open files that are no connection of a node */

/* SQLite as a database in memory for each of many nodes has it: pages and tables are few and small, and nothing is rolled back. */
static int on_database(sqlite3 *db, char **message, const void *api)
{
    (void)message;
    (void)api;
    return sqlite3_exec(db, "PRAGMA page_size = 512; PRAGMA journal_mode = OFF", NULL, NULL, NULL);
}

static bool small_databases(struct error *err)
{
    bool good = sqlite3_config(SQLITE_CONFIG_MULTITHREAD) == SQLITE_OK &&
                sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK && /* its lock */
                sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK &&
                sqlite3_auto_extension((void (*)(void))on_database) == SQLITE_OK;
    return good || error_set(err, ERROR_INTERNAL, "SQLite cannot be set up");
}

size_t swarm_resident_bytes(void)
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
    const char *const keys[] = { name, root, in_groups, "runtime.crun.enabled=no", "runtime.fake.enabled=yes",
                                 "telemetry.interval=0" }; /* messages are counted */
    struct config *config = config_read("/nonexistent", false, err);
    bool good = config != NULL;
    for (size_t i = 0; good && i < sizeof(keys) / sizeof(keys[0]); i++)
        good = config_set(config, keys[i], err);
    if (good && config_finish(config, err))
        return config;
    config_free(config);
    return NULL;
}

static void share_out(struct swarm *swarm)
{
    const struct options *options = swarm->options;
    swarm->count = options->threads;
    swarm->fleets = mem_array(swarm->count, sizeof(struct fleet));
    for (size_t i = 0; i < swarm->count; i++) {
        struct fleet *fleet = &swarm->fleets[i];
        fleet->options = options;
        fleet->config = swarm->config;
        fleet->first = options->count * i / swarm->count;
        fleet->count = options->count * (i + 1) / swarm->count - fleet->first;
        fleet->connect_rate = options->connect_rate / swarm->count + 1;
    }
}

bool swarm_make(struct swarm *swarm, const struct options *options, struct error *err)
{
    *swarm = (struct swarm){ .options = options };
    swarm->config = files_allow(options->count, err) && small_databases(err) ? config_make(options, err) : NULL;
    if (swarm->config == NULL)
        return false;
    share_out(swarm);
    (void)clock_boot_id(); /* read once, and not by two threads at once */
    swarm->bytes_before = swarm_resident_bytes();
    for (size_t i = 0; i < swarm->count; i++)
        if (!fleet_begin(&swarm->fleets[i], err))
            return false;
    for (size_t i = 0; i < swarm->count; i++) {
        uv_sem_wait(&swarm->fleets[i].ready);
        if (swarm->fleets[i].problem.code != ERROR_NONE) {
            *err = swarm->fleets[i].problem;
            return false;
        }
    }
    swarm->bytes = swarm_resident_bytes();
    return true;
}

void swarm_order(struct swarm *swarm, enum order_kind kind, uint64_t percent)
{
    for (size_t i = 0; i < swarm->count; i++)
        fleet_order(&swarm->fleets[i], kind, percent);
}

uint64_t swarm_sum(const struct swarm *swarm, enum counter counter)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < swarm->count; i++)
        sum += swarm->fleets[i].counters[counter];
    return sum;
}

void swarm_free(struct swarm *swarm)
{
    for (size_t i = 0; i < swarm->count; i++)
        fleet_free(&swarm->fleets[i]);
    free(swarm->fleets);
    config_free(swarm->config);
}
