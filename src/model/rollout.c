#include "model/rollout.h"

#include <string.h>

static bool is_good(const struct replica *replica)
{
    return replica->present && replica->available;
}

/* ---- Deployment, DaemonSet */

static void update_some(const struct rollout_rule *rule, const struct replica *replicas, enum replica_act *acts)
{
    size_t away = 0;
    for (size_t i = 0; i < rule->wanted; i++)
        away += !is_good(&replicas[i]);
    for (size_t i = 0; i < rule->wanted; i++) {
        const struct replica *one = &replicas[i];
        if (!one->present || one->updated || !one->known)
            continue;
        /* One that is not there for anybody costs nothing. */
        bool free_of_charge = rule->recreate || !one->available;
        if (!free_of_charge && away >= rule->max_unavailable)
            continue;
        acts[i] = REPLICA_FILL;
        away += !free_of_charge;
    }
}

static void step_deployment(const struct rollout_rule *rule, const struct replica *replicas, size_t count,
                            enum replica_act *acts)
{
    for (size_t i = 0; i < count; i++)
        if (i >= rule->wanted && replicas[i].present)
            acts[i] = REPLICA_EMPTY;
        else if (i < rule->wanted && !replicas[i].present && !rule->paused)
            acts[i] = REPLICA_FILL;
    if (!rule->paused && !rule->on_delete)
        update_some(rule, replicas, acts);
}

/* ---- StatefulSet */

static bool may_update(const struct rollout_rule *rule, const struct replica *replica, size_t index)
{
    return !rule->on_delete && index >= rule->partition && replica->known && !replica->updated;
}

/* The first that is missing, or not well, is the one that everything waits for. True: something waits. */
static bool make_in_order(const struct rollout_rule *rule, const struct replica *replicas, enum replica_act *acts)
{
    for (size_t i = 0; i < rule->wanted; i++) {
        const struct replica *one = &replicas[i];
        if (is_good(one))
            continue;
        /* A broken one is not waited for, when a newer template may mend it. */
        if (!one->present ? one->gone : may_update(rule, one, i))
            acts[i] = REPLICA_FILL;
        return true;
    }
    return false;
}

static bool take_in_order(const struct rollout_rule *rule, const struct replica *replicas, size_t count,
                          enum replica_act *acts)
{
    for (size_t i = count; i > rule->wanted; i--)
        if (!replicas[i - 1].gone) {
            if (replicas[i - 1].present)
                acts[i - 1] = REPLICA_EMPTY;
            return true;
        }
    return false;
}

static void all_at_once(const struct rollout_rule *rule, const struct replica *replicas, size_t count,
                        enum replica_act *acts)
{
    for (size_t i = 0; i < count; i++)
        if (i >= rule->wanted && replicas[i].present)
            acts[i] = REPLICA_EMPTY;
        else if (i < rule->wanted && !replicas[i].present && replicas[i].gone)
            acts[i] = REPLICA_FILL;
}

static void step_set(const struct rollout_rule *rule, const struct replica *replicas, size_t count, enum replica_act *acts)
{
    if (!rule->ordered)
        all_at_once(rule, replicas, count, acts);
    else if (make_in_order(rule, replicas, acts) || take_in_order(rule, replicas, count, acts))
        return;
    /* From the highest down, the next when the one before it is well again. */
    for (size_t i = rule->wanted; i > rule->partition; i--) {
        const struct replica *one = &replicas[i - 1];
        if (one->present && may_update(rule, one, i - 1)) {
            acts[i - 1] = REPLICA_FILL;
            return;
        }
        if (!is_good(one))
            return;
    }
}

void rollout_step(const struct rollout_rule *rule, const struct replica *replicas, size_t count, enum replica_act *acts)
{
    for (size_t i = 0; i < count; i++)
        acts[i] = REPLICA_LEAVE;
    if (rule->is_set)
        step_set(rule, replicas, count, acts);
    else
        step_deployment(rule, replicas, count, acts);
}
