#include "core/core.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/admission.h"
#include "core/after.h"
#include "core/change.h"
#include "core/claims.h"
#include "core/clock_state.h"
#include "core/discovery.h"
#include "core/eviction.h"
#include "core/forward.h"
#include "core/handler.h"
#include "core/inbox.h"
#include "core/owners.h"
#include "core/reconcile.h"
#include "core/report.h"
#include "core/runtime.h"
#include "core/stats.h"
#include "core/telemetry.h"
#include "core/whole.h"
#include "protocol/event.h"
#include "protocol/topic.h"

#define NODE_TELL_MS 1000u              /* the node's own state at most so often */
#define PRESENCE_AGAIN_MS 5000u          /* our own presence, when the broker says that we are away */
#define PURGE_FIRST_MS 3600000ull        /* old tombstones: a clock is set by then, if anybody does */
#define PURGE_EVERY_MS (24 * 3600000ull)
#define AGE_MAX_MS (400ull * 24 * 3600 * 1000) /* what seems older is of a clock that was set by years */
#define STEPS_PER_SETTLE 64              /* of one object; more is a loop, and waits for the next turn */

uint64_t core_boot_ms(const struct core *core)
{
    return core->env->boot_ms(core->env->ctx);
}

uint64_t core_wall_ms(const struct core *core)
{
    return core->env->wall_ms(core->env->ctx);
}

uint64_t core_set_wall_ms(const struct core *core)
{
    uint64_t wall_ms = core_wall_ms(core);
    return wall_ms >= LIMIT_CLOCK_SET_MS ? wall_ms : 0;
}

uint64_t core_age_ms(const struct core *core, uint64_t since_wall_ms)
{
    uint64_t age_ms = core_wall_ms(core) - since_wall_ms;
    return age_ms < AGE_MAX_MS ? age_ms : 0;
}

void core_set_ts(const struct core *core, struct json *message)
{
    uint64_t wall_ms = core_set_wall_ms(core);
    if (wall_ms != 0)
        json_set_integer(message, "ts", (int64_t)wall_ms);
}

void core_new_uid(const struct core *core, char out[POD_UID_BYTES])
{
    unsigned char r[16];
    core->env->random(core->env->ctx, r, sizeof(r));
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40); /* RFC 4122, version 4 */
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    snprintf(out, POD_UID_BYTES, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2],
             r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

void core_event(struct core *core, const struct object *object, bool warning, const char *reason, const char *format, ...)
{
    char message[ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    struct event event = { .warning = warning, .reason = reason, .message = message };
    if (object != NULL) {
        event.id = &object->id;
        event.uid = object->uid[0] != '\0' ? object->uid : NULL;
        log_info("%s/%s/%s: %s: %s", object->id.namespace, object->id.resource, object->id.name, reason, message);
    } else {
        log_warn("%s: %s", reason, message);
    }
    AUTO_FREE char *text = event_write(&event, core->config->node, core_set_wall_ms(core), ++core->event_serial);
    AUTO_FREE char *topic = topic_node(core->config->root, core->config->node, "events", NULL);
    happened_keep(&core->happened, text);
    outbox_event(core->outbox, topic, text);
}

void core_clear(struct core *core, struct object *object, struct store_txn *txn)
{
    static const char *const words[] = { "state", "status", "metrics" };
    bool is_measured = core->config->telemetry.interval_s > 0 &&
                       (object_is_vm(object) || strcmp(object->id.resource, "pods") == 0);
    object->discovery_told = false;
    discovery_clear(core, object, txn);
    for (size_t i = 0; i < (is_measured ? 3 : 2); i++) {
        AUTO_FREE char *topic = topic_node(core->config->root, core->config->node, words[i], &object->id);
        outbox_clear(core->outbox, txn, topic);
    }
}

void core_store_failed(struct core *core, const struct error *err)
{
    if (core->store_problem[0] == '\0')
        inbox_give_back(core);
    snprintf(core->store_problem, sizeof(core->store_problem), "%.250s", err->message);
    core->node_dirty = true;
}

void core_store_worked(struct core *core)
{
    if (core->store_problem[0] == '\0')
        return;
    core->store_problem[0] = '\0';
    core->node_dirty = true;
}

void core_touch(struct core *core, struct object *object)
{
    if (object_is_whole(object)) {
        core->node_dirty = true;
        return;
    }
    if (object->dirty)
        return;
    object->dirty = true;
    if (core->dirty_count == core->dirty_size) {
        core->dirty_size = core->dirty_size == 0 ? 64 : core->dirty_size * 2;
        core->dirty = mem_resize(core->dirty, core->dirty_size, sizeof(*core->dirty));
    }
    core->dirty[core->dirty_count++] = object;
}

void core_touch_all(struct core *core)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        core_touch(core, object);
}

