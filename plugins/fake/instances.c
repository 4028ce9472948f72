#include "config.h"

#include "instances.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

struct fake_instance {
    char *uid, *namespace, *pod, *container;
    int64_t attempt;
    char *record;      /* JSON; NULL: none */
    char *behaviour;   /* the first word of its command */
    int64_t exits_with;
    uint64_t lives_ms; /* where it ends by itself */
    const char *state; /* created running exited */
    int64_t exit_code;
    uint64_t started_ms, finished_ms, finished_boot_ms, ends_boot_ms;
    struct fake_instance *next;
};

static const struct fake_outcome done = {.result = DAVIT_OK};

static const char *word(const struct json *asked, size_t index)
{
    const struct json *word = json_first(json_get(json_get(asked, "container"), "command"));

    while (word != NULL && index-- > 0)
        word = json_next(word);
    return word != NULL && json_text(word) != NULL ? json_text(word) : "";
}

static bool behaves(const struct fake_instance *instance, const char *as)
{
    return strcmp(instance->behaviour, as) == 0;
}

static struct json *describe(const struct fake_instance *instance)
{
    struct json *out = json_new_texts("uid", instance->uid, "namespace", instance->namespace, "pod", instance->pod, "state",
                                      instance->state, "container", instance->container, NULL);
    struct error err;

    json_set_integer(out, "attempt", instance->attempt);
    json_set_boolean(out, "supervised", true);
    if (instance->record != NULL)
        json_set(out, "record", json_parse(instance->record, strlen(instance->record), &err));
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

static void change(struct fake_instances *all, struct fake_instance *instance, const char *state)
{
    AUTO_JSON struct json *event = json_new_texts("event", "changed", NULL);
    AUTO_FREE char *text = NULL;

    instance->state = state;
    json_set(event, "instance", describe(instance));
    text = json_print(event);
    all->changed(all->ctx, text);
}

static void end(struct fake_instances *all, struct fake_instance *instance, int64_t exit_code)
{
    instance->exit_code = exit_code;
    instance->ends_boot_ms = FAKE_NEVER;
    instance->finished_ms = clock_wall_ms();
    instance->finished_boot_ms = clock_boot_ms();
    change(all, instance, "exited");
}

uint64_t fake_tick(struct fake_instances *all, uint64_t now_boot_ms)
{
    uint64_t next = FAKE_NEVER;

    for (struct fake_instance *instance = all->first; instance != NULL; instance = instance->next) {
        if (instance->ends_boot_ms <= now_boot_ms)
            end(all, instance, instance->exits_with);
        else if (instance->ends_boot_ms < next)
            next = instance->ends_boot_ms;
    }
    return next;
}

char *fake_list(const struct fake_instances *all)
{
    AUTO_JSON struct json *out = json_new_object();
    struct json *instances = json_set_array(out, "instances");

    json_set_array(out, "pods"); /* nothing is shared, so nothing waits for release */
    for (const struct fake_instance *instance = all->first; instance != NULL; instance = instance->next)
        json_add(instances, describe(instance));
    return json_print(out);
}

/* The place that points to the instance, or to NULL where there is none. */
static struct fake_instance **find(struct fake_instances *all, const char *uid, const char *container, int64_t attempt)
{
    struct fake_instance **at = &all->first;

    while (*at != NULL &&
           (strcmp((*at)->uid, uid) != 0 || strcmp((*at)->container, container) != 0 || (*at)->attempt != attempt))
        at = &(*at)->next;
    return at;
}

static struct fake_instance *make(const struct json *asked, const char *uid, const char *name)
{
    const struct json *pod = json_get(asked, "pod"), *record = json_get(asked, "record");
    struct fake_instance *made = mem_alloc(sizeof(*made));

