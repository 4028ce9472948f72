/* The shortest real runtime: everything is in memory, and is lost with the process, as a reboot loses it. A container
 * behaves as its command says, so that tests can make anything happen:
 *     exit CODE [AFTER_MS]   ends by itself        stubborn          ends only by force
 *     fail-create            create fails          slow-create MS    create takes so long
 *     fail-start             start fails           anything else     runs until it is stopped
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "davit/runtime.h"

#define NEVER UINT64_MAX

struct instance {
    char *key;             /* "uid/container/attempt" */
    struct json *document; /* as create got it */
    const char *state;     /* created running exited */
    int64_t exit_code;
    uint64_t started_ms, finished_ms, finished_boot_ms, ends_boot_ms;
    struct instance *next;
};

struct fake {
    const struct davit_runtime_host *host;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct instance *instances;
};

static const char *word(const struct instance *instance, size_t index)
{
    const struct json *container = json_get(instance->document, "container"), *word;

    word = json_first(json_get(container, "command"));
    while (word != NULL && index-- > 0)
        word = json_next(word);
    return word != NULL && json_text(word) != NULL ? json_text(word) : "";
}

static bool behaves(const struct instance *instance, const char *as)
{
    return strcmp(word(instance, 0), as) == 0;
}

static struct json *describe(const struct instance *instance)
{
    const struct json *pod = json_get(instance->document, "pod"), *record = json_get(instance->document, "record");
    struct json *out = json_new_texts("uid", json_get_text(pod, "uid"), "namespace", json_get_text(pod, "namespace"), "pod",
                                      json_get_text(pod, "name"), "state", instance->state, NULL);

    json_set_text(out, "container", json_get_text(json_get(instance->document, "container"), "name"));
    json_set_integer(out, "attempt", json_get_integer(instance->document, "attempt", 0));
    json_set_boolean(out, "supervised", true);
    if (record != NULL)
        json_set(out, "record", json_copy(record));
    if (instance->started_ms != 0)
        json_set_integer(out, "startedAtMs", (int64_t)instance->started_ms);
    if (strcmp(instance->state, "exited") != 0)
        return out;
    json_set_integer(out, "exitCode", instance->exit_code);
    if (instance->exit_code > 128)
        json_set_integer(out, "signal", instance->exit_code - 128);
    json_set_text(out, "reason", instance->exit_code == 0 ? "Completed" : "Error");
    json_set_integer(out, "finishedAtMs", (int64_t)instance->finished_ms);
    json_set_integer(out, "finishedBootMs", (int64_t)instance->finished_boot_ms);
    return out;
}

/* Every change is told, before the call that made it returns. */
static void change(struct fake *fake, struct instance *instance, const char *state)
{
    AUTO_JSON struct json *event = json_new_texts("event", "changed", NULL);
    AUTO_FREE char *text = NULL;

    instance->state = state;
    json_set(event, "instance", describe(instance));
    text = json_print(event);
    fake->host->notify(fake->host, text);
    pthread_cond_signal(&fake->changed);
}

static void end(struct fake *fake, struct instance *instance, int64_t exit_code)
{
    instance->exit_code = exit_code;
    instance->ends_boot_ms = NEVER;
    instance->finished_ms = clock_wall_ms();
    instance->finished_boot_ms = clock_boot_ms();
    change(fake, instance, "exited");
}

