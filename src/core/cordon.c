#include "core/cordon.h"

#include <string.h>

#include "core/reconcile.h"
#include "core/restart.h"
#include "model/taint.h"

enum verdict { VERDICT_FREE, VERDICT_UNSCHEDULABLE, VERDICT_DRAINED, VERDICT_DRAINING };

static const struct pod_wait waits[] = {
    [VERDICT_UNSCHEDULABLE] = { "NodeUnschedulable", "the desired Node says that nothing new starts here (spec.unschedulable, or a "
                                                     "taint NoSchedule): what runs stays. davit uncordon ends it, there where it was said" },
    [VERDICT_DRAINED] = { "NodeDrained", "the desired Node has a taint NoExecute, which this does not tolerate: it starts when that "
                                         "goes. davit uncordon takes it away, there where it was said" },
    [VERDICT_DRAINING] = { "NodeDraining", "the desired Node has a taint NoExecute, which this does not tolerate: what ran is ending" },
};

/* What ran before the drain has not ended yet. */
static bool is_ending(const struct object *object)
{
    for (const struct run *run = object->runs; run != NULL; run = run->next)
        if (strcmp(run->uid, object->uid) != 0 && run_has_life(run))
            return true;
    return false;
}

static bool has_effect(const struct json *taint, const char *effect)
{
    return strcmp(json_get_text(taint, "effect"), effect) == 0;
}

/* Kubernetes: a DaemonSet's pods start on a cordoned node. */
static bool is_exempt(const struct object *object, const struct json *taint)
{
    const struct slot *ruling = object_ruling(object);
    return has_effect(taint, "NoSchedule") && strcmp(json_get_text(taint, "key"), TAINT_UNSCHEDULABLE) == 0 && ruling != NULL &&
           ruling->source == SOURCE_OWNER && strncmp(ruling->group, "daemonsets/", strlen("daemonsets/")) == 0;
}

/* *due_ms: when it will be another one (boot); 0: it stays. */
static enum verdict judge(const struct core *core, const struct object *object, const struct pod *pod, uint64_t *due_ms)
{
    enum verdict verdict = VERDICT_FREE;
    *due_ms = 0;
    JSON_EACH(taint, core->node.taints) {
        int64_t seconds = TAINT_FOR_EVER;
        bool executes = has_effect(taint, "NoExecute");
        bool tolerated = taint_is_tolerated(taint, pod->tolerations, &seconds) || is_exempt(object, taint);
        if (tolerated && executes && seconds != TAINT_FOR_EVER) {
            uint64_t until_ms = core->tainted_boot_ms + (uint64_t)seconds * 1000;
            tolerated = core_boot_ms(core) < until_ms;
            *due_ms = tolerated && (*due_ms == 0 || until_ms < *due_ms) ? until_ms : *due_ms;
        }
        if (!tolerated && executes)
            return VERDICT_DRAINED;
        if (!tolerated && has_effect(taint, "NoSchedule"))
            verdict = VERDICT_UNSCHEDULABLE;
    }
    return verdict;
}

const struct pod_wait *cordon_wait(const struct core *core, const struct object *object)
{
    const struct pod *pod = json_size(core->node.taints) > 0 ? object_wanted(object) : NULL;
    uint64_t due_ms = 0;
    enum verdict verdict = pod != NULL ? judge(core, object, pod, &due_ms) : VERDICT_FREE;
    if (verdict == VERDICT_DRAINED && is_ending(object))
        verdict = VERDICT_DRAINING;
    /* What was asked to restart, or came back with the device, is not new. */
    bool here = object_has_begun(object) || object->replaces;
    return verdict == VERDICT_FREE || (verdict == VERDICT_UNSCHEDULABLE && here) ? NULL : &waits[verdict];
}

const struct pod_wait *cordon_holds(const struct core *core, const struct object *object, const struct pod *pod)
{
    uint64_t due_ms = 0;
    enum verdict verdict = judge(core, object, pod, &due_ms);
    return verdict == VERDICT_FREE ? NULL : &waits[verdict];
}

const struct pod_wait *cordon_update(const struct core *core, const struct object *object)
{
    const struct slot *ruling = object->held != NULL ? object_ruling(object) : NULL;
    return ruling != NULL && ruling->pod != NULL ? cordon_holds(core, object, ruling->pod) : NULL;
}

/* It lives, and not only to see its sidecars out. */
static bool is_alive(const struct core *core, const struct object *object)
{
    const struct run *run = object_run(object, object->uid);
    struct container_image images[LIMIT_CONTAINERS];
    struct pod_progress progress;
    struct pod_view view;
    if (run == NULL || !run_has_life(run) || object->end.reason[0] != '\0')
        return false;
    reconcile_view(core, object, &view, images);
    pod_progress(&view, run, &progress);
    return !progress.finished;
}

bool cordon_drain(struct core *core, struct object *object)
{
    const struct pod *pod = json_size(core->node.taints) > 0 ? object_wanted(object) : NULL;
    uint64_t due_ms = 0;
    if (pod == NULL || object->committing || object->hash[0] == '\0')
        return false;
    enum verdict verdict = judge(core, object, pod, &due_ms);
    if (due_ms != 0)
        core_wake_object(core, object, due_ms);
    if (verdict != VERDICT_DRAINED || !is_alive(core, object))
        return false;
    core_event(core, object, false, "TaintManagerEviction", "the node is drained: it is ended, and starts again when the taint goes");
    restart_begin(core, object, 0);
    return true;
}

bool cordon_is_drained(const struct core *core)
{
    JSON_EACH(taint, core->node.taints)
        if (has_effect(taint, "NoExecute"))
            return true;
    return false;
}