    made->uid = mem_strdup(uid);
    made->namespace = mem_strdup(json_get_text(pod, "namespace"));
    made->pod = mem_strdup(json_get_text(pod, "name"));
    made->container = mem_strdup(name);
    made->attempt = json_get_integer(asked, "attempt", 0);
    made->record = record != NULL ? json_print(record) : NULL;
    made->behaviour = mem_strdup(word(asked, 0));
    made->exits_with = strtol(word(asked, 1), NULL, 10);
    made->lives_ms = strtoul(word(asked, 2), NULL, 10);
    made->ends_boot_ms = FAKE_NEVER;
    return made;
}

int64_t fake_create_takes_ms(const struct json *asked)
{
    return strcmp(word(asked, 0), "slow-create") == 0 ? strtol(word(asked, 1), NULL, 10) : 0;
}

struct fake_outcome fake_create(struct fake_instances *all, const struct json *asked)
{
    const char *uid = json_get_text(json_get(asked, "pod"), "uid");
    const char *name = json_get_text(json_get(asked, "container"), "name");
    struct fake_instance **at;

    if (strcmp(word(asked, 0), "fail-create") == 0)
        return (struct fake_outcome){DAVIT_FAILED, "CreateContainerError", "fails, as its command says"};
    if (uid == NULL || name == NULL)
        return (struct fake_outcome){DAVIT_INVALID, "InvalidDocument", "pod.uid or container.name is missing"};
    at = find(all, uid, name, json_get_integer(asked, "attempt", 0));
    if (*at == NULL) {
        *at = make(asked, uid, name);
        change(all, *at, "created");
    }
    return done;
}

/* What a call's document names; NULL: it names nothing that can be. */
static struct fake_instance **find_asked(struct fake_instances *all, const struct json *asked)
{
    const char *uid = json_get_text(asked, "uid"), *name = json_get_text(asked, "container");

    return uid != NULL && name != NULL ? find(all, uid, name, json_get_integer(asked, "attempt", 0)) : NULL;
}

static const struct fake_outcome names_nothing = {DAVIT_INVALID, "InvalidDocument", "uid or container is missing"};

struct fake_outcome fake_start(struct fake_instances *all, const struct json *asked)
{
    struct fake_instance **at = find_asked(all, asked), *instance = at != NULL ? *at : NULL;

    if (at == NULL)
        return names_nothing;
    if (instance == NULL)
        return (struct fake_outcome){DAVIT_NOT_FOUND, "NotFound", "it was not created"};
    if (behaves(instance, "fail-start"))
        return (struct fake_outcome){DAVIT_FAILED, "RunContainerError", "fails, as its command says"};
    if (strcmp(instance->state, "created") != 0)
        return done;
    instance->started_ms = clock_wall_ms();
    if (behaves(instance, "exit"))
        instance->ends_boot_ms = clock_boot_ms() + instance->lives_ms;
    change(all, instance, "running");
    return done;
}

struct fake_outcome fake_stop(struct fake_instances *all, const struct json *asked)
{
    struct fake_instance **at = find_asked(all, asked);
    bool force = json_get_boolean(asked, "force", false);

    if (at == NULL)
        return names_nothing;
    if (*at != NULL && strcmp((*at)->state, "exited") != 0 && (force || !behaves(*at, "stubborn")))
        end(all, *at, force || strcmp((*at)->state, "created") == 0 ? 137 : 143);
    return done;
}

static void drop(struct fake_instance **at)
{
    struct fake_instance *gone = *at;

    *at = gone->next;
    free(gone->uid);
    free(gone->namespace);
    free(gone->pod);
    free(gone->container);
    free(gone->record);
    free(gone->behaviour);
    free(gone);
}

struct fake_outcome fake_remove(struct fake_instances *all, const struct json *asked)
{
    struct fake_instance **at = find_asked(all, asked), *gone;

    if (at == NULL)
        return names_nothing;
    gone = *at;
    if (gone == NULL)
        return done;
    if (strcmp(gone->state, "running") == 0)
        return (struct fake_outcome){DAVIT_FAILED, "StillRunning", "stop it first"};
    drop(at);
    return done;
}

void fake_free(struct fake_instances *all)
{
    while (all->first != NULL)
        drop(&all->first);
}

struct fake_outcome fake_release(struct fake_instances *all, const struct json *asked)
{
    (void)all;
    (void)asked;
    return done;
}
