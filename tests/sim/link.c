#include "link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "accepted.h"
#include "base/memory.h"
#include "broker.h"
#include "core/report.h"
#include "node.h"
#include "status.h"

#define WINDOW 20
#define PRESENCE SIM_ROOT "/nodes/" SIM_NODE "/presence"

static void pump(struct sim *sim);
static void try_soon(struct sim *sim);

static void frame_arrives(struct sim *sim, struct event *event)
{
    if (event->epoch == sim->link.epoch && event->node_epoch == sim->node.epoch && sim->node.up)
        node_link_frame(sim, event->head, event->text);
}

static void say(struct sim *sim, struct json *head, const char *body)
{
    struct link *link = &sim->link;
    uint64_t at = sim->now_ms + sim_below(sim, 4) * sim_below(sim, 6);
    if (at < link->last_out_ms)
        at = link->last_out_ms;
    link->last_out_ms = at;
    struct event *event = sim_after(sim, at - sim->now_ms, frame_arrives);
    event->epoch = link->epoch;
    event->head = head;
    event->text = mem_strdup(body);
}

static void not_taken(struct sim *sim, struct event *event)
{
    if (event->epoch == sim->link.epoch && event->number == sim->link.waits_for)
        link_crash(sim, "a message was not taken within 5 s");
}

static void say_connected(struct sim *sim)
{
    struct json *head = json_new_texts("op", "connected", NULL);
    json_set_boolean(head, "sessionPresent", sim->broker.session);
    json_set_integer(head, "receiveMaximum", WINDOW);
    json_set_integer(head, "maximumPacketSize", 0);
    json_set_integer(head, "version", 5);
    sim->broker.session = true;
    say(sim, head, NULL);
}

/* The message at the front of the wire goes up; its place in the broker's queue is given up once it is taken. */
static void deliver(struct sim *sim, struct event *event)
{
    struct link *link = &sim->link;
    if (event->epoch != link->epoch)
        return;
    link->pumping = false;
    struct message *message = link->wire;
    if (message == NULL)
        return;
    LL_DELETE(link->wire, message);
    if (message->payload == NULL) {
        say_connected(sim);
    } else {
        struct json *head = json_new_texts("op", "message", "topic", message->topic, NULL);
        json_set_integer(head, "qos", 1);
        json_set_boolean(head, "retain", message->retain);
        if (!message->retain) {
            json_set_integer(head, "seq", ++link->last_seq);
            link->waits_for = link->last_seq;
            struct event *late = sim_after(sim, LIMIT_LIVE_ACK_MS, not_taken);
            late->epoch = link->epoch;
            late->number = link->last_seq;
        }
        accepted_deliver(sim, message);
        say(sim, head, message->payload);
    }
    message_free(message);
    pump(sim);
}

static void pump(struct sim *sim)
{
    struct link *link = &sim->link;
    if (link->wire == NULL || link->pumping || link->waits_for != 0)
        return;
    link->pumping = true;
    sim_after(sim, sim_below(sim, 3), deliver)->epoch = link->epoch;
}

void link_deliver(struct sim *sim, struct message *message)
{
    if (message->qos1 && !message->retain) {
        struct message *kept = message_new(message->topic, message->payload, false);
        kept->qos1 = true;
        LL_APPEND(sim->broker.queue, kept);
    }
    LL_APPEND(sim->link.wire, message);
    pump(sim);
}

static void taken(struct sim *sim, int64_t seq)
{
    struct link *link = &sim->link;
    if (seq != link->waits_for)
        return;
    link->waits_for = 0;
    struct message *done = sim->broker.queue;
    if (done == NULL) {
        sim_fail(sim, "orders", "seq %" PRId64 " is taken, and the broker waits for nothing", seq);
        return;
    }
    accepted_taken(sim, done);
    if (!sim->calm && sim_chance(sim, sim->temper.ack_lost)) {
        sim_note(sim, "broker: the acknowledgement of %s is lost with the connection", done->topic);
        sim->counters[N_LIVE_AGAIN]++;
        link_cut(sim, "connection lost");
        return;
    }
    LL_DELETE(sim->broker.queue, done);
    message_free(done);
    pump(sim);
}

