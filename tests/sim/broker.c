#include "broker.h"

#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "content.h"
#include "link.h"

struct message *message_new(const char *topic, const char *payload, bool retain)
{
    struct message *message = mem_alloc(sizeof(*message));
    message->topic = mem_strdup(topic);
    message->payload = mem_strdup(payload);
    message->retain = retain;
    return message;
}

void message_free(struct message *message)
{
    free(message->topic);
    free(message->payload);
    free(message);
}

void messages_free(struct message **list)
{
    while (*list != NULL) {
        struct message *message = *list;
        *list = message->next;
        message_free(message);
    }
}

static void retained_free(struct kept **list)
{
    while (*list != NULL) {
        struct kept *one = *list;
        *list = one->next;
        free(one->topic);
        free(one->payload);
        free(one);
    }
}

static struct kept *find(const struct sim *sim, const char *topic)
{
    struct kept *one = sim->broker.retained;
    while (one != NULL && strcmp(one->topic, topic) != 0)
        one = one->next;
    return one;
}

const char *broker_retained(const struct sim *sim, const char *topic)
{
    const struct kept *one = find(sim, topic);
    return one != NULL ? one->payload : NULL;
}

static void retain(struct sim *sim, const char *topic, const char *payload)
{
    struct kept *one = find(sim, topic);
    if (one != NULL) {
        LL_DELETE(sim->broker.retained, one);
        free(one->topic);
        free(one->payload);
        free(one);
    }
    if (payload[0] == '\0')
        return;
    one = mem_alloc(sizeof(*one));
    one->topic = mem_strdup(topic);
    one->payload = mem_strdup(payload);
    LL_PREPEND(sim->broker.retained, one);
}

static bool below(const char *topic, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(topic, prefix, len) == 0 && (topic[len] == '/' || topic[len] == '\0');
}

bool broker_subscribed(const struct sim *sim, const char *topic)
{
    static const char *const own[] = { "/sync", "/presence", "/desired" };
    for (size_t i = 0; i < 3; i++) {
        AUTO_FREE char *prefix = mem_printf(SIM_ROOT "/nodes/" SIM_NODE "%s", own[i]);
        if (below(topic, prefix))
            return true;
    }
    if (below(topic, SIM_ROOT "/groups/all/desired"))
        return true;
    for (size_t i = 0; i < sim->group_count; i++) {
        AUTO_FREE char *prefix = mem_printf(SIM_ROOT "/groups/%s/desired", sim_group_name(sim->groups[i]));
        if (below(topic, prefix))
            return true;
    }
    return false;
}

void broker_publish(struct sim *sim, const char *topic, const char *payload, bool retained)
{
    if (!sim->broker.up)
        return;
    sim_note(sim, "broker: %s%s %.120s", retained ? "retains " : "", topic, payload);
    if (retained)
        retain(sim, topic, payload);
    if (!broker_subscribed(sim, topic))
        return;
    struct message *message = message_new(topic, payload, false);
    message->qos1 = true;
    if (sim->link.phase == LINK_CONNECTED)
        link_deliver(sim, message);
    else if (sim->broker.session)
        LL_APPEND(sim->broker.queue, message);
    else
        message_free(message);
}

void broker_flood(struct sim *sim, struct message **list)
{
    for (const struct kept *one = sim->broker.retained; one != NULL; one = one->next)
        if (broker_subscribed(sim, one->topic)) {
            struct message *message = message_new(one->topic, one->payload, true);
            LL_APPEND(*list, message);
            sim->counters[N_REPLAYS]++;
        }
}

static void comes_up(struct sim *sim, struct event *event)
{
    (void)event;
    sim_note(sim, "broker: up");
    sim->broker.up = true;
}

void broker_restart(struct sim *sim, uint64_t down_ms)
{
    sim_note(sim, "broker: restarts");
    sim->counters[N_BROKER_RESTARTS]++;
    link_cut(sim, "the broker went away");
    sim->broker.up = false;
    sim_after(sim, down_ms, comes_up);
}

static void forget_session(struct sim *sim)
{
    sim->broker.session = false;
    messages_free(&sim->broker.queue);
}

/* What the broker held of the operator's documents can no longer be trusted to be there. */
static void doubt_all(struct sim *sim)
{
    for (int pod = 0; pod < SIM_PODS; pod++)
        for (enum source source = 0; source < FROM_FILES; source++)
            sim->operator.slots[pod][source].doubtful = true;
    sim->operator.bundle_doubtful = true;
}

void broker_lose_retained(struct sim *sim)
{
    sim_note(sim, "broker: loses everything");
    sim->counters[N_BROKER_LOST]++;
    link_cut(sim, "the broker was made anew");
    retained_free(&sim->broker.retained);
    forget_session(sim);
    doubt_all(sim);
}

static void copy(struct kept *const *from, struct kept **to)
{
    retained_free(to);
    for (const struct kept *one = *from; one != NULL; one = one->next) {
        struct kept *twin = mem_alloc(sizeof(*twin));
        twin->topic = mem_strdup(one->topic);
        twin->payload = mem_strdup(one->payload);
        LL_APPEND(*to, twin);
    }
}

void broker_backup(struct sim *sim)
{
    copy(&sim->broker.retained, &sim->broker.backup);
}

/* The status of an object that the node has forgotten altogether is nobody's: an operator who restores takes it out. */
static void clean_backup(struct sim *sim)
{
    static const char *const words[] = { "state", "status" };
    for (int pod = 0; pod < SIM_PODS; pod++) {
        bool known = false;
        for (int source = 0; source < SOURCES; source++)
            known = known || sim->seen[pod].slots[source].filled;
        for (size_t i = 0; !known && i < 2; i++) {
            AUTO_FREE char *topic = mem_printf(SIM_ROOT "/nodes/" SIM_NODE "/%s/default/pods/p%d", words[i], pod);
            retain(sim, topic, "");
        }
    }
}

void broker_restore(struct sim *sim)
{
    sim_note(sim, "broker: is restored from a backup");
    sim->counters[N_BROKER_RESTORED]++;
    link_cut(sim, "the broker is restored");
    copy(&sim->broker.backup, &sim->broker.retained);
    clean_backup(sim);
    forget_session(sim);
    doubt_all(sim);
}

void broker_free(struct sim *sim)
{
    retained_free(&sim->broker.retained);
    retained_free(&sim->broker.backup);
    messages_free(&sim->broker.queue);
}
