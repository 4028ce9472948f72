/* What davit-link says: connections, messages, the end of the flood, our own presence. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/core.h"
#include "core/inbox.h"
#include "core/report.h"
#include "protocol/topic.h"

#define CODE_NOT_AUTHORIZED 135 /* MQTT 5 */
#define SOON_MS 30000
#define SHORT_LOSSES 2
#define SUSPECTED_ENDS 4
#define CODE_TAKEN_OVER 142 /* MQTT 5: session taken over */

/* Behind all that the broker holds comes what is published now. */
static void await_end_of_flood(struct core *core)
{
    struct link_state *link = &core->link;
    link->flood_over = false;
    link->truncated = false;
    core_new_uid(core, link->nonce);
    link->sync_due_ms = core_boot_ms(core) + LIMIT_SYNC_MS;
    AUTO_FREE char *topic = topic_node(core->config->root, core->config->node, "sync", NULL);
    outbox_first(core->outbox, topic, link->nonce);
}

/* To other topics, or once more to all: objects were told already. */
static void link_subscribed(struct core *core)
{
    core->link.told = core->link.told || core->link.flood_over;
    await_end_of_flood(core);
}

/* The broker's, or the configuration's where that is smaller; 0: none. */
static size_t packet_limit(const struct core *core, const struct json *head)
{
    int64_t said = json_get_integer(head, "maximumPacketSize", 0), own = core->config->max_packet_bytes;
    return (size_t)(said == 0 || (own != 0 && own < said) ? own : said);
}

static void link_connected(struct core *core, const struct json *head)
{
    struct link_state *link = &core->link;
    link->connected = true;
    link->packet_limit = packet_limit(core, head);
    link->told = false;
    link->left[0] = '\0';
    link->problem[0] = '\0';
    log_info("connected to the broker (MQTT %s)", json_get_integer(head, "version", 5) == 5 ? "5" : "3.1.1");
    /* Objects are told again when the flood is over, and it is known what the broker holds: once, not twice. */
    report_presence(core, true);
    core->told_node_state[0] = '\0';
    core->told_node_status[0] = '\0';
    core->node_dirty = true;
    await_end_of_flood(core);
    link->connected_ms = core_boot_ms(core);
    outbox_connected(core->outbox, link->short_losses >= SHORT_LOSSES ? 1 : json_get_integer(head, "receiveMaximum", 0), link->packet_limit);
    requests_connected(core);
}

/* All of a kind is left for a while, "R/nodes/N/metrics" and what is below it: Mosquitto 2.0 ends the connection for each message that
 * its rules do not allow. */
static void link_denied(struct core *core, const char *topic)
{
    struct link_state *link = &core->link;
    AUTO_FREE char *own = topic_node(core->config->root, core->config->node, "", NULL);
    size_t len = strlen(own);
    if (topic == NULL || strncmp(topic, own, len) != 0)
        return;
    AUTO_FREE char *kind = mem_strndup(topic, len + strcspn(topic + len, "/"));
    snprintf(link->denied, sizeof(link->denied), "the broker refuses what this node says on %.120s, which is left out for %d minutes: "
             "check its access rules (davit acl)", kind, LIMIT_DENIED_MS / 60000);
    log_error("%s", link->denied);
    link->denied_ms = core_boot_ms(core);
    outbox_deny(core->outbox, kind);
    core->node_dirty = true;
}

static bool is_presence(const struct core *core, const char *topic)
{
    AUTO_FREE char *presence = topic_node(core->config->root, core->config->node, "presence", NULL);
    return strcmp(topic, presence) == 0;
}

/* Mosquitto 2.0 may hang up before its refusal is read. So after two connections that ended soon one message goes at a time: the same
 * one in flight at so many ends running is the reason. A try that fails, or an end with nothing under way, is the broker's own affair.
 * The presence is said first: a network that breaks early breaks there, and a node that is there must not be silent about it.
 */
