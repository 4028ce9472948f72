#include "config.h"

#include "cli/columns.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/pod_view.h"
#include "cli/status.h"
#include "cli/table.h"

static void number_cell(const struct entry *entry, const char *key, char *out)
{
    (void)snprintf(out, CELL_BYTES, "%lld", (long long)json_get_integer(entry->state, key, 0));
}

static void text_cell(const char *text, char *out)
{
    (void)snprintf(out, CELL_BYTES, "%s", text != NULL ? text : "");
}

static void age_cell(uint64_t since_ms, uint64_t until_ms, char *out)
{
    char age[TABLE_AGE_BYTES];
    text_cell(since_ms != 0 ? table_age(since_ms, until_ms, age) : NULL, out);
}

/* ---- of every kind */

static void cell_ready(const struct entry *entry, enum fleet_reach reach, char *out)
{
    struct pod_view view;
    pod_view_of(entry, reach, &view);
    text_cell(view.ready, out);
}

static void cell_status(const struct entry *entry, enum fleet_reach reach, char *out)
{
    struct pod_view view;
    pod_view_of(entry, reach, &view);
    text_cell(view.status, out);
}

static void cell_restarts(const struct entry *entry, enum fleet_reach reach, char *out)
{
    struct pod_view view;
    pod_view_of(entry, reach, &view);
    text_cell(view.restarts, out);
}

static void cell_age(const struct entry *entry, enum fleet_reach reach, char *out)
{
    struct pod_view view;
    char age[TABLE_AGE_BYTES];
    pod_view_of(entry, reach, &view);
    text_cell(table_age(view.since_ms, clock_wall_ms(), age), out);
}

static void cell_image(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    text_cell(json_get_text(entry->state, "image"), out);
}

/* ---- owners */

static void cell_updated(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    number_cell(entry, "updated", out);
}

static void cell_available(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    number_cell(entry, "available", out);
}

static void cell_wanted(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    number_cell(entry, "containers", out);
}

static void cell_ready_alone(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    number_cell(entry, "containersReady", out);
}

/* kubectl: "2/3"; of a work queue "0/1 of 3". */
static void cell_completions(const struct entry *entry, enum fleet_reach reach, char *out)
{
    long long succeeded = json_get_integer(entry->state, "succeeded", 0);
    long long parallelism = json_get_integer(entry->state, "parallelism", 1);
    (void)reach;
    if (json_get(entry->state, "completions") != NULL)
        (void)snprintf(out, CELL_BYTES, "%lld/%lld", succeeded, (long long)json_get_integer(entry->state, "completions", 0));
    else if (parallelism > 1)
        (void)snprintf(out, CELL_BYTES, "%lld/1 of %lld", succeeded, parallelism);
    else
        (void)snprintf(out, CELL_BYTES, "%lld/1", succeeded);
}

static void cell_duration(const struct entry *entry, enum fleet_reach reach, char *out)
{
    int64_t finished_ms = json_get_integer(entry->state, "finishedAt", 0);
    (void)reach;
    age_cell((uint64_t)json_get_integer(entry->state, "startedAt", 0),
             finished_ms != 0 ? (uint64_t)finished_ms : clock_wall_ms(), out);
}

static void cell_job_status(const struct entry *entry, enum fleet_reach reach, char *out)
{
    const char *reason = json_get_text(entry->state, "reason"), *state = json_get_text(entry->state, "state");
    bool suspended = reason != NULL && strcmp(reason, "Suspended") == 0;
    bool running = state != NULL && strcmp(state, "Running") == 0;
    bool refused = status_refusal(entry->status) != NULL;
    if (state == NULL || refused || reach != FLEET_ONLINE) {
        cell_status(entry, reach, out);
        return;
    }
    text_cell(suspended || running ? (suspended ? "Suspended" : "Running") : strcmp(state, "Succeeded") == 0 ? "Complete" : state,
              out);
}

static void cell_schedule(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    text_cell(json_get_text(entry->state, "schedule"), out);
}