void core_wake_object(struct core *core, struct object *object, uint64_t boot_ms)
{
    if (object->wake_boot_ms == 0 || boot_ms < object->wake_boot_ms)
        object->wake_boot_ms = boot_ms;
    if (core->objects_wake_ms == 0 || boot_ms < core->objects_wake_ms)
        core->objects_wake_ms = boot_ms;
}

/* Those whose time has come. */
static void wake_objects(struct core *core, uint64_t now)
{
    if (core->objects_wake_ms == 0 || core->objects_wake_ms > now)
        return;
    core->objects_wake_ms = 0;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        uint64_t due = object->wake_boot_ms;
        if (due == 0)
            continue;
        object->wake_boot_ms = 0;
        if (due <= now)
            core_touch(core, object);
        else
            core_wake_object(core, object, due);
    }
}

void core_wake_at(struct core *core, uint64_t boot_ms)
{
    if (core->wake_ms == 0 || boot_ms < core->wake_ms)
        core->wake_ms = boot_ms;
}

static void tell(struct core *core, struct object *object)
{
    report_object(core, object);
    if (object->summary != NULL)
        discovery_tell(core, object);
    owners_child_told(core, object);
    enum after_level level = after_level(object);
    if (object->level != (unsigned)level)
        after_turned(core);
    object->level = level;
}

static void settle_objects(struct core *core)
{
    struct object **list = mem_steal(&core->dirty);
    size_t count = core->dirty_count;
    core->dirty_count = 0;
    core->dirty_size = 0;
    admission_settle(core, list, count);
    for (size_t i = 0; i < count; i++) {
        list[i]->dirty = false;
        if (!owners_is_one(list[i]))
            reconcile_object(core, list[i]);
        claims_step(core, list[i]);
        if (services_is_one(list[i]))
            services_step(core, list[i]);
    }
    /* Owners decide by what their children say: those speak first. */
    for (size_t i = 0; i < count; i++)
        if (!owners_is_one(list[i]))
            tell(core, list[i]);
    for (size_t i = 0; i < count; i++)
        if (owners_is_one(list[i])) {
            owners_step(core, list[i]);
            tell(core, list[i]);
        }
    for (size_t i = 0; i < count; i++)
        objects_drop_if_empty(&core->objects, list[i]);
    free(list);
}

static void settle_sync(struct core *core, uint64_t now)
{
    if (core->link.sync_due_ms == 0)
        return;
    if (now < core->link.sync_due_ms) {
        core_wake_at(core, core->link.sync_due_ms);
        return;
    }
    core->link.sync_due_ms = 0;
    core->link.truncated = true;
    report_again(core);
    log_warn("the end of the retained documents did not come back within %d s: nothing is judged missing",
             LIMIT_SYNC_MS / 1000);
}

static void settle_presence(struct core *core, uint64_t now)
{
    struct link_state *link = &core->link;
    uint64_t due = link->presence_said_ms + PRESENCE_AGAIN_MS;
    if (!link->presence_owed || !link->connected)
        return;
    if (link->presence_said_ms != 0 && now < due) {
        core_wake_at(core, due);
        return;
    }
    link->presence_owed = false;
    link->presence_said_ms = now;
    report_presence(core, true);
}

