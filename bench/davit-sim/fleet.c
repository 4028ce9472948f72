#include "fleet.h"

#include <string.h>
#include <sys/random.h>

#include "base/memory.h"

#define PING_EVERY_S 30 /* half of what a broker waits for, and less */

uint64_t fleet_random(uint64_t limit)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        return limit;
    return number % (limit + 1);
}

bool fleet_is_among(size_t number, uint64_t percent)
{
    return (number + 1) * percent / 100 > number * percent / 100;
}

bool fleet_may_connect(struct fleet *fleet)
{
    uint64_t second = uv_now(&fleet->loop) / 1000;
    if (second != fleet->rate_second) {
        fleet->rate_second = second;
        fleet->rate_count = 0;
    }
    return fleet->rate_count++ < fleet->connect_rate;
}

static void on_ping(uv_timer_t *timer)
{
    struct fleet *fleet = timer->data;
    size_t slice = fleet->count / PING_EVERY_S + 1;
    for (size_t i = 0; i < slice && i < fleet->count; i++) {
        struct node *node = &fleet->nodes[fleet->pinged++ % fleet->count];
        if (node->client.phase == CLIENT_UP)
            client_ping(&node->client);
    }
}

static void carry_out(struct fleet *fleet, struct node *node, const struct order *order)
{
    switch (order->kind) {
    case ORDER_START:
        node_connect_in(node, fleet_random(fleet->options->jitter_ms));
        break;
    case ORDER_CUT:
        if (!node->cut && fleet_is_among(node->number, order->percent))
            node_cut(node);
        break;
    case ORDER_JOIN:
        node->cut = false;
        break;
    case ORDER_FAREWELL:
        node_farewell(node);
        break;
    case ORDER_END:
        node_end(node);
        break;
    }
}

static void on_wake(uv_async_t *wake)
{
    struct fleet *fleet = wake->data;
    struct order orders[ORDERS_MAX];
    uv_mutex_lock(&fleet->lock);
    size_t count = fleet->order_count;
    memcpy(orders, fleet->orders, count * sizeof(orders[0]));
    fleet->order_count = 0;
    uv_mutex_unlock(&fleet->lock);
    uv_update_time(&fleet->loop);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < fleet->made; j++)
            carry_out(fleet, &fleet->nodes[j], &orders[i]);
        if (orders[i].kind != ORDER_END)
            continue;
        uv_close((uv_handle_t *)&fleet->pings, NULL);
        uv_close((uv_handle_t *)&fleet->wake, NULL);
        return;
    }
}

static void run(void *arg)
{
    struct fleet *fleet = arg;
    bool good = true;
    for (; good && fleet->made < fleet->count; fleet->made += good)
        good = node_make(fleet, &fleet->nodes[fleet->made], fleet->first + fleet->made, &fleet->problem);
    uv_sem_post(&fleet->ready);
    uv_timer_start(&fleet->pings, on_ping, 1000, 1000);
    uv_run(&fleet->loop, UV_RUN_DEFAULT);
}

static void set_topics(struct fleet *fleet)
{
    const struct options *options = fleet->options;
    if (options->watch != NULL) {
        fleet->state_tail = mem_printf("/state/%s", options->watch);
        fleet->status_tail = mem_printf("/status/%s", options->watch);
    }
    if (options->bare)
        fleet->bare_topic = mem_printf("%s/bare/desired", options->root);
}

bool fleet_begin(struct fleet *fleet, struct error *err)
{
    set_topics(fleet);
    fleet->nodes = mem_array(fleet->count + 1, sizeof(struct node));
    uv_loop_init(&fleet->loop);
    uv_timer_init(&fleet->loop, &fleet->pings);
    uv_async_init(&fleet->loop, &fleet->wake, on_wake);
    uv_sem_init(&fleet->ready, 0);
    uv_mutex_init(&fleet->lock);
    fleet->pings.data = fleet->wake.data = fleet;
    int failed = uv_thread_create(&fleet->thread, run, fleet);
    return failed == 0 || error_set(err, ERROR_INTERNAL, "cannot start a thread: %s", uv_strerror(failed));
}

void fleet_order(struct fleet *fleet, enum order_kind kind, uint64_t percent)
{
    uv_mutex_lock(&fleet->lock);
    if (fleet->order_count < ORDERS_MAX)
        fleet->orders[fleet->order_count++] = (struct order){ kind, percent };
    uv_mutex_unlock(&fleet->lock);
    uv_async_send(&fleet->wake);
}

void fleet_free(struct fleet *fleet)
{
    uv_thread_join(&fleet->thread);
    for (size_t i = 0; i < fleet->made; i++)
        node_free(&fleet->nodes[i]);
    free(fleet->nodes);
    uv_loop_close(&fleet->loop);
    uv_sem_destroy(&fleet->ready);
    uv_mutex_destroy(&fleet->lock);
    free(fleet->state_tail);
    free(fleet->status_tail);
    free(fleet->bare_topic);
}