static void cell_zone(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    text_cell(json_get_text(entry->state, "timeZone"), out);
}

static void cell_suspend(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    text_cell(json_get_integer(entry->state, "suspend", 0) != 0 ? "True" : "False", out);
}

static void cell_active(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    number_cell(entry, "active", out);
}

static void cell_last_schedule(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    age_cell((uint64_t)json_get_integer(entry->state, "lastScheduleAt", 0), clock_wall_ms(), out);
}

/* ---- pods, claims, services */

static void cell_address(const struct entry *entry, enum fleet_reach reach, char *out)
{
    struct pod_view view;
    pod_view_of(entry, reach, &view);
    text_cell(view.address, out);
}

static const struct json *status_of(const struct entry *entry)
{
    return json_get(entry->status, "status");
}

static void cell_claim_status(const struct entry *entry, enum fleet_reach reach, char *out)
{
    const char *phase = json_get_text(status_of(entry), "phase");
    (void)reach;
    if (json_get_text(json_get(entry->status, "metadata"), "deletionTimestamp") != NULL)
        phase = "Terminating";
    text_cell(phase != NULL ? phase : "Refused", out);
}

static void cell_volume(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    text_cell(json_get_text(json_get(entry->status, "spec"), "volumeName"), out);
}

static void cell_capacity(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    text_cell(json_get_text(json_get(status_of(entry), "capacity"), "storage"), out);
}

