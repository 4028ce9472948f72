#include "device.h"

#include <inttypes.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "health.h"
#include "host.h"
#include "net.h"
#include "registry.h"

struct box *device_find(const struct sim *sim, const char *uid, int container, int64_t attempt)
{
    for (struct box *box = sim->device.boxes; box != NULL; box = box->next)
        if (strcmp(box->uid, uid) == 0 && box->container == container && box->attempt == attempt)
            return box;
    return NULL;
}

size_t device_count(const struct sim *sim, int pod, int container, bool running_only)
{
    size_t count = 0;
    for (const struct box *box = sim->device.boxes; box != NULL; box = box->next)
        count += box->pod == pod && (container < 0 || box->container == container) &&
                 (!running_only || box->life == RUNNING);
    return count;
}

static struct past *past_of(struct sim *sim, const char *uid, int container)
{
    struct past *past;
    LL_FOREACH(sim->device.past, past)
        if (strcmp(past->uid, uid) == 0 && past->container == container)
            return past;
    past = mem_alloc(sizeof(*past));
    memcpy(past->uid, uid, sizeof(past->uid));
    past->container = container;
    LL_PREPEND(sim->device.past, past);
    return past;
}

static void share(struct sim *sim, const char *uid, int pod)
{
    struct shared *shared;
    LL_FOREACH(sim->device.shared, shared)
        if (strcmp(shared->uid, uid) == 0)
            return;
    shared = mem_alloc(sizeof(*shared));
    memcpy(shared->uid, uid, sizeof(shared->uid));
    shared->pod = pod;
    LL_PREPEND(sim->device.shared, shared);
}

static int container_of(const char *name)
{
    return name != NULL && name[0] == 'c' ? name[1] - '0' : -1;
}

static void changed(struct sim *sim, struct box *box)
{
    static const char *const words[] = { "made", "running", "ended" };
    sim->device.changed_ms[box->pod] = sim->now_ms;
    sim_note(sim, "device: p%d/c%d attempt %" PRId64 " of %.8s (v%d) is %s", box->pod, box->container, box->attempt,
             box->uid, box->variant, words[box->life]);
    host_notify(sim, box);
}

static bool create_reads(const struct call *call, struct box *box)
{
    const struct json *pod = json_get(call->document, "pod");
    const struct json *container = json_get(call->document, "container");
    const char *uid = json_get_text(pod, "uid");
    const char *word = json_text(json_first(json_get(container, "command")));
    box->pod = pod_of_name(json_get_text(pod, "name"));
    box->container = container_of(json_get_text(container, "name"));
    box->attempt = json_get_integer(call->document, "attempt", -1);
    if (uid == NULL || strlen(uid) != POD_UID_BYTES - 1 || word == NULL || box->pod < 0 || box->container < 0)
        return false;
    memcpy(box->uid, uid, sizeof(box->uid));
    box->variant = word[1] - '0';
    return true;
}

bool device_create(struct sim *sim, const struct call *call)
{
    struct box made = { .turn = call->turn, .supervised = true, .life = MADE };
    if (!create_reads(call, &made)) {
        sim_fail(sim, "orders", "a create that no plugin understands");
        return false;
    }
    registry_check_create(sim, call->document, made.pod, made.variant);
    if (!net_check_create(sim, call, &made))
        return false;
    share(sim, made.uid, made.pod);
    if (device_find(sim, made.uid, made.container, made.attempt) != NULL)
        return true;
    struct box *box = mem_dup(&made, sizeof(made));
    box->serial = ++sim->device.last_serial;
    box->record = json_print(json_get(call->document, "record"));
    LL_APPEND(sim->device.boxes, box);
    sim->counters[N_CREATES]++;
    changed(sim, box);
    return true;
}

void device_half_create(struct sim *sim, const struct call *call)
{
    struct box half = { 0 };
    if (!create_reads(call, &half))
        return;
    sim_note(sim, "device: half a create of p%d/c%d of %.8s", half.pod, half.container, half.uid);
    share(sim, half.uid, half.pod);
    sim->counters[N_HALF_MADE]++;
}

static struct box *box_of(const struct sim *sim, const struct call *call)
{
    const char *uid = json_get_text(call->document, "uid");
    return uid == NULL ? NULL
                       : device_find(sim, uid, container_of(json_get_text(call->document, "container")),
                                     json_get_integer(call->document, "attempt", -1));
}

static void ends_by_itself(struct sim *sim, struct event *event)
{
    struct box *box;
    LL_SEARCH_SCALAR(sim->device.boxes, box, serial, event->epoch);
    if (box != NULL && box->life == RUNNING)
        device_end(sim, box, event->number);
}

int64_t device_memory_mi(const struct sim *sim, int but)
{
    int64_t sum = 0;
    for (const struct box *box = sim->device.boxes; box != NULL; box = box->next) {
        bool counted = box->life != RUNNING || box->pod == but;
        for (const struct box *before = sim->device.boxes; before != box; before = before->next)
            counted = counted || (before->life == RUNNING && strcmp(before->uid, box->uid) == 0);
        struct shape shape = content_shape(sim, box->pod, box->variant);
        sum += counted ? 0 : shape_memory_mi(&shape);
    }
    return sum;
}

