#include "config.h"

#include "runtime/pool.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

/* Plugins call libraries of other people; 256 KiB is enough for those here, and is touched only where used. */
#define THREAD_STACK_BYTES (256 * 1024)

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct davit_call *queue; /* oldest first */
    size_t queued;
    struct davit_call *running;
    size_t besides; /* of them, in threads of their own */
    pthread_attr_t attributes;
    struct host *host;
    const struct davit_runtime_plugin *plugin;
    void *ctx;
};

static bool lane_is_busy(const struct pool *pool, const char *lane)
{
    const struct davit_call *call;

    if (lane == NULL)
        return false;
    for (call = pool->running; call != NULL; call = call->next) {
        if (call->lane != NULL && strcmp(call->lane, lane) == 0)
            return true;
    }
    return false;
}

/* The oldest call whose lane is free: within a lane that is always its first. */
static struct davit_call *take_next(struct pool *pool)
{
    struct davit_call **at, *call;

    for (at = &pool->queue; *at != NULL; at = &(*at)->next) {
        call = *at;
        if (lane_is_busy(pool, call->lane))
            continue;
        *at = call->next;
        pool->queued--;
        call->next = pool->running;
        pool->running = call;
        return call;
    }
    return NULL;
}

static void forget_running(struct pool *pool, struct davit_call *done)
{
    struct davit_call **at = &pool->running;

    while (*at != done)
        at = &(*at)->next;
    *at = done->next;
}

/* Lock held on the way in and out, and not between. */
static void carry_out(struct pool *pool, struct davit_call *call)
{
    enum davit_result result;
    bool late;

    pthread_mutex_unlock(&pool->lock);
    result = call_run(call, pool->plugin, pool->ctx);
    call_close_fds(call);
    pthread_mutex_lock(&pool->lock);
    late = call->answered;
    call->answered = true;
    pthread_mutex_unlock(&pool->lock);
    if (!late)
        host_send_result(pool->host, call, result);
    pthread_mutex_lock(&pool->lock);
    forget_running(pool, call);
    if (pool->queue != NULL)
        pthread_cond_broadcast(&pool->work); /* the lane is free again */
    call_free(call);
}

static void *worker(void *arg)
{
    struct pool *pool = arg;
    struct davit_call *call;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        call = take_next(pool);
        if (call == NULL)
            pthread_cond_wait(&pool->work, &pool->lock);
        else
            carry_out(pool, call);
    }
    return NULL;
}

struct beside {
    struct pool *pool;
    struct davit_call *call;
};

static void *run_beside(void *arg)
{
    struct beside *beside = arg;
    struct pool *pool = beside->pool;

    pthread_mutex_lock(&pool->lock);
    carry_out(pool, beside->call);
    pool->besides--;
    pthread_mutex_unlock(&pool->lock);
    free(beside);
    return NULL;
}

/* Lock held. A command in a container can take as long as it likes: it holds back nobody. */
static bool start_beside(struct pool *pool, struct davit_call *call)
{
    struct beside *beside;
    pthread_t thread;

    if (pool->besides >= LIMIT_RUNTIME_BESIDES)
        return false;
    beside = mem_alloc(sizeof(*beside));
    *beside = (struct beside){.pool = pool, .call = call};
    if (pthread_create(&thread, &pool->attributes, run_beside, beside) != 0) {
        free(beside);
        return false;
    }
    call->next = pool->running;
    pool->running = call;
    pool->besides++;
    return true;
}

struct pool *pool_new(struct host *host, const struct davit_runtime_plugin *plugin, void *ctx, struct error *err)
{
    struct pool *pool = mem_alloc(sizeof(*pool));
    pthread_t thread;
    int failed = 0;

    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->host = host;
    pool->plugin = plugin;
    pool->ctx = ctx;
    pthread_attr_init(&pool->attributes);
    pthread_attr_setdetachstate(&pool->attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&pool->attributes, THREAD_STACK_BYTES);
    for (int i = 0; i < LIMIT_RUNTIME_THREADS && failed == 0; i++)
        failed = pthread_create(&thread, &pool->attributes, worker, pool);
    if (failed == 0)
        return pool;
    error_set_errno(err, failed, "cannot start %d worker threads", LIMIT_RUNTIME_THREADS);
    return NULL; /* the caller ends the process; threads that did start hold the pool */
}

void pool_close(struct pool *pool)
{
    if (pool->plugin->close != NULL)
        pool->plugin->close(pool->ctx);
}

void pool_submit(struct pool *pool, struct davit_call *call)
{
    struct davit_call **end = &pool->queue;

    pthread_mutex_lock(&pool->lock);
    if (call->beside && start_beside(pool, call)) {
        pthread_mutex_unlock(&pool->lock);
        return;
    }
    if (call->beside || pool->queued >= LIMIT_RUNTIME_CALLS) {
        pthread_mutex_unlock(&pool->lock);
        snprintf(call->reason, sizeof(call->reason), "TooManyCalls");
        snprintf(call->message, sizeof(call->message), "%d calls wait already",
                 call->beside ? LIMIT_RUNTIME_BESIDES : LIMIT_RUNTIME_CALLS);
        host_send_result(pool->host, call, DAVIT_UNAVAILABLE);
        call_free(call);
        return;
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = call;
    pool->queued++;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A call that waits leaves the queue; one that runs keeps its lane until it returns, but its answer is ignored. */
int pool_expire(struct pool *pool, uint64_t now_boot_ms)
{
    struct davit_call **at, *call;
    uint64_t next = UINT64_MAX;

    pthread_mutex_lock(&pool->lock);
    for (call = pool->running; call != NULL; call = call->next) {
        if (call->answered)
            continue;
        if (call->expires_boot_ms > now_boot_ms) {
            next = earliest(next, call->expires_boot_ms);
            continue;
        }
        call->answered = true;
        host_send_deadline(pool->host, call, pool->plugin->name);
    }
    for (at = &pool->queue; *at != NULL;) {
        call = *at;
        if (call->expires_boot_ms > now_boot_ms) {
            next = earliest(next, call->expires_boot_ms);
            at = &call->next;
            continue;
        }
        *at = call->next;
        pool->queued--;
        host_send_deadline(pool->host, call, pool->plugin->name);
        call_free(call);
    }
    pthread_mutex_unlock(&pool->lock);
    if (next == UINT64_MAX)
        return -1;
    return next - now_boot_ms > INT_MAX ? INT_MAX : (int)(next - now_boot_ms);
}