static void link_suspect(struct core *core)
{
    struct link_state *link = &core->link;
    const char *alone = outbox_flying_alone(core->outbox);
    bool soon = link->connected && core_boot_ms(core) < link->connected_ms + SOON_MS && outbox_flying(core->outbox) > 0;
    bool known = soon && alone != NULL && !is_presence(core, alone);
    bool same = known && strncmp(link->suspect, alone, sizeof(link->suspect) - 1) == 0;
    link->suspected = same ? link->suspected + 1 : known;
    if (link->suspected >= SUSPECTED_ENDS)
        link_denied(core, alone);
    link->short_losses = soon ? link->short_losses + 1 : 0;
    snprintf(link->suspect, sizeof(link->suspect), "%s", known ? alone : "");
}

static void link_disconnected(struct core *core, const char *why)
{
    link_suspect(core);
    /* Here and not with the next `connected`: the first documents of its flood may come before that. */
    inbox_flood_begins(core);
    if (core->link.connected || core->link.problem[0] == '\0')
        log_warn("no connection to the broker: %s", why);
    snprintf(core->link.problem, sizeof(core->link.problem), "%.250s", why);
    core->link.was_connected = core->link.was_connected || core->link.connected;
    core->link.connected = false;
    core->link.sync_due_ms = 0;
    core->link.presences = 0;
    outbox_disconnected(core->outbox);
}

static void link_sync(struct core *core, const struct frame_view *frame)
{
    struct link_state *link = &core->link;
    if (frame->body == NULL || strcmp(frame->body, link->nonce) != 0 || link->flood_over)
        return;
    link->sync_due_ms = 0;
    link->narrow = core->env->presence_twice && link->presences == 1;
    link->truncated = link->narrow;
    link->flood_over = !link->narrow;
    if (link->flood_over)
        inbox_flood_over(core);
    if (!link->told)
        report_again(core);
    link->told = true;
}

/* Another client with our client id: the broker throws out one for the other. Davit-link waits longer then, for else the two
 * would fight for ever. */
static void link_rival(struct core *core, const char *how)
{
    struct link_state *link = &core->link;
    if (link->rival_ms == 0) {
        log_error("another client uses this node's client id (%s): give each node a name of its own", how);
        core_event(core, NULL, true, "DuplicateNode", "another client uses this node's client id (%s): give each node a name of its own",
                   how);
    }
    link->rival_ms = core_boot_ms(core);
    core->node_dirty = true;
    core->env->to_link(core->env->ctx, json_new_texts("op", "rival", NULL), NULL, 0);
}

/* Younger than this davitd, and not its own: nobody of an earlier life has said that. What the broker kept from before our
 * first connection may be of one whose clock was ahead, and comes again from a broker that is restored.
 */
static bool is_rival(struct core *core, const struct json *said, bool retained)
{
    struct link_state *link = &core->link;
    int64_t ts = json_get_integer(said, "ts", 0);
    if (!json_get_boolean(said, "online", false))
        return false;
    if (retained && !link->was_connected)
        link->former_ts = ts;
    return ts > (int64_t)core->started_ms && ts > link->former_ts;
}

/* Our own presence, said by the broker: a late will of an earlier connection, or another node with our name. */
static void link_presence(struct core *core, const struct frame_view *frame)
{
    struct error ignored; /* what is no JSON is not our presence: said again too */
    AUTO_JSON struct json *said = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &ignored);
    const char *session = json_get_text(said, "session");
    bool ours = session != NULL && strcmp(session, core->link.session) == 0;
    bool retained = json_get_boolean(frame->head, "retain", false);
    core->link.presences += retained;
    if (!ours && is_rival(core, said, retained))
        link_rival(core, "its presence is on our topic");
    /* Said by the next settle, and at most so often: two nodes with one name would answer each other for ever. */
    core->link.presence_owed = !core->link.farewell && (!ours || !json_get_boolean(said, "online", false));
}