/* kubectl's short words: RWO, ROX, RWX, RWOP. */
static void cell_modes(const struct entry *entry, enum fleet_reach reach, char *out)
{
    static const char *const words[][2] = {
        {"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
    size_t len = 0;
    (void)reach;
    out[0] = '\0';
    JSON_EACH(mode, json_get(status_of(entry), "accessModes"))
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && len < CELL_BYTES; i++)
            if (json_text(mode) != NULL && strcmp(json_text(mode), words[i][0]) == 0)
                len += (size_t)snprintf(out + len, CELL_BYTES - len, "%s%s", len > 0 ? "," : "", words[i][1]);
}

static void cell_used(const struct entry *entry, enum fleet_reach reach, char *out)
{
    const char *used = json_get_text(status_of(entry), "used");
    (void)reach;
    text_cell(used != NULL ? used : "-", out);
}

#define STATE_CELL(name, key)                                                       \
    static void cell_##name(const struct entry *entry, enum fleet_reach reach, char *out)      \
    {                                                                               \
        (void)reach;                                                               \
        text_cell(json_get_text(entry->state, key), out);                           \
    }

STATE_CELL(type, "type")
STATE_CELL(cluster_ip, "clusterIP")
STATE_CELL(external_ip, "externalIP")
STATE_CELL(ports, "ports")
STATE_CELL(message, "message")

static void cell_is_ready(const struct entry *entry, enum fleet_reach reach, char *out)
{
    (void)reach;
    text_cell(json_get_integer(entry->state, "ready", 0) != 0 ? "True" : "False", out);
}

#define AGE {"AGE", cell_age, COLUMN_ALWAYS, true}
#define STATUS_WIDE {"STATUS", cell_status, COLUMN_LAST, false}
#define END {NULL, NULL, COLUMN_ALWAYS, false}

static const struct column of_pods[] = {{"READY", cell_ready, COLUMN_ALWAYS, false},
                                        {"STATUS", cell_status, COLUMN_ALWAYS, false},
                                        {"RESTARTS", cell_restarts, COLUMN_ALWAYS, true},
                                        AGE,
                                        {"IP", cell_address, COLUMN_WIDE, false},
                                        {"IMAGE", cell_image, COLUMN_LAST, false},
                                        END};
static const struct column of_machines[] = {AGE,
                                            {"STATUS", cell_status, COLUMN_ALWAYS, false},
                                            {"READY", cell_is_ready, COLUMN_ALWAYS, false},
                                            {"RESTARTS", cell_restarts, COLUMN_WIDE, true},
                                            {"IP", cell_address, COLUMN_WIDE, false},
                                            {"IMAGE", cell_image, COLUMN_LAST, false},
                                            END};
static const struct column of_deployments[] = {{"READY", cell_ready, COLUMN_ALWAYS, false},
                                               {"UP-TO-DATE", cell_updated, COLUMN_ALWAYS, false},
                                               {"AVAILABLE", cell_available, COLUMN_ALWAYS, false},
                                               AGE,
                                               STATUS_WIDE,
                                               END};
static const struct column of_sets[] = {{"READY", cell_ready, COLUMN_ALWAYS, false}, AGE, STATUS_WIDE, END};
static const struct column of_daemons[] = {{"DESIRED", cell_wanted, COLUMN_ALWAYS, false},
                                           {"READY", cell_ready_alone, COLUMN_ALWAYS, false},
                                           {"UP-TO-DATE", cell_updated, COLUMN_ALWAYS, false},
                                           {"AVAILABLE", cell_available, COLUMN_ALWAYS, false},
                                           AGE,
                                           STATUS_WIDE,
                                           END};
static const struct column of_jobs[] = {{"STATUS", cell_job_status, COLUMN_ALWAYS, false},
                                        {"COMPLETIONS", cell_completions, COLUMN_ALWAYS, false},
                                        {"DURATION", cell_duration, COLUMN_ALWAYS, true},
                                        AGE,
                                        END};
static const struct column of_crons[] = {{"SCHEDULE", cell_schedule, COLUMN_ALWAYS, false},
                                         {"TIMEZONE", cell_zone, COLUMN_ALWAYS, false},
                                         {"SUSPEND", cell_suspend, COLUMN_ALWAYS, false},
                                         {"ACTIVE", cell_active, COLUMN_ALWAYS, false},
                                         {"LAST SCHEDULE", cell_last_schedule, COLUMN_ALWAYS, true},
                                         AGE,
                                         STATUS_WIDE,
                                         END};
static const struct column of_apps[] = {{"READY", cell_ready, COLUMN_ALWAYS, false},
                                        {"STATUS", cell_status, COLUMN_ALWAYS, false},
                                        {"RESTARTS", cell_restarts, COLUMN_ALWAYS, true},
                                        AGE,
                                        END};
static const struct column of_claims[] = {{"STATUS", cell_claim_status, COLUMN_ALWAYS, false},
                                          {"VOLUME", cell_volume, COLUMN_ALWAYS, false},
                                          {"CAPACITY", cell_capacity, COLUMN_ALWAYS, false},
                                          {"ACCESS MODES", cell_modes, COLUMN_ALWAYS, false},
                                          {"USED", cell_used, COLUMN_ALWAYS, false},
                                          AGE,
                                          END};
static const struct column of_services[] = {{"TYPE", cell_type, COLUMN_ALWAYS, false},
                                            {"CLUSTER-IP", cell_cluster_ip, COLUMN_ALWAYS, false},
                                            {"EXTERNAL-IP", cell_external_ip, COLUMN_ALWAYS, false},
                                            {"PORT(S)", cell_ports, COLUMN_ALWAYS, false},
                                            AGE,
                                            {"READY", cell_is_ready, COLUMN_WIDE, false},
                                            {"MESSAGE", cell_message, COLUMN_LAST, false},
                                            END};
static const struct column of_others[] = {{"STATUS", cell_status, COLUMN_ALWAYS, false}, AGE, END};

const struct column *columns_of(const char *resource)
{
    static const struct {
        const char *resource;
        const struct column *columns;
    } kinds[] = {{"pods", of_pods},           {"deployments", of_deployments}, {"statefulsets", of_sets}, {"apps", of_apps},
                 {"daemonsets", of_daemons}, {"jobs", of_jobs},               {"cronjobs", of_crons},
                 {"services", of_services}, {"persistentvolumeclaims", of_claims}, {"virtualmachines", of_machines}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].resource, resource) == 0)
            return kinds[i].columns;
    return of_others;
}
