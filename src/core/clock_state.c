#include "core/clock_state.h"

#include "base/log.h"
#include "core/report.h"

#define LOOK_MS 10000u
#define STEP_MS (3600 * 1000ull) /* a clock that gained or lost so much against the boot clock was set */

/* What was accepted before is as old as the boot clock says. A tombstone is remembered from now on. */
static void date(const struct core *core, struct object *object)
{
    uint64_t now = core_wall_ms(core), age_ms = core_boot_ms(core) - object->since_boot_ms + object->age_before_ms;
    if (object->uid[0] != '\0' && object->created_ms < LIMIT_CLOCK_SET_MS)
        object->created_ms = now - age_ms;
    for (size_t i = 0; i < object->slot_count; i++) {
        struct slot *slot = &object->slots[i];
        slot->accepted_ms = slot->accepted_ms < LIMIT_CLOCK_SET_MS ? now : slot->accepted_ms;
        slot->created_ms = slot->created_ms < LIMIT_CLOCK_SET_MS ? now : slot->created_ms;
    }
}

uint64_t clock_state_settle(struct core *core)
{
    bool set = core_set_wall_ms(core) != 0;
    if (set && !core->clock_set) {
        log_info("the clock of this device is set");
        if (core->started_ms < LIMIT_CLOCK_SET_MS)
            core->started_ms = core_wall_ms(core);
        for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
            date(core, object);
        /* With the times that were held back. */
        report_again(core);
        report_presence(core, true);
    } else if (!set && core->clock_set) {
        log_warn("the clock of this device is not set: nothing is judged by it, and messages have no times");
        core->node_dirty = true;
    }
    core->clock_set = set;
    return set ? 0 : core_boot_ms(core) + LOOK_MS;
}

bool clock_state_is_steady(struct core *core)
{
    uint64_t wall = core_wall_ms(core), boot = core_boot_ms(core);
    int64_t gained = (int64_t)(wall - core->looked_wall_ms) - (int64_t)(boot - core->looked_boot_ms);
    bool steady = core->looked_wall_ms != 0 && core_set_wall_ms(core) != 0 && gained < (int64_t)STEP_MS &&
                  gained > -(int64_t)STEP_MS;
    core->looked_wall_ms = wall;
    core->looked_boot_ms = boot;
    return steady;
}
