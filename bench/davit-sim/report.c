#include "report.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"

/* As the broker acknowledged them, and did not say them to the one that watches. It may have been away meanwhile. */
static int64_t lost(uint64_t said, uint64_t seen)
{
    return said > seen ? (int64_t)(said - seen) : 0;
}

static size_t bytes_a_node(const struct swarm *swarm, size_t bytes)
{
    size_t count = swarm->options->count;
    return count > 0 && bytes > swarm->bytes_before ? (bytes - swarm->bytes_before) / count : 0;
}

struct json *report_write(const struct swarm *swarm, const struct watch *watch)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        { "nodes", swarm->options->count },
        { "connected", swarm_sum(swarm, N_CONNECTED) },
        { "present", watch_count(watch, WATCH_PRESENT, 1) },
        { "bytesPerNodeEmpty", bytes_a_node(swarm, swarm->bytes) },
        { "bytesPerNode", bytes_a_node(swarm, swarm_resident_bytes()) },
        { "connects", swarm_sum(swarm, N_CONNECTS) },
        { "connectFailures", swarm_sum(swarm, N_FAILURES) },
        { "breaks", swarm_sum(swarm, N_BREAKS) },
        { "received", swarm_sum(swarm, N_RECEIVED) },
        { "published", swarm_sum(swarm, N_PUBLISHED) },
        { "acknowledged", swarm_sum(swarm, N_ACKNOWLEDGED) },
        { "refused", swarm_sum(swarm, N_REFUSED) },
        { "payloadBytes", swarm_sum(swarm, N_BYTES) },
        { "statuses", swarm_sum(swarm, N_STATUSES) },
        { "statusesSeen", watch->statuses },
        { "bareSeen", watch->bare },
        { "stateBytes", swarm->fleets[0].state_bytes },
        { "statusBytes", swarm->fleets[0].status_bytes },
    };
    struct json *json = json_new_object();
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        json_set_integer(json, numbers[i].name, (int64_t)numbers[i].value);
    json_set_integer(json, "lost", lost(swarm_sum(swarm, N_STATUSES), watch->statuses));
    return json;
}

void report_print(const struct swarm *swarm, const struct watch *watch)
{
    if (swarm->options->json) {
        AUTO_JSON struct json *json = report_write(swarm, watch);
        AUTO_FREE char *text = json_print_pretty(json);
        printf("%s\n", text);
        return;
    }
    printf("nodes:       %zu, %" PRIu64 " connected, %zu online as the broker says\n", swarm->options->count, swarm_sum(swarm, N_CONNECTED),
           watch_count(watch, WATCH_PRESENT, 1));
    printf("memory:      %zu kB a node; %zu kB before they connected\n", bytes_a_node(swarm, swarm_resident_bytes()) / 1000,
           bytes_a_node(swarm, swarm->bytes) / 1000);
    printf("connections: %" PRIu64 " made, %" PRIu64 " not made, %" PRIu64 " lost\n", swarm_sum(swarm, N_CONNECTS), swarm_sum(swarm, N_FAILURES),
           swarm_sum(swarm, N_BREAKS));
    printf("messages:    %" PRIu64 " received, %" PRIu64 " published, %" PRIu64 " acknowledged, %" PRIu64 " refused\n",
           swarm_sum(swarm, N_RECEIVED), swarm_sum(swarm, N_PUBLISHED), swarm_sum(swarm, N_ACKNOWLEDGED), swarm_sum(swarm, N_REFUSED));
    if (swarm->options->watch != NULL)
        printf("statuses:    %" PRIu64 " of %s acknowledged, %" PRIu64 " came back, %" PRId64 " lost\n", swarm_sum(swarm, N_STATUSES),
               swarm->options->watch, watch->statuses, lost(swarm_sum(swarm, N_STATUSES), watch->statuses));
}
