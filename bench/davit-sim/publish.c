#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "fleet.h"

/* Ids of packets: the lower half is the core's publishes', the upper half the bare answers'. */
#define ID_HALF 0x8000

static uint16_t packet_id(int64_t id)
{
    return (uint16_t)(id % (ID_HALF - 1) + 1);
}

static bool ends_with(const char *text, const char *tail)
{
    size_t len = strlen(text), tail_len = tail != NULL ? strlen(tail) : 0;
    return tail != NULL && len >= tail_len && strcmp(text + len - tail_len, tail) == 0;
}

/* False: there is no place for it. A core keeps to its window, so there is one. */
static bool remember(struct node *node, int64_t id, bool status)
{
    for (size_t i = 0; i < LIMIT_INFLIGHT; i++)
        if (node->flights[i].id == 0) {
            node->flights[i] = (struct flight){ .id = id, .status = status };
            return true;
        }
    return false;
}

void node_publish(struct node *node, const struct json *head, const void *body, size_t len)
{
    struct fleet *fleet = node->fleet;
    const char *topic = json_get_text(head, "topic");
    const char *correlation = json_get_text(head, "correlation");
    int64_t id = json_get_integer(head, "id", 0);
    struct packet_publish publish = { .topic = topic, .payload = body, .payload_len = len,
                                      .qos = (int)json_get_integer(head, "qos", 0),
                                      .retain = json_get_boolean(head, "retain", false), .id = packet_id(id) };
    bool status = ends_with(topic, fleet->status_tail);
    if (status)
        fleet->status_bytes = len;
    else if (ends_with(topic, fleet->state_tail))
        fleet->state_bytes = len;
    if (node->client.phase != CLIENT_UP || !remember(node, id, status))
        return;
    AUTO_FREE char *raw = NULL;
    if (correlation != NULL && base64_decode(correlation, strlen(correlation), &raw, &publish.correlation.len))
        publish.correlation.data = raw;
    client_publish(&node->client, &publish);
    fleet->counters[N_PUBLISHED]++;
    fleet->counters[N_BYTES] += len;
}

int64_t node_published(struct node *node, uint16_t id)
{
    _Atomic uint64_t *counters = node->fleet->counters;
    for (size_t i = 0; i < LIMIT_INFLIGHT; i++) {
        struct flight *flight = &node->flights[i];
        if (flight->id == 0 || packet_id(flight->id) != id)
            continue;
        int64_t found = flight->id;
        counters[N_ACKNOWLEDGED]++;
        counters[N_STATUSES] += flight->status;
        flight->id = 0;
        return found;
    }
    return 0;
}

static void publish_bare(struct node *node, const char *word, const struct packet_text *text, size_t bytes)
{
    AUTO_FREE char *topic = mem_printf("%s/nodes/%s/bare/%s", node->fleet->options->root, node->name, word);
    size_t len = bytes > text->len ? bytes : text->len + 1; /* a blank ends the number */
    AUTO_FREE char *payload = mem_alloc(len);
    memset(payload, ' ', len);
    memcpy(payload, text->data, text->len);
    node->bare_id = (uint16_t)(node->bare_id | ID_HALF);
    struct packet_publish publish = { .topic = topic, .payload = payload, .payload_len = len, .qos = 1, .retain = true, .id = node->bare_id++ };
    client_publish(&node->client, &publish);
}

/* The number that was asked comes back, as the first bytes of both. */
void node_answer_bare(struct node *node, const struct packet *message)
{
    struct packet_text number = { message->payload.data, 0 };
    while (number.len < message->payload.len && number.data[number.len] >= '0' && number.data[number.len] <= '9')
        number.len++;
    publish_bare(node, "state", &number, node->fleet->state_bytes);
    publish_bare(node, "status", &number, node->fleet->status_bytes);
}