/* What was started on a node never asks for more memory together than it has to give. */
static void check_memory(struct sim *sim)
{
    int64_t sum = device_memory_mi(sim, -1);
    if (sum > SIM_MEMORY_MI)
        sim_fail(sim, "memory", "what runs requests %" PRId64 " MiB, and %d are there", sum, SIM_MEMORY_MI);
}

static void check_start(struct sim *sim, const struct box *box, enum restart_policy policy)
{
    for (const struct box *other = sim->device.boxes; other != NULL; other = other->next)
        if (other != box && other->life == RUNNING && other->pod == box->pod && other->container == box->container)
            sim_fail(sim, "twice", "p%d/c%d runs twice: attempt %" PRId64 " of %.8s and attempt %" PRId64 " of %.8s",
                     box->pod, box->container, other->attempt, other->uid, box->attempt, box->uid);
    struct past *past = past_of(sim, box->uid, box->container);
    if (sim->counters[N_WIPED] > 0)
        return; /* what has run is forgotten with the database */
    if (policy == RESTART_NEVER && past->starts > 0)
        sim_fail(sim, "once", "p%d/c%d of %.8s must run once, and is started again", box->pod, box->container, box->uid);
    if (policy == RESTART_ON_FAILURE && past->ended_well)
        sim_fail(sim, "once", "p%d/c%d of %.8s ended well, and is started again", box->pod, box->container, box->uid);
    past->starts++;
    if (sim->lie == LIE_ONCE && past->starts == 1)
        past->starts += policy == RESTART_ALWAYS ? 0 : 1, past->ended_well = true;
}

bool device_start(struct sim *sim, const struct call *call)
{
    struct box *box = box_of(sim, call);
    if (box == NULL)
        return false;
    if (box->life == RUNNING)
        return true;
    if (box->life == ENDED)
        return false;
    struct shape shape = content_shape(sim, box->pod, box->variant);
    enum behaviour behaviour = shape.container[box->container].behaviour;
    check_start(sim, box, shape.policy);
    box->started_ms = sim_wall_ms(sim);
    box->life = RUNNING;
    sim->counters[N_STARTS]++;
    check_memory(sim);
    changed(sim, box);
    if (sim->lie == LIE_CONVERGE && sim->calm)
        box->life = MADE;
    if (behaviour == ENDS_WELL || behaviour == ENDS_BADLY) {
        struct event *event = sim_after(sim, shape.container[box->container].after_ms, ends_by_itself);
        event->epoch = box->serial;
        event->number = behaviour == ENDS_WELL ? 0 : 3;
    }
    return true;
}

void device_end(struct sim *sim, struct box *box, int64_t exit_code)
{
    box->exit_code = exit_code;
    box->finished_ms = sim_wall_ms(sim);
    box->finished_boot_ms = sim_boot_ms(sim);
    box->life = ENDED;
    if (exit_code == 0)
        past_of(sim, box->uid, box->container)->ended_well = true;
    sim->counters[N_EXITS]++;
    changed(sim, box);
    if (sim->lie == LIE_TWICE && sim_chance(sim, 200))
        box->life = RUNNING;
}

/* Nothing stops unasked: since this container was asked for, what is wanted of its pod must have changed. */
static void check_asked(struct sim *sim, const struct box *box, const char *what)
{
    const struct pod_seen *seen = &sim->seen[box->pod];
    if (box->turn != seen->turn || box->variant != seen->ruling || health_ends(sim, box))
        return;
    sim_fail(sim, "unasked", "%s of p%d/c%d attempt %" PRId64 " of %.8s, and nobody asked for it (v%d is wanted, and runs)",
             what, box->pod, box->container, box->attempt, box->uid, box->variant);
}

/* An end that has begun goes on, whatever is wanted by then: of all of it, unless this one alone is to begin again. */
void device_told(struct sim *sim, const struct call *call)
{
    bool pre_stop = strcmp(call->name, "exec") == 0 && strcmp(json_text(json_first(json_get(call->document, "command"))), "pre") == 0;
    struct box *box = pre_stop || strcmp(call->name, "stop") == 0 ? box_of(sim, call) : NULL;
    if (box != NULL && pre_stop)
        box->pre_stop_asked = true;
    if (box == NULL || box->life != RUNNING || health_ends(sim, box))
        return;
    registry_check_stop(sim, box);
    for (struct box *other = sim->device.boxes; other != NULL; other = other->next)
        other->told_to_stop = other->told_to_stop || strcmp(other->uid, box->uid) == 0;
}

