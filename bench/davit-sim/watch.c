#include "watch.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"

#define RETRY_MS 200

static void on_retry(uv_timer_t *timer);

/* R/nodes/NAME/… : NAME's number, and what follows it. False: no topic of this fleet. */
static bool topic_read(const struct watch *watch, const struct packet_text *topic, size_t *number, struct packet_text *rest)
{
    const struct options *options = watch->options;
    AUTO_FREE char *head = mem_printf("%s/nodes/%s", options->root, options->prefix);
    size_t len = strlen(head);
    if (topic->len <= len || memcmp(topic->data, head, len) != 0)
        return false;
    *number = 0;
    for (; len < topic->len && topic->data[len] >= '0' && topic->data[len] <= '9'; len++)
        *number = *number * 10 + (size_t)(topic->data[len] - '0');
    *rest = (struct packet_text){ topic->data + len, topic->len - len };
    return *number < watch->options->count;
}

static bool is_text(const struct packet_text *text, const char *as)
{
    return text->len == strlen(as) && memcmp(text->data, as, text->len) == 0;
}

static const char generation_key[] = "\"observedGeneration\":";

/* What a status, or a presence, says. -1: nothing. A JSON text has no number at its end, so that it may be read without a NUL. */
static int64_t value_of(enum watched kind, const struct packet_text *payload)
{
    struct error err;
    if (payload->len == 0)
        return -1;
    if (kind == WATCH_BARE)
        return strtoll(payload->data, NULL, 10); /* padded with blanks */
    if (kind == WATCH_STATUS) {
        /* The first one is the status' own; those of its conditions follow. */
        const char *found = memmem(payload->data, payload->len, generation_key, sizeof(generation_key) - 1);
        return found != NULL ? strtoll(found + sizeof(generation_key) - 1, NULL, 10) : -1;
    }
    AUTO_JSON struct json *json = json_parse(payload->data, payload->len, &err);
    return json_get_boolean(json, "online", false);
}

static double now_ms(void)
{
    return (double)uv_hrtime() / 1e6;
}

/* One node more, or one less, says what is waited for. */
static void moved(struct watch *watch, bool is, bool was)
{
    if (watch->wanted_count == 0 || is == was)
        return;
    if (was) {
        watch->there--;
        return;
    }
    watch->times[watch->there++] = now_ms();
    if (watch->there < watch->wanted_count)
        return;
    watch->wanted_count = 0;
    watch->done(watch->ctx);
}

static void on_message(void *ctx, const struct packet *message)
{
    struct watch *watch = ctx;
    size_t number;
    struct packet_text rest;
    enum watched kind = WATCH_STATUS;
    if (!topic_read(watch, &message->topic, &number, &rest))
        return;
    if (is_text(&rest, "/presence"))
        kind = WATCH_PRESENT;
    else if (is_text(&rest, "/bare/status"))
        kind = WATCH_BARE;
    watch->statuses += kind == WATCH_STATUS && !message->retain;
    watch->bare += kind == WATCH_BARE && !message->retain;
    int64_t before = watch->nodes[number].said[kind];
    int64_t now = watch->nodes[number].said[kind] = value_of(kind, &message->payload);
    if (kind == watch->wanted_kind)
        moved(watch, now >= watch->wanted, before >= watch->wanted);
}

static void on_up(void *ctx, const struct packet *connack)
{
    (void)ctx;
    (void)connack;
}

static void on_acknowledged(void *ctx, uint16_t id, int code)
{
    (void)ctx;
    (void)id;
    (void)code;
}

static void forget(struct watch *watch)
{
    for (size_t i = 0; i < watch->options->count; i++)
        for (size_t kind = 0; kind < WATCH_KINDS; kind++)
            watch->nodes[i].said[kind] = -1;
    watch->there = 0;
}

static void retry_soon(struct watch *watch)
{
    if (!watch->ended)
        uv_timer_start(&watch->retry, on_retry, RETRY_MS, 0);
}

static void on_down(void *ctx, const char *why, int code)
{
    struct watch *watch = ctx;
    (void)why;
    (void)code;
    forget(watch); /* a broker that comes back may have lost what it held */
    retry_soon(watch);
}

static void on_rest(void *ctx)
{
    (void)ctx;
}

static const struct client_events watch_events = { .up = on_up, .message = on_message, .acknowledged = on_acknowledged,
                                                   .down = on_down, .rest = on_rest };

static void on_retry(uv_timer_t *timer)
{
    struct watch *watch = timer->data;
    const struct options *options = watch->options;
    struct error err;
    AUTO_FREE char *client_id = mem_printf("davit-sim-%s", options->prefix);
    AUTO_FREE char *presence = mem_printf("%s/nodes/+/presence", options->root);
    AUTO_FREE char *bare = mem_printf("%s/nodes/+/bare/status", options->root);
    AUTO_FREE char *status = mem_printf("%s/nodes/+/status/%s", options->root, options->watch != NULL ? options->watch : "");
    const char *const topics[] = { presence, bare, status };
    struct packet_connect connect = { .client_id = client_id }; /* no keepalive, no session */
    if (!client_open(&watch->client, &options->address, &connect, topics, options->watch != NULL ? 3 : 2, &err))
        retry_soon(watch);
}

void watch_make(struct watch *watch, const struct options *options, uv_loop_t *loop)
{
    *watch = (struct watch){ .options = options, .nodes = mem_array(options->count + 1, sizeof(struct seen)),
                             .times = mem_array(options->count + 1, sizeof(double)) };
    forget(watch);
    client_init(&watch->client, loop, &watch_events, watch);
    uv_timer_init(loop, &watch->retry);
    watch->retry.data = watch;
}

void watch_start(struct watch *watch)
{
    uv_timer_start(&watch->retry, on_retry, 0, 0);
}

size_t watch_count(const struct watch *watch, enum watched kind, int64_t least)
{
    size_t count = 0;
    for (size_t i = 0; i < watch->options->count; i++)
        count += watch->nodes[i].said[kind] >= least;
    return count;
}

void watch_wait(struct watch *watch, enum watched kind, int64_t wanted, size_t count, void (*done)(void *ctx), void *ctx)
{
    watch->wanted_kind = kind;
    watch->wanted = wanted;
    watch->wanted_count = count;
    watch->there = 0;
    watch->done = done;
    watch->ctx = ctx;
    for (size_t have = watch_count(watch, kind, wanted); have > 0 && watch->wanted_count > 0; have--)
        moved(watch, true, false);
}

void watch_give_up(struct watch *watch)
{
    if (watch->wanted_count == 0)
        return;
    watch->wanted_count = 0;
    watch->done(watch->ctx);
}

double watch_time(const struct watch *watch, double at)
{
    if (watch->there == 0)
        return 0;
    return watch->times[(size_t)((double)(watch->there - 1) * at)];
}

void watch_end(struct watch *watch)
{
    watch->ended = true;
    client_close(&watch->client);
    uv_close((uv_handle_t *)&watch->retry, NULL);
}

void watch_free(struct watch *watch)
{
    free(watch->nodes);
    free(watch->times);
}
