#include "core/vms.h"

#include <stdio.h>

#include "core/power.h"
#include "core/runtime.h"
#include "model/vm.h"

void vms_power(const struct object *object, struct pod_view *view)
{
    static const enum vm_power by_strategy[] = { [VM_ALWAYS] = VM_POWER_ON, [VM_RERUN_ON_FAILURE] = VM_POWER_ON,
                                                 [VM_ONCE] = VM_POWER_ON, [VM_MANUAL] = VM_POWER_LEFT,
                                                 [VM_HALTED] = VM_POWER_OFF };
    static const enum vm_power by_word[] = { [POWER_ON] = VM_POWER_ON, [POWER_OFF] = VM_POWER_OFF };
    if (view->pod == NULL || view->pod->vm == NULL)
        return;
    view->power = object->power == POWER_AS_SAID ? by_strategy[vm_strategy(view->pod->vm)] : by_word[object->power];
    view->power_force = object->power == POWER_OFF && object->power_force;
}

bool vms_is_to_run(const struct object *object)
{
    struct pod_view view = { .pod = object_wanted(object) };
    vms_power(object, &view);
    return view.pod != NULL && view.power == VM_POWER_ON;
}

bool vms_may_step(const struct core *core, const struct object *object)
{
    if (object_is_vm(object) && core->env->vms_start == NULL)
        return object_ruling(object) == NULL;
    return runtime_seen(core, object)->listed;
}

bool vms_leaves(const struct object *object, const struct pod_view *view)
{
    return !object_is_vm(object) && pod_is_over(view);
}

bool vms_forget(struct core *core, struct object *object)
{
    if (!object_is_vm(object) || object->forgotten || core->env->vms_start == NULL)
        return false;
    struct pod_action action = { .kind = POD_RELEASE };
    snprintf(action.uid, sizeof(action.uid), "%s", object->uid);
    runtime_act(core, object, &action, NULL);
    return true;
}

void vms_look(struct core *core, const struct object *object)
{
    if (object_is_vm(object) && (object->uid[0] != '\0' || object->runs != NULL || object_ruling(object) != NULL))
        core->vms.wanted = true;
}