static void link_message(struct core *core, const struct frame_view *frame)
{
    const char *text = json_get_text(frame->head, "topic");
    int64_t seq = json_get_integer(frame->head, "seq", -1);
    struct topic topic;
    struct error ignored = { .message = "" }; /* inbox_message tells of it */
    if (seq >= 0) {
        seq += core->link.base_seq;
        core->link.last_seq = seq;
    }
    if (text == NULL) {
        log_warn("the link sent a message without a topic");
        return;
    }
    bool known = topic_parse(core->config->root, core->config->node, text, &topic, &ignored);
    if (topic.kind == TOPIC_REQUEST) {
        if (known)
            requests_message(core, &topic, frame, seq);
        else
            requests_misdirected(core, text, ignored.message, seq);
        return;
    }
    if (known && topic.kind == TOPIC_SYNC)
        link_sync(core, frame);
    else if (known && topic.kind == TOPIC_PRESENCE)
        link_presence(core, frame);
    else {
        inbox_message(core, text, frame->body != NULL ? frame->body : "", frame->body_len,
                      !json_get_boolean(frame->head, "retain", false), seq);
        return;
    }
    inbox_taken(core, seq);
}

static void link_published(struct core *core, const struct json *head)
{
    /* Sending it again would not help. The others come again with the next connection. */
    static const struct {
        const char *reason;
        const char *remedy;
    } final[] = { { "PacketTooLarge", "raise the broker's maximum packet size" },
                  { "Refused", "check what the broker's ACL lets this node publish" } };
    const char *reason = json_get_text(head, "reason");
    bool ok = json_get_boolean(head, "ok", false), refused = false;
    for (size_t i = 0; !ok && reason != NULL && i < sizeof(final) / sizeof(final[0]); i++)
        if (strcmp(reason, final[i].reason) == 0) {
            refused = true;
            snprintf(core->link.problem, sizeof(core->link.problem), "the broker did not take a message (%s): %s", reason,
                     final[i].remedy);
            log_error("%s", core->link.problem);
            core->node_dirty = true;
        }
    int64_t id = json_get_integer(head, "id", 0);
    if (!ok && json_get_integer(head, "code", 0) == CODE_NOT_AUTHORIZED)
        link_denied(core, outbox_topic(core->outbox, id));
    if (refused)
        outbox_refused(core->outbox, id);
    else
        outbox_published(core->outbox, id, ok);
}

void core_link_frame(struct core *core, const struct frame_view *frame)
{
    const char *op = json_get_text(frame->head, "op");
    if (op == NULL) {
        log_warn("the link sent a frame without an op");
        return;
    }
    if (strcmp(op, "message") == 0) {
        link_message(core, frame);
    } else if (strcmp(op, "published") == 0) {
        link_published(core, frame->head);
    } else if (strcmp(op, "connected") == 0) {
        link_connected(core, frame->head);
    } else if (strcmp(op, "subscribed") == 0) {
        link_subscribed(core);
    } else if (strcmp(op, "disconnected") == 0) {
        const char *why = json_get_text(frame->head, "reason");
        link_disconnected(core, why != NULL ? why : "the link did not say why");
        if (json_get_integer(frame->head, "code", 0) == CODE_TAKEN_OVER)
            link_rival(core, "the broker said so");
    } else if (strcmp(op, "refused-subscription") == 0) {
        const char *topic = json_get_text(frame->head, "topic");
        core_event(core, NULL, true, "SubscriptionRefused", "the broker refuses %.200s: check its ACL",
                   topic != NULL ? topic : "a topic");
    } else {
        log_warn("the link said \"%.60s\", which is not understood", op);
    }
}

void core_link_down(struct core *core, const char *why)
{
    /* What this one waits for, the next one never asked. */
    core->link.base_seq = core->link.last_seq;
    link_disconnected(core, why);
}

void core_farewell(struct core *core)
{
    core->link.farewell = true;
    core->link.presence_owed = false;
    report_presence(core, false);
}
