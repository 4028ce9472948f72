#include "core/power.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/core.h"
#include "core/restart.h"
#include "core/snapshots.h"

static const char *const power_words[] = { [POWER_AS_SAID] = "said", [POWER_ON] = "on", [POWER_OFF] = "off" };
static const char *const strategy_words[] = { [VM_UNSAID] = "",        [VM_ALWAYS] = "Always",
                                              [VM_RERUN_ON_FAILURE] = "RerunOnFailure",
                                              [VM_MANUAL] = "Manual",  [VM_HALTED] = "Halted",
                                              [VM_ONCE] = "Once" };

static size_t index_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return 0;
}

const struct vm *power_vm(const struct object *object)
{
    const struct slot *ruling = object != NULL ? object_ruling(object) : NULL;
    return ruling != NULL && ruling->pod != NULL ? ruling->pod->vm : NULL;
}

bool power_runs(const struct object *object)
{
    for (const struct run *run = object->runs; run != NULL; run = run->next)
        for (size_t i = 0; i < run->count; i++)
            if (run->instances[i].state == INSTANCE_RUNNING)
                return true;
    return false;
}

bool power_comes(const struct object *object)
{
    const struct vm *vm = power_vm(object);
    enum vm_strategy strategy = vm != NULL ? vm_strategy(vm) : VM_HALTED;
    bool on = object->power == POWER_ON;
    bool begun = object_has_begun(object);
    if (vm == NULL || object->power == POWER_OFF)
        return false;
    if (strategy == VM_ALWAYS || (strategy == VM_HALTED && on))
        return true;
    if (strategy == VM_HALTED || (strategy == VM_MANUAL && !on))
        return false;
    bool failed = object->memory_count > 0 && object->memory[0].ended >= 0 && object->memory[0].last.exit_code != 0;
    return !begun || (strategy == VM_RERUN_ON_FAILURE && failed);
}

/* ---- saying it */

struct saying {
    struct core *core;
    struct object_id id;
    struct power_said said;
    power_done done;
    void *ctx;
};

static enum vm_strategy strategy_of(const struct object *object)
{
    const struct vm *vm = power_vm(object);
    return vm != NULL ? vm_strategy(vm) : VM_UNSAID;
}

struct power_said power_of(const struct object *object)
{
    struct power_said now = { .power = object->power, .force = object->power_force, .strategy = object->power_strategy };
    if (object->power == POWER_AS_SAID)
        now.strategy = strategy_of(object);
    memcpy(now.uid, object->power_uid, sizeof(now.uid));
    return now;
}

void power_write(struct store_txn *txn, const struct object_id *id, const struct power_said *said)
{
    struct power_row row = { .id = *id, .power = power_words[said->power], .force = said->force,
                             .strategy = strategy_words[said->strategy], .uid = said->uid };
    store_put_power(txn, &row);
}

void power_apply(struct core *core, struct object *object, const struct power_said *said)
{
    object->power = said->power;
    object->power_force = said->force;
    object->power_strategy = said->strategy;
    memcpy(object->power_uid, said->uid, sizeof(object->power_uid));
    core->requests.powered = true;
    core_touch(core, object);
}

static void drop_row(struct core *core, const struct object_id *id)
{
    struct store_txn *txn = store_begin(core->store);
    store_delete_power(txn, id);
    store_commit(txn, NULL, NULL);
}

static void committed(void *ctx, const struct error *err)
{
    struct saying *saying = ctx;
    struct object *object = objects_find(&saying->core->objects, &saying->id);
    if (err == NULL && object != NULL)
        power_apply(saying->core, object, &saying->said);
    else if (err == NULL)
        drop_row(saying->core, &saying->id); /* it has gone meanwhile, and the next one of its name is another */
    if (saying->done != NULL)
        saying->done(saying->ctx, err);
    free(saying);
}

void power_set(struct core *core, struct object *object, enum power power, bool force, bool anew, power_done done, void *ctx)
{
    struct saying *saying = mem_alloc(sizeof(*saying));
    *saying = (struct saying){ .core = core, .id = object->id, .done = done, .ctx = ctx };
    saying->said = (struct power_said){ .power = power, .force = force, .strategy = strategy_of(object) };
    if (anew)
        memcpy(saying->said.uid, object->uid, sizeof(saying->said.uid));
    struct store_txn *txn = store_begin(core->store);
    power_write(txn, &object->id, &saying->said);
    store_commit(txn, committed, saying);
}

/* ---- what became of it */

/* Without waiting for the disk: a row that stays is overruled again by the same document. */
static void forget(struct core *core, struct object *object)
{
    drop_row(core, &object->id);
    object->power = POWER_AS_SAID;
    object->power_force = false;
    object->power_uid[0] = '\0';
    core_touch(core, object);
}

/* True: there is still something said. */
static bool look(struct core *core, struct object *object)
{
    const struct slot *ruling = object_ruling(object);
    const struct vm *vm = power_vm(object);
    bool gone = ruling == NULL || ruling->tombstone;
    bool overruled = object->power != POWER_AS_SAID && vm != NULL && vm_strategy(vm) != object->power_strategy;
    bool replace = object->power_uid[0] != '\0' && strcmp(object->power_uid, object->uid) == 0 && object->hash[0] != '\0';
    if (snapshots_hold(core, object) || object->committing)
        return true;
    if (gone || overruled || (object->power == POWER_AS_SAID && !replace)) {
        forget(core, object);
        return false;
    }
    object->power_uid[0] = '\0';
    if (replace)
        restart_begin(core, object, 0);
    return true;
}

void power_settle(struct core *core)
{
    if (!core->requests.powered)
        return;
    core->requests.powered = false;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if ((object->power != POWER_AS_SAID || object->power_uid[0] != '\0') && look(core, object))
            core->requests.powered = true;
}

static void load(void *ctx, const struct power_row *row)
{
    struct core *core = ctx;
    struct object *object = objects_find(&core->objects, &row->id);
    if (object == NULL)
        return;
    object->power = (enum power)index_of(row->power, power_words, sizeof(power_words) / sizeof(power_words[0]));
    object->power_force = row->force;
    object->power_strategy =
        (enum vm_strategy)index_of(row->strategy, strategy_words, sizeof(strategy_words) / sizeof(strategy_words[0]));
    snprintf(object->power_uid, sizeof(object->power_uid), "%s", row->uid);
    core->requests.powered = true;
}

bool power_load(struct core *core, struct error *err)
{
    return store_each_power(core->store, load, core, err);
}