/* Named in the node's status for a while after it was seen: between two fights it is quiet. */
static void settle_rival(struct core *core, uint64_t now)
{
    if (core->link.rival_ms == 0)
        return;
    if (now < core->link.rival_ms + LIMIT_RIVAL_MS) {
        core_wake_at(core, core->link.rival_ms + LIMIT_RIVAL_MS);
        return;
    }
    core->link.rival_ms = 0;
    core->node_dirty = true;
}

/* Told until a broker has been there for a while. Then it is history. */
static void settle_dropped(struct core *core, uint64_t now)
{
    struct link_state *link = &core->link;
    uint64_t dropped = outbox_dropped(core->outbox);
    if (link->dropped != dropped) {
        core->node_dirty = core->node_dirty || link->dropped_ms == 0;
        link->dropped = dropped;
        link->dropped_ms = now;
    }
    if (link->dropped_ms == 0)
        return;
    if (!link->connected) {
        link->dropped_ms = now;
        return;
    }
    if (now < link->dropped_ms + LIMIT_DROPPED_MS) {
        core_wake_at(core, link->dropped_ms + LIMIT_DROPPED_MS);
        return;
    }
    link->dropped_ms = 0;
    core->node_dirty = true;
}

static void settle_denied(struct core *core, uint64_t now)
{
    if (core->link.denied_ms == 0)
        return;
    if (now < core->link.denied_ms + LIMIT_DENIED_MS) {
        core_wake_at(core, core->link.denied_ms + LIMIT_DENIED_MS);
        return;
    }
    core->link.denied_ms = 0;
    core->link.denied[0] = '\0';
    outbox_allow(core->outbox);
    report_again(core);
}

static void settle_node(struct core *core, uint64_t now)
{
    /* What nobody hears does not count against the limit: the first that a broker hears is the newest. */
    if (!(core->node_dirty || core->images.changes != core->told_images) || !core->link.connected)
        return;
    if (core->node_told_ms != 0 && now < core->node_told_ms + NODE_TELL_MS) {
        core_wake_at(core, core->node_told_ms + NODE_TELL_MS);
        return;
    }
    core->node_dirty = false;
    core->told_images = core->images.changes;
    core->node_told_ms = now;
    report_node(core);
    discovery_tell(core, NULL);
}

static void settle_outbox(struct core *core, uint64_t now)
{
    if (outbox_undeleted(core->outbox) == 0)
        return;
    if (core->sweep_due_ms == 0)
        core->sweep_due_ms = now + CORE_DISK_RETRY_MS;
    if (now < core->sweep_due_ms) {
        core_wake_at(core, core->sweep_due_ms);
        return;
    }
    core->sweep_due_ms = 0;
    outbox_delete_again(core->outbox);
}

/* 0: never. */
static uint64_t sooner(uint64_t a, uint64_t b)
{
    return b != 0 && b < a ? b : a;
}

static void settle_steps(struct core *core, uint64_t now)
{
    for (int i = 0; (core->dirty_count > 0 || i == 0) && i < STEPS_PER_SETTLE; i++) {
        settle_objects(core);
        services_look(core);
    }
    if (core->dirty_count > 0)
        core_wake_at(core, now);
    services_tell(core);
    network_tell(core);
}

static uint64_t settle_purge(struct core *core, uint64_t now)
{
    if (core->purge_due_ms <= now) {
        bool first = core->purge_due_ms == 0;
        core->purge_due_ms = now + (first ? PURGE_FIRST_MS : PURGE_EVERY_MS);
        if (clock_state_is_steady(core))
            inbox_purge(core);
    }
    return core->purge_due_ms;
}