bool device_stop(struct sim *sim, const struct call *call)
{
    struct box *box = box_of(sim, call);
    bool force = json_get_boolean(call->document, "force", false);
    if (box == NULL)
        return false;
    if (box->life == ENDED)
        return true;
    if (box->life == RUNNING) {
        check_asked(sim, box, force ? "kill" : "stop");
        health_check_stop(sim, box, force);
    }
    sim->counters[force ? N_KILLS : N_STOPS]++;
    if (box->life == MADE) {
        if (force)
            device_end(sim, box, 137);
        return true;
    }
    struct shape shape = content_shape(sim, box->pod, box->variant);
    if (!force && shape.container[box->container].behaviour == STUBBORN)
        return true;
    struct event *event = sim_after(sim, force ? sim_below(sim, 20) : sim_below(sim, 3) * sim_below(sim, 8 * SECOND),
                                    ends_by_itself);
    event->epoch = box->serial;
    event->number = force ? 137 : 0;
    return true;
}

bool device_remove(struct sim *sim, const struct call *call)
{
    struct box *box = box_of(sim, call);
    if (box == NULL)
        return true;
    if (box->life == RUNNING) {
        sim_fail(sim, "unasked", "remove of p%d/c%d attempt %" PRId64 ", which runs", box->pod, box->container, box->attempt);
        return false;
    }
    sim_note(sim, "device: p%d/c%d attempt %" PRId64 " of %.8s is removed", box->pod, box->container, box->attempt, box->uid);
    LL_DELETE(sim->device.boxes, box);
    free(box->record);
    free(box);
    return true;
}

bool device_release(struct sim *sim, const struct call *call)
{
    const char *uid = json_get_text(call->document, "uid");
    for (const struct box *box = sim->device.boxes; uid != NULL && box != NULL; box = box->next)
        if (strcmp(box->uid, uid) == 0 && box->life == RUNNING)
            sim_fail(sim, "unasked", "release of %.8s, which still has attempt %" PRId64 " of p%d/c%d", uid, box->attempt,
                     box->pod, box->container);
    struct shared *shared, *next;
    LL_FOREACH_SAFE(sim->device.shared, shared, next) {
        if (uid == NULL || strcmp(shared->uid, uid) != 0 || sim->lie == LIE_LEAK)
            continue;
        sim_note(sim, "device: %.8s is released", uid);
        LL_DELETE(sim->device.shared, shared);
        free(shared);
    }
    return true;
}

char *device_list(const struct sim *sim)
{
    AUTO_JSON struct json *list = json_new_object();
    struct json *boxes = json_set_array(list, "instances");
    for (const struct box *box = sim->device.boxes; box != NULL; box = box->next)
        json_add(boxes, host_describe(box));
    struct json *pods = json_set_array(list, "pods");
    for (const struct shared *shared = sim->device.shared; shared != NULL; shared = shared->next)
        json_add_text(pods, shared->uid);
    return json_print(list);
}

/* What runs, and always as much memory: nothing moves. */
char *device_stats(const struct sim *sim)
{
    AUTO_JSON struct json *stats = json_new_object();
    struct json *boxes = json_set_array(stats, "instances");
    json_set_object(stats, "pods");
    for (const struct box *box = sim->device.boxes; box != NULL; box = box->next) {
        if (box->life != RUNNING)
            continue;
        struct json *one = host_describe(box);
        json_set_integer(one, "workingSetBytes", 1048576);
        json_add(boxes, one);
    }
    return json_print(stats);
}

void device_strike(struct sim *sim)
{
    size_t count = 0;
    for (const struct box *box = sim->device.boxes; box != NULL; box = box->next)
        count += box->life == RUNNING;
    size_t chosen = sim_below(sim, count);
    for (struct box *box = sim->device.boxes; box != NULL; box = box->next) {
        if (box->life != RUNNING || chosen-- > 0)
            continue;
        box->supervised = !sim_chance(sim, 200);
        device_end(sim, box, box->supervised ? 139 : 137);
        return;
    }
}

static void clear(struct sim *sim)
{
    while (sim->device.boxes != NULL) {
        struct box *box = sim->device.boxes;
        LL_DELETE(sim->device.boxes, box);
        free(box->record);
        free(box);
    }
    while (sim->device.shared != NULL) {
        struct shared *shared = sim->device.shared;
        LL_DELETE(sim->device.shared, shared);
        free(shared);
    }
}

/* How a container ended that nobody has looked at is lost with the run directory. */
void device_reboot(struct sim *sim)
{
    for (const struct box *box = sim->device.boxes; box != NULL; box = box->next)
        if (box->life == ENDED)
            past_of(sim, box->uid, box->container)->ended_well = false;
    clear(sim);
    for (int pod = 0; pod < SIM_PODS; pod++)
        sim->device.changed_ms[pod] = sim->now_ms;
}

void device_forget_past(struct sim *sim)
{
    while (sim->device.past != NULL) {
        struct past *past = sim->device.past;
        LL_DELETE(sim->device.past, past);
        free(past);
    }
}

void device_free(struct sim *sim)
{
    clear(sim);
    device_forget_past(sim);
}
