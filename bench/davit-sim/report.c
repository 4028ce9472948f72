#include "report.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"

/* As the broker acknowledged them, and did not say them to the one that watches. It may have been away meanwhile. */
static int64_t lost(uint64_t said, uint64_t seen)
{
    return said > seen ? (int64_t)(said - seen) : 0;
}

static size_t bytes_a_node(const struct fleet *fleet, size_t bytes)
{
    return fleet->count > 0 && bytes > fleet->bytes_before ? (bytes - fleet->bytes_before) / fleet->count : 0;
}

struct json *report_write(const struct fleet *fleet, const struct watch *watch)
{
    const struct counters *counters = &fleet->counters;
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        { "nodes", fleet->count },
        { "connected", counters->connected },
        { "present", watch_count(watch, WATCH_PRESENT, 1) },
        { "bytesPerNodeEmpty", bytes_a_node(fleet, fleet->bytes) },
        { "bytesPerNode", bytes_a_node(fleet, fleet_resident_bytes()) },
        { "connects", counters->connects },
        { "connectFailures", counters->failures },
        { "breaks", counters->breaks },
        { "received", counters->received },
        { "published", counters->published },
        { "acknowledged", counters->acknowledged },
        { "refused", counters->refused },
        { "payloadBytes", counters->bytes },
        { "statuses", counters->statuses },
        { "statusesSeen", watch->statuses },
        { "bareSeen", watch->bare },
        { "stateBytes", fleet->state_bytes },
        { "statusBytes", fleet->status_bytes },
    };
    struct json *json = json_new_object();
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        json_set_integer(json, numbers[i].name, (int64_t)numbers[i].value);
    json_set_integer(json, "lost", lost(counters->statuses, watch->statuses));
    json_set_text(json, "problem", counters->problem[0] != '\0' ? counters->problem : NULL);
    return json;
}

void report_print(const struct fleet *fleet, const struct watch *watch)
{
    const struct counters *counters = &fleet->counters;
    if (fleet->options->json) {
        AUTO_JSON struct json *json = report_write(fleet, watch);
        AUTO_FREE char *text = json_print_pretty(json);
        printf("%s\n", text);
        return;
    }
    printf("nodes:       %zu, %" PRIu64 " connected, %zu online as the broker says\n", fleet->count, counters->connected,
           watch_count(watch, WATCH_PRESENT, 1));
    printf("memory:      %zu kB a node; %zu kB before they connected\n", bytes_a_node(fleet, fleet_resident_bytes()) / 1000,
           bytes_a_node(fleet, fleet->bytes) / 1000);
    printf("connections: %" PRIu64 " made, %" PRIu64 " not made, %" PRIu64 " lost%s%s\n", counters->connects, counters->failures,
           counters->breaks, counters->problem[0] != '\0' ? "; the last one not made: " : "", counters->problem);
    printf("messages:    %" PRIu64 " received, %" PRIu64 " published, %" PRIu64 " acknowledged, %" PRIu64 " refused\n",
           counters->received, counters->published, counters->acknowledged, counters->refused);
    if (fleet->options->watch != NULL)
        printf("statuses:    %" PRIu64 " of %s acknowledged, %" PRIu64 " came back, %" PRId64 " lost\n", counters->statuses,
               fleet->options->watch, watch->statuses, lost(counters->statuses, watch->statuses));
}