/* ---- publishes of davitd */

static void say_published(struct sim *sim, int64_t id, const char *failed)
{
    struct json *head = json_new_texts("op", "published", NULL);
    json_set_integer(head, "id", id);
    json_set_boolean(head, "ok", failed == NULL);
    json_set_text(head, "reason", failed);
    say(sim, head, NULL);
}

static void publish_arrives(struct sim *sim, struct event *event)
{
    struct link *link = &sim->link;
    int64_t id = event->number;
    size_t at = 0;
    while (at < link->flying_count && link->flying[at] != id)
        at++;
    if (event->epoch != link->epoch || link->phase != LINK_CONNECTED || at == link->flying_count)
        return;
    link->flying[at] = link->flying[--link->flying_count];
    const char *topic = json_get_text(event->head, "topic");
    bool lies = sim->lie == LIE_STATUS && sim->calm && strstr(topic, "/state/") != NULL;
    if (!lies)
        broker_publish(sim, topic, event->text, json_get_boolean(event->head, "retain", false));
    say_published(sim, id, NULL);
}

static void publish(struct sim *sim, const struct json *head, const char *body)
{
    struct link *link = &sim->link;
    const char *topic = json_get_text(head, "topic");
    int64_t id = json_get_integer(head, "id", 0);
    if (topic == NULL || id == 0) {
        sim_fail(sim, "orders", "the link is told to publish nothing");
        return;
    }
    sim_note(sim, "davitd publishes %" PRId64 " %s: %.300s", id, topic, body);
    status_published(sim, topic, body);
    if (link->phase != LINK_CONNECTED || link->flying_count == sizeof(link->flying) / sizeof(link->flying[0])) {
        say_published(sim, id, link->phase == LINK_CONNECTED ? "QueueFull" : "NotConnected");
        return;
    }
    if (link->flying_count >= WINDOW)
        sim_fail(sim, "bounded", "%zu publishes are under way, the broker takes %d", link->flying_count, WINDOW);
    link->flying[link->flying_count++] = id;
    struct event *event = sim_after(sim, 1, publish_arrives); /* in order */
    event->epoch = link->epoch;
    event->number = id;
    event->head = json_copy(head);
    event->text = mem_strdup(body);
}

/* A message of a group that was left was still on its way: the broker's session knows it no more. */
static void unsubscribe(struct sim *sim, const struct json *head)
{
    if (json_size(json_get(head, "subscribe")) > 0)
        sim_fail(sim, "orders", "the link is told to subscribe to what it has");
    JSON_EACH(topic, json_get(head, "unsubscribe"))
        if (broker_subscribed(sim, json_text(topic)))
            sim_fail(sim, "orders", "the link is told to leave %s", json_text(topic));
}

void link_frame(struct sim *sim, struct json *head_taken, const char *body, size_t len)
{
    AUTO_JSON struct json *head = head_taken;
    const char *op = json_get_text(head, "op");
    if (!sim->node.link_started || sim->link.phase == LINK_DOWN)
        return;
    if (op != NULL && strcmp(op, "publish") == 0 && strlen(body) == len)
        publish(sim, head, body);
    else if (op != NULL && strcmp(op, "taken") == 0)
        taken(sim, json_get_integer(head, "seq", -1));
    else if (op != NULL && strcmp(op, "subscribe") == 0)
        unsubscribe(sim, head);
    else
        sim_fail(sim, "orders", "the link is told \"%s\"", op != NULL ? op : "nothing");
}

/* ---- the connection */

/* A Mosquitto as it is installed cuts a large flood, and says nothing. */
static void cut_flood(struct sim *sim, struct message **flood)
{
    if (sim->calm || !sim_chance(sim, sim->temper.flood_cut))
        return;
    size_t keep = sim_below(sim, 6);
    struct message **at = flood;
    while (*at != NULL && keep-- > 0)
        at = &(*at)->next;
    if (*at != NULL)
        sim->counters[N_TRUNCATED]++;
    messages_free(at);
}

