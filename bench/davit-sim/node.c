#include <string.h>
#include <sys/random.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/report.h"
#include "fleet.h"
#include "protocol/topic.h"

/* As davit-link has them (core/link_child.c). */
#define MIN_DELAY_MS 1000
#define WILL_DELAY_S 5
#define SESSION_EXPIRY_S (7 * 86400)
#define KEEPALIVE_S 60
#define RATE_AGAIN_MS 100
#define CONNECT_MS 30000 /* then it gives up, as Paho does */
#define SUBSCRIPTIONS_MAX (6 + LIMIT_NODE_GROUPS)

static void on_timer(uv_timer_t *timer);

/* ---- the world of its core */

static uint64_t env_boot_ms(void *ctx)
{
    (void)ctx;
    return clock_boot_ms();
}

static uint64_t env_wall_ms(void *ctx)
{
    (void)ctx;
    return clock_wall_ms();
}

static void env_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t have = 0; have < len;) {
        ssize_t got = getrandom((char *)out + have, len - have, 0);
        have += got > 0 ? (size_t)got : 0;
    }
}

/* Groups that were joined, and left: by the standing connection, or by the next one. */
static void subscribe(struct node *node, const struct json *head)
{
    if (node->client.phase != CLIENT_UP)
        return;
    JSON_EACH(topic, json_get(head, "unsubscribe"))
        client_unsubscribe(&node->client, (const char *[]){ json_text(topic) }, 1);
    const struct json *joined = json_get(head, "subscribe");
    const char **topics = mem_array(json_size(joined) + 1, sizeof(*topics));
    size_t count = 0;
    JSON_EACH(one, joined)
        topics[count++] = json_get_text(one, "topic");
    if (count > 0)
        client_subscribe(&node->client, topics, count);
    free(topics);
}

static void env_to_link(void *ctx, struct json *head_taken, const void *body, size_t len)
{
    AUTO_JSON struct json *head = head_taken;
    const char *op = json_get_text(head, "op");
    /* What is "taken" was acknowledged already: the database is memory. */
    if (op != NULL && strcmp(op, "publish") == 0)
        node_publish(ctx, head, body, len);
    else if (op != NULL && strcmp(op, "subscribe") == 0)
        subscribe(ctx, head);
}

static void env_to_runtime(void *ctx, struct json *head, const void *body, size_t len)
{
    struct node *node = ctx;
    host_say(&node->host, head, body, len);
}

static void env_to_runtime_fds(void *ctx, struct json *head, const void *body, size_t len, const int *fds, size_t fd_count)
{
    (void)fds; /* no process here that could write to them */
    (void)fd_count;
    env_to_runtime(ctx, head, body, len);
}

static void env_to_probe(void *ctx, struct json *head)
{
    (void)ctx;
    json_free(head);
}

static void env_pause_link(void *ctx, bool paused)
{
    (void)ctx; /* what is written is written before the next message is read */
    (void)paused;
}

/* ---- its turns */