uint64_t core_settle(struct core *core)
{
    uint64_t now = core_boot_ms(core), unset = clock_state_settle(core);
    if (core->wake_ms != 0 && core->wake_ms <= now) {
        core->wake_ms = 0;
        core_touch_all(core);
    }
    wake_objects(core, now);
    uint64_t sleeping = handler_settle(core);
    if (sleeping != 0)
        core_wake_at(core, sleeping);
    network_settle(core);
    claims_settle(core);
    uint64_t retry = change_retry(core);
    if (retry != 0)
        core_wake_at(core, retry);
    retry = whole_retry(core);
    if (retry != 0)
        core_wake_at(core, retry);
    uint64_t room = admission_look_again(core);
    settle_steps(core, now);
    runtime_start_wanted(core);
    requests_settle(core);
    settle_sync(core, now);
    settle_presence(core, now);
    settle_outbox(core, now);
    settle_rival(core, now);
    settle_dropped(core, now);
    settle_denied(core, now);
    settle_node(core, now);
    uint64_t next = sooner(settle_purge(core, now), runtime_look(core, &core->runtime));
    next = sooner(next, runtime_look(core, &core->vms));
    next = sooner(next, room);
    next = sooner(next, unset);
    next = sooner(next, eviction_settle(core));
    next = sooner(next, telemetry_settle(core));
    next = sooner(next, stats_settle(core));
    next = sooner(next, core->objects_wake_ms);
    return sooner(next, core->wake_ms);
}

/* ---- the runtime hosts */

static void host_down(struct core *core, struct runtime_state *runtime, const char *why)
{
    runtime_lost(core, runtime);
    if (runtime->problem[0] == '\0')
        snprintf(runtime->problem, sizeof(runtime->problem), "the runtime host ended: %.200s", why);
}

static void host_frame(struct core *core, struct runtime_state *runtime, const struct frame_view *frame)
{
    static const struct {
        const char *op;
        void (*take)(struct core *core, struct runtime_state *runtime, const struct frame_view *frame);
    } ops[] = { { "result", runtime_result }, { "notify", runtime_notified }, { "opened", runtime_opened },
                { "refused", runtime_refused } };
    const char *op = json_get_text(frame->head, "op");
    for (size_t i = 0; op != NULL && i < sizeof(ops) / sizeof(ops[0]); i++)
        if (strcmp(ops[i].op, op) == 0) {
            ops[i].take(core, runtime, frame);
            return;
        }
    log_warn("the runtime host said \"%.60s\", which is not understood", op != NULL ? op : "");
}

void core_runtime_up(struct core *core)
{
    runtime_open(core, &core->runtime);
}

void core_runtime_down(struct core *core, const char *why)
{
    host_down(core, &core->runtime, why);
}

void core_runtime_frame(struct core *core, const struct frame_view *frame)
{
    host_frame(core, &core->runtime, frame);
}

void core_vms_up(struct core *core)
{
    runtime_open(core, &core->vms);
}

void core_vms_down(struct core *core, const char *why)
{
    host_down(core, &core->vms, why);
    runtime_touch(core, &core->vms);
}

void core_vms_frame(struct core *core, const struct frame_view *frame)
{
    host_frame(core, &core->vms, frame);
}

/* ---- davit-probe, davit-net */

void core_probe_frame(struct core *core, const struct frame_view *frame)
{
    if (!forward_answered(core, frame))
        handler_probe_answered(core, frame);
}

void core_probe_up(struct core *core)
{
    handler_lost(core, NULL); /* what was said to one that was not there is said again */
    forward_probe_up(core);
}

void core_probe_down(struct core *core)
{
    handler_lost(core, NULL);
    forward_probe_down(core);
}

void core_net_up(struct core *core)
{
    network_up(core);
}

void core_net_frame(struct core *core, const struct frame_view *frame)
{
    network_frame(core, frame);
}

void core_net_down(struct core *core, const char *why)
{
    network_down(core, why);
}