static void connect(struct sim *sim)
{
    struct link *link = &sim->link;
    struct message *flood = NULL;
    link->phase = LINK_CONNECTED;
    sim_note(sim, "link: connected");
    for (const struct message *waits = sim->broker.queue; waits != NULL; waits = waits->next) {
        struct message *again = message_new(waits->topic, waits->payload, false);
        LL_APPEND(link->wire, again);
    }
    broker_flood(sim, &flood);
    cut_flood(sim, &flood);
    LL_CONCAT(link->wire, flood);
    struct message *mark = mem_alloc(sizeof(*mark));
    struct message **at = &link->wire;
    for (uint64_t skip = sim_below(sim, 8); *at != NULL && skip > 0; skip--)
        at = &(*at)->next;
    mark->next = *at;
    *at = mark;
    pump(sim);
}

static void tries(struct sim *sim, struct event *event)
{
    struct link *link = &sim->link;
    if (event->epoch != link->epoch || link->phase != LINK_TRYING || event->node_epoch != sim->node.epoch)
        return;
    if (sim->broker.up) {
        connect(sim);
        return;
    }
    struct json *head = json_new_texts("op", "disconnected", "reason", "connection refused", NULL);
    json_set_integer(head, "code", 0);
    json_set_integer(head, "retryInMs", 2000);
    say(sim, head, NULL);
    try_soon(sim);
}

static void try_soon(struct sim *sim)
{
    sim_after(sim, 500 + sim_below(sim, 4 * SECOND), tries)->epoch = sim->link.epoch;
}

void link_start(struct sim *sim)
{
    struct link *link = &sim->link;
    link->phase = LINK_TRYING;
    link->last_seq = 0;
    free(link->will);
    link->will = report_will(sim->node.core);
    sim_after(sim, 1 + sim_below(sim, 50), tries)->epoch = link->epoch;
}

/* The broker says the will after some seconds; sometimes it does so though the node is back. */
static void will_due(struct sim *sim, struct event *event)
{
    if (event->epoch == 0 && sim->link.phase == LINK_CONNECTED)
        return;
    if (sim->link.phase == LINK_CONNECTED)
        sim->counters[N_LATE_WILLS]++;
    broker_publish(sim, PRESENCE, event->text, true);
}

static void connection_lost(struct sim *sim)
{
    struct link *link = &sim->link;
    if (link->phase == LINK_CONNECTED && sim->broker.up) {
        struct event *event = sim_after(sim, 5 * SECOND + sim_below(sim, 3 * SECOND), will_due);
        event->epoch = !sim->calm && sim_chance(sim, 200);
        event->text = mem_strdup(link->will);
    }
    messages_free(&link->wire);
    link->pumping = false;
    link->waits_for = 0;
    sim->counters[N_DISCONNECTS] += link->phase == LINK_CONNECTED;
}

void link_cut(struct sim *sim, const char *why)
{
    struct link *link = &sim->link;
    if (link->phase != LINK_CONNECTED)
        return;
    connection_lost(sim);
    link->phase = LINK_TRYING;
    /* What was said before the break arrives first; what flew is lost, or was taken and nobody knows. */
    for (size_t i = 0; i < link->flying_count; i++)
        say_published(sim, link->flying[i], "ConnectionLost");
    link->flying_count = 0;
    struct json *head = json_new_texts("op", "disconnected", "reason", why, NULL);
    json_set_integer(head, "retryInMs", 1000);
    say(sim, head, NULL);
    try_soon(sim);
}

void link_end(struct sim *sim)
{
    connection_lost(sim);
    sim->link.flying_count = 0;
    sim->link.phase = LINK_DOWN;
    sim->link.epoch++;
}

static void starts_again(struct sim *sim, struct event *event)
{
    if (event->node_epoch == sim->node.epoch && sim->node.up && event->epoch == sim->link.epoch)
        link_start(sim);
}

void link_crash(struct sim *sim, const char *why)
{
    if (sim->link.phase == LINK_DOWN || !sim->node.up)
        return;
    sim->counters[N_LINK_ENDS]++;
    link_end(sim);
    node_link_down(sim, why);
    sim_after(sim, SECOND, starts_again)->epoch = sim->link.epoch;
}