static void frames_take(struct node *node)
{
    for (struct frame_due *due = host_take(&node->host); due != NULL; due = host_take(&node->host)) {
        struct frame_view view = { .head = due->head, .body = due->body,
                                   .body_len = due->body != NULL ? strlen(due->body) : 0 };
        core_runtime_frame(node->core, &view);
        frame_due_free(due);
    }
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void set_timer(struct node *node, uint64_t now)
{
    uint64_t next = sooner(node->core_ms, node->retry_ms);
    if (next == 0)
        uv_timer_stop(&node->timer);
    else
        uv_timer_start(&node->timer, on_timer, next > now ? next - now : 0, 0);
}

/* After anything came in. */
static void turn(struct node *node)
{
    uint64_t now = clock_boot_ms();
    uint64_t ends = fake_tick(&node->host.instances, now);
    bool written;
    do {
        frames_take(node);
        node->core_ms = core_settle(node->core);
        written = store_pending(node->store) > 0;
        if (written)
            store_dispatch(node->store);
    } while (node->host.first != NULL || written);
    node->core_ms = sooner(node->core_ms, ends != FAKE_NEVER ? ends : 0);
    set_timer(node, now);
    client_flush(&node->client);
}

static void link_frame(struct node *node, const struct json *head, const char *body, size_t len)
{
    struct frame_view view = { .head = head, .body = body, .body_len = len };
    core_link_frame(node->core, &view);
}

/* ---- its connection */

static void on_up(void *ctx, const struct packet *connack)
{
    struct node *node = ctx;
    AUTO_JSON struct json *head = json_new_texts("op", "connected", NULL);
    node->fleet->counters[N_CONNECTS]++;
    node->fleet->counters[N_CONNECTED]++;
    node->up_ms = clock_boot_ms();
    node->retry_ms = 0;
    json_set_boolean(head, "sessionPresent", connack->session_present);
    json_set_integer(head, "receiveMaximum", connack->receive_maximum);
    json_set_integer(head, "maximumPacketSize", connack->packet_limit);
    json_set_integer(head, "version", 5);
    link_frame(node, head, NULL, 0);
}

static void on_subscribed(void *ctx)
{
    AUTO_JSON struct json *head = json_new_texts("op", "subscribed", NULL);
    link_frame(ctx, head, NULL, 0);
}

static bool is_text(const struct packet_text *text, const char *as)
{
    return as != NULL && text->len == strlen(as) && memcmp(text->data, as, text->len) == 0;
}

static void on_message(void *ctx, const struct packet *message)
{
    struct node *node = ctx;
    node->fleet->counters[N_RECEIVED]++;
    if (is_text(&message->topic, node->fleet->bare_topic)) {
        node_answer_bare(node, message);
        return;
    }
    AUTO_FREE char *topic = mem_strndup(message->topic.data, message->topic.len);
    AUTO_FREE char *body = mem_dup(message->payload.data, message->payload.len);
    AUTO_JSON struct json *head = json_new_texts("op", "message", "topic", topic, NULL);
    json_set_integer(head, "qos", message->qos);
    json_set_boolean(head, "retain", message->retain);
    if (message->response_topic.data != NULL) {
        AUTO_FREE char *response = mem_strndup(message->response_topic.data, message->response_topic.len);
        json_set_text(head, "responseTopic", response);
    }
    if (message->correlation.data != NULL) {
        AUTO_FREE char *correlation = base64_encode(message->correlation.data, message->correlation.len);
        json_set_text(head, "correlation", correlation);
    }
    if (message->expiry_s >= 0)
        json_set_integer(head, "expiry", message->expiry_s);
    link_frame(node, head, body, message->payload.len);
}

static void on_acknowledged(void *ctx, uint16_t id, int code)
{
    struct node *node = ctx;
    int64_t published = node_published(node, id);
    bool good = code < PACKET_FAILED;
    if (published == 0)
        return;
    node->fleet->counters[N_REFUSED] += !good;
    AUTO_JSON struct json *head = json_new_texts("op", "published", "reason", good ? NULL : "Refused", NULL);
    json_set_integer(head, "id", published);
    json_set_boolean(head, "ok", good);
    link_frame(node, head, NULL, 0);
}

static void say_disconnected(struct node *node, const char *why)
{
    AUTO_JSON struct json *head = json_new_texts("op", "disconnected", "reason", why, NULL);
    memset(node->flights, 0, sizeof(node->flights));
    link_frame(node, head, NULL, 0);
    turn(node);
}

/* What the connection was, counted at its end. */
static uint64_t lived_ms(struct node *node)
{
    _Atomic uint64_t *counters = node->fleet->counters;
    uint64_t lived = node->up_ms != 0 ? clock_boot_ms() - node->up_ms + 1 : 0;
    counters[lived != 0 ? N_BREAKS : N_FAILURES] += lived != 0 || !node->cut;
    counters[N_CONNECTED] -= lived != 0;
    node->up_ms = 0;
    return lived;
}

static void on_down(void *ctx, const char *why, int code)
{
    struct node *node = ctx;
    if (node->up_ms == 0 && !node->cut)
        log_error("a connection is not made: %s (code %d)", why, code);
    node->retry_ms = clock_boot_ms() + backoff_next(&node->backoff, lived_ms(node), code) + 1;
    say_disconnected(node, why);
}

static void on_rest(void *ctx)
{
    turn(ctx);
}

static const struct client_events node_events = { .up = on_up, .subscribed = on_subscribed, .message = on_message, .acknowledged = on_acknowledged,
                                                  .down = on_down, .rest = on_rest };

/* As core/link_child.c asks for them. */
static size_t subscriptions(const struct node *node, char *topics[SUBSCRIPTIONS_MAX])
{
    const struct config *config = &node->config;
    const char *root = config->root;
    size_t count = 0;
    topics[count++] = topic_node(root, node->name, "sync", NULL);
    topics[count++] = topic_node(root, node->name, "presence", NULL);
    topics[count++] = mem_printf("%s/nodes/%s/desired/#", root, node->name);
    topics[count++] = mem_printf("%s/nodes/%s/request/+/+", root, node->name);
    topics[count++] = mem_printf("%s/groups/all/desired/#", root);
    const struct text_list *groups = &node->core->node.groups;
    for (size_t i = 0; i < groups->count; i++)
        topics[count++] = mem_printf("%s/groups/%s/desired/#", root, groups->items[i]);
    if (node->fleet->bare_topic != NULL)
        topics[count++] = mem_strdup(node->fleet->bare_topic);
    return count;
}

static void connect_now(struct node *node)
{
    char *topics[SUBSCRIPTIONS_MAX];
    struct error err = { 0 };
    AUTO_FREE char *client_id = mem_printf("davit-%s-%s", node->config.root, node->name);
    AUTO_FREE char *will_topic = topic_node(node->config.root, node->name, "presence", NULL);
    AUTO_FREE char *will = report_will(node->core);
    struct packet_connect connect = { .client_id = client_id, .keepalive_s = KEEPALIVE_S, .session_expiry_s = SESSION_EXPIRY_S,
                                      .will_topic = will_topic, .will_payload = will, .will_delay_s = WILL_DELAY_S };
    for (char *c = client_id; *c != '\0'; c++)
        *c = *c == '/' ? '-' : *c;
    size_t count = subscriptions(node, topics);
    if (!client_open(&node->client, &node->fleet->options->address, &connect, (const char *const *)topics, count, &err))
        on_down(node, err.message, 0);
    for (size_t i = 0; i < count; i++)
        free(topics[i]);
}

static void retry(struct node *node, uint64_t now)
{
    if (node->client.phase != CLIENT_DOWN) {
        client_cut(&node->client);
        on_down(node, "the broker does not answer", 0);
    } else if (node->cut) {
        on_down(node, "the network is gone", 0);
    } else if (fleet_may_connect(node->fleet)) {
        node->retry_ms = now + CONNECT_MS;
        connect_now(node);
    } else {
        node->retry_ms = now + RATE_AGAIN_MS;
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct node *node = timer->data;
    if (node->retry_ms != 0 && node->retry_ms <= clock_boot_ms())
        retry(node, clock_boot_ms());
    turn(node);
}

void node_connect_in(struct node *node, uint64_t ms)
{
    uint64_t now = clock_boot_ms();
    node->retry_ms = now + ms + 1;
    set_timer(node, now);
}

void node_cut(struct node *node)
{
    node->cut = true;
    if (node->client.phase == CLIENT_DOWN)
        return;
    client_cut(&node->client);
    on_down(node, "the network is gone", 0);
}

/* ---- its life */

bool node_make(struct fleet *fleet, struct node *node, size_t number, struct error *err)
{
    node->fleet = fleet;
    node->number = number;
    node->name = mem_printf("%s%zu", fleet->options->prefix, number);
    node->config = *fleet->config;
    node->config.node = node->name;
    node->config.labels = json_copy(fleet->config->labels);
    json_set_text(node->config.labels, "kubernetes.io/hostname", node->name);
    node->backoff = (struct backoff){ .min_ms = MIN_DELAY_MS, .max_ms = fleet->options->max_delay_ms };
    node->env = (struct core_env){ .ctx = node, .boot_id = clock_boot_id(), .boot_ms = env_boot_ms, .wall_ms = env_wall_ms,
                                   .random = env_random, .to_link = env_to_link, .to_runtime = env_to_runtime,
                                   .to_runtime_fds = env_to_runtime_fds, .to_probe = env_to_probe,
                                   .pause_link = env_pause_link, .memory_bytes = INT64_C(2) << 30, .cpu_m = 2000 };
    client_init(&node->client, &fleet->loop, &node_events, node);
    host_init(&node->host);
    uv_timer_init(&fleet->loop, &node->timer);
    node->timer.data = node;
    node->store = store_open(":memory:", STORE_MANUAL, node->env.boot_id, err);
    node->core = node->store != NULL ? core_new(&node->config, &node->env, node->store, err) : NULL;
    if (node->core == NULL)
        return error_wrap(err, "node %s", node->name);
    core_runtime_up(node->core);
    turn(node);
    return true;
}

void node_farewell(struct node *node)
{
    node->retry_ms = 0;
    if (node->client.phase == CLIENT_UP)
        core_farewell(node->core);
    turn(node);
}

void node_end(struct node *node)
{
    /* Without the good-bye on the broker, DISCONNECT would take the will back, and the node stay online for ever. */
    if (outbox_waiting(node->core->outbox) == 0)
        client_close(&node->client);
    else
        client_cut(&node->client);
    uv_close((uv_handle_t *)&node->timer, NULL);
}

void node_free(struct node *node)
{
    while (store_pending(node->store) > 0)
        store_dispatch(node->store);
    core_free(node->core);
    store_close(node->store);
    for (struct frame_due *due = host_take(&node->host); due != NULL; due = host_take(&node->host))
        frame_due_free(due);
    fake_free(&node->host.instances);
    json_free(node->config.labels);
    free(node->name);
}