/* Ends what ends by itself. */
static void *clockwork(void *arg)
{
    struct fake *fake = arg;

    pthread_mutex_lock(&fake->lock);
    for (;;) {
        uint64_t now = clock_boot_ms(), next = now + 60000;
        struct timespec until;

        for (struct instance *instance = fake->instances; instance != NULL; instance = instance->next) {
            if (instance->ends_boot_ms <= now)
                end(fake, instance, strtol(word(instance, 1), NULL, 10));
            else if (instance->ends_boot_ms < next)
                next = instance->ends_boot_ms;
        }
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)((next - now) % 1000) * 1000000;
        until.tv_sec += (time_t)((next - now) / 1000) + until.tv_nsec / 1000000000;
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

static enum davit_result fake_list(void *ctx, struct davit_call *call)
{
    struct fake *fake = ctx;
    AUTO_JSON struct json *out = json_new_object();
    AUTO_FREE char *text = NULL;
    struct json *instances = json_set_array(out, "instances");

    json_set_array(out, "pods"); /* nothing is shared, so nothing waits for release */
    pthread_mutex_lock(&fake->lock);
    for (const struct instance *instance = fake->instances; instance != NULL; instance = instance->next)
        json_add(instances, describe(instance));
    pthread_mutex_unlock(&fake->lock);
    text = json_print(out);
    fake->host->answer(call, text);
    return DAVIT_OK;
}

/* The place that points to the instance, or to NULL where there is none. */
static struct instance **find(struct fake *fake, const char *uid, const char *container, int64_t attempt)
{
    AUTO_FREE char *key = mem_printf("%s/%s/%lld", uid, container, (long long)attempt);
    struct instance **at = &fake->instances;

    while (*at != NULL && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    return at;
}

static enum davit_result fake_create(void *ctx, const char *document, struct davit_call *call)
{
    struct fake *fake = ctx;
    struct error err;
    struct instance made = {.document = json_parse(document, strlen(document), &err), .ends_boot_ms = NEVER}, **at;
    const char *uid = json_get_text(json_get(made.document, "pod"), "uid");
    const char *name = json_get_text(json_get(made.document, "container"), "name");
    int64_t attempt = json_get_integer(made.document, "attempt", 0), slow_ms;
    bool fails = behaves(&made, "fail-create");

    if (uid == NULL || name == NULL || fails) {
        json_free(made.document);
        return fails ? fake->host->fail(call, DAVIT_FAILED, "CreateContainerError", "fails, as its command says")
                     : fake->host->fail(call, DAVIT_INVALID, "InvalidDocument", "pod.uid or container.name is missing");
    }
    slow_ms = behaves(&made, "slow-create") ? strtol(word(&made, 1), NULL, 10) : 0;
    nanosleep(&(struct timespec){.tv_sec = slow_ms / 1000, .tv_nsec = slow_ms % 1000 * 1000000}, NULL);
    pthread_mutex_lock(&fake->lock);
    at = find(fake, uid, name, attempt);
    if (*at != NULL) {
        json_free(made.document);
    } else {
        *at = mem_dup(&made, sizeof(made));
        (*at)->key = mem_printf("%s/%s/%lld", uid, name, (long long)attempt);
        change(fake, *at, "created");
    }
    pthread_mutex_unlock(&fake->lock);
    return DAVIT_OK;
}

/* Locks, and finds what a call's document names; NULL, unlocked and failed where it names nothing. */
static struct instance **lock_asked(struct fake *fake, const struct json *asked, struct davit_call *call)
{
    const char *uid = json_get_text(asked, "uid"), *name = json_get_text(asked, "container");

    if (uid == NULL || name == NULL) {
        fake->host->fail(call, DAVIT_INVALID, "InvalidDocument", "uid or container is missing");
        return NULL;
    }
    pthread_mutex_lock(&fake->lock);
    return find(fake, uid, name, json_get_integer(asked, "attempt", 0));
}

static enum davit_result start(struct fake *fake, struct instance *instance, struct davit_call *call)
{
    if (instance == NULL)
        return fake->host->fail(call, DAVIT_NOT_FOUND, "NotFound", "it was not created");
    if (behaves(instance, "fail-start"))
        return fake->host->fail(call, DAVIT_FAILED, "RunContainerError", "fails, as its command says");
    if (strcmp(instance->state, "created") != 0)
        return DAVIT_OK;
    instance->started_ms = clock_wall_ms();
    if (behaves(instance, "exit"))
        instance->ends_boot_ms = clock_boot_ms() + strtoul(word(instance, 2), NULL, 10);
    change(fake, instance, "running");
    return DAVIT_OK;
}

static enum davit_result fake_start(void *ctx, const char *document, struct davit_call *call)
{
    struct fake *fake = ctx;
    struct error err;
    AUTO_JSON struct json *asked = json_parse(document, strlen(document), &err);
    struct instance **at = lock_asked(fake, asked, call);
    enum davit_result result;

    if (at == NULL)
        return DAVIT_INVALID;
    result = start(fake, *at, call);
    pthread_mutex_unlock(&fake->lock);
    return result;
}

static enum davit_result fake_stop(void *ctx, const char *document, struct davit_call *call)
{
    struct fake *fake = ctx;
    struct error err;
    AUTO_JSON struct json *asked = json_parse(document, strlen(document), &err);
    struct instance **at = lock_asked(fake, asked, call);
    bool force = json_get_boolean(asked, "force", false);

    if (at == NULL)
        return DAVIT_INVALID;
    if (*at != NULL && strcmp((*at)->state, "exited") != 0 && (force || !behaves(*at, "stubborn")))
        end(fake, *at, force || strcmp((*at)->state, "created") == 0 ? 137 : 143);
    pthread_mutex_unlock(&fake->lock);
    return DAVIT_OK;
}

static enum davit_result fake_remove(void *ctx, const char *document, struct davit_call *call)
{
    struct fake *fake = ctx;
    struct error err;
    AUTO_JSON struct json *asked = json_parse(document, strlen(document), &err);
    struct instance **at = lock_asked(fake, asked, call), *gone;
    enum davit_result result = DAVIT_OK;

    if (at == NULL)
        return DAVIT_INVALID;
    gone = *at;
    if (gone != NULL && strcmp(gone->state, "running") == 0) {
        result = fake->host->fail(call, DAVIT_FAILED, "StillRunning", "stop it first");
    } else if (gone != NULL) {
        *at = gone->next;
        json_free(gone->document);
        free(gone->key);
        free(gone);
    }
    pthread_mutex_unlock(&fake->lock);
    return result;
}

static enum davit_result fake_release(void *ctx, const char *document, struct davit_call *call)
{
    (void)ctx;
    (void)document;
    (void)call;
    return DAVIT_OK;
}

__attribute__((visibility("default"))) const struct davit_runtime_plugin davit_runtime_plugin = {
    .abi = DAVIT_RUNTIME_ABI, .size = sizeof(davit_runtime_plugin), .name = "fake",
    .open = fake_open, .close = fake_close, .list = fake_list, .create = fake_create, .start = fake_start,
    .stop = fake_stop, .remove = fake_remove, .release = fake_release,
};
