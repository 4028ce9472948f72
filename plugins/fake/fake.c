/* The shortest real runtime: what it runs is lost with the process, as a reboot loses it. How a container behaves is said in
 * instances.h; here are the plugin ABI, the lock, and the thread that ends what ends by itself.
 */
#include "config.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "instances.h"

#define LOOK_EVERY_MS 60000

struct fake {
    const struct davit_runtime_host *host;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fake_instances instances;
};

static void tell(void *ctx, const char *event)
{
    struct fake *fake = ctx;

    fake->host->notify(fake->host, event);
    pthread_cond_signal(&fake->changed);
}

static void *clockwork(void *arg)
{
    struct fake *fake = arg;

    pthread_mutex_lock(&fake->lock);
    for (;;) {
        uint64_t now = clock_boot_ms(), next = fake_tick(&fake->instances, now);
        uint64_t wait_ms = next - now < LOOK_EVERY_MS ? next - now : LOOK_EVERY_MS;
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
        until.tv_sec += (time_t)(wait_ms / 1000) + until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_clockwait(&fake->changed, &fake->lock, CLOCK_MONOTONIC, &until);
    }
    return NULL;
}

static enum davit_result fake_open(const struct davit_runtime_host *host, const char *config, void **ctx,
                                   struct davit_call *call)
{
    struct fake *fake = mem_alloc(sizeof(*fake));
    pthread_t thread;

    (void)config;
    fake->host = host;
    fake->instances.changed = tell;
    fake->instances.ctx = fake;
    pthread_mutex_init(&fake->lock, NULL);
    pthread_cond_init(&fake->changed, NULL);
    if (pthread_create(&thread, NULL, clockwork, fake) != 0)
        return host->fail(call, DAVIT_FAILED, "CannotOpen", "cannot start a thread");
    pthread_detach(thread);
    host->answer(call, "{\"version\":\"fake\",\"images\":false}");
    *ctx = fake;
    return DAVIT_OK;
}

static void fake_close(void *ctx)
{
    (void)ctx; /* the process ends */
}

static enum davit_result on_list(void *ctx, struct davit_call *call)
{
    struct fake *fake = ctx;
    AUTO_FREE char *text = NULL;

    pthread_mutex_lock(&fake->lock);
    text = fake_list(&fake->instances);
    pthread_mutex_unlock(&fake->lock);
    fake->host->answer(call, text);
    return DAVIT_OK;
}

static enum davit_result carry_out(struct fake *fake, const struct json *asked, struct davit_call *call,
                                   struct fake_outcome (*operation)(struct fake_instances *all, const struct json *asked))
{
    struct fake_outcome outcome;

    pthread_mutex_lock(&fake->lock);
    outcome = operation(&fake->instances, asked);
    pthread_mutex_unlock(&fake->lock);
    return outcome.reason == NULL ? DAVIT_OK : fake->host->fail(call, outcome.result, outcome.reason, outcome.message);
}

static enum davit_result on_create(void *ctx, const char *document, struct davit_call *call)
{
    struct error err;
    AUTO_JSON struct json *asked = json_parse(document, strlen(document), &err);
    int64_t slow_ms = fake_create_takes_ms(asked);

    nanosleep(&(struct timespec){.tv_sec = slow_ms / 1000, .tv_nsec = slow_ms % 1000 * 1000000}, NULL);
    return carry_out(ctx, asked, call, fake_create);
}

#define OPERATION(name) \
    static enum davit_result on_##name(void *ctx, const char *document, struct davit_call *call) \
    { \
        struct error err; \
        AUTO_JSON struct json *asked = json_parse(document, strlen(document), &err); \
        return carry_out(ctx, asked, call, fake_##name); \
    }
OPERATION(start)
OPERATION(stop)
OPERATION(remove)
OPERATION(release)

__attribute__((visibility("default"))) const struct davit_runtime_plugin davit_runtime_plugin = {
    .abi = DAVIT_RUNTIME_ABI, .size = sizeof(davit_runtime_plugin), .name = "fake",
    .open = fake_open, .close = fake_close, .list = on_list, .create = on_create, .start = on_start,
    .stop = on_stop, .remove = on_remove, .release = on_release,
};
