/* What exists: asked of the runtime host when it opens, and every three minutes. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/claims.h"
#include "core/network.h"
#include "core/observed.h"
#include "core/runtime.h"
#include "davit/limits.h"

#define LOOK_EVERY_MS 180000u /* its host tells what changes: this is for what it may have missed */
#define LOOK_SOON_MS 60000u
#define AGAIN_MS 5000u

void runtime_listed(struct core *core, struct runtime_state *runtime, const struct frame_view *frame)
{
    struct error err;
    runtime->list_call = 0;
    runtime->list_due_ms = core_boot_ms(core) + LOOK_EVERY_MS;
    AUTO_JSON struct json *notified = mem_steal(&runtime->notified);
    AUTO_JSON struct json *answer = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &err);
    /* An answer that does not say what exists is none: what it would take for gone may run. */
    bool good = json_get_boolean(frame->head, "ok", false) && json_type(json_get(answer, "instances")) == JSON_ARRAY;
    if (!good) {
        const char *why = json_get_text(frame->head, "message");
        snprintf(runtime->problem, sizeof(runtime->problem), "cannot list what exists: %.200s",
                 why != NULL ? why : "no answer that can be read");
        runtime->list_due_ms = core_boot_ms(core) + AGAIN_MS;
        core->node_dirty = true;
        if (runtime->of_vms)
            runtime_touch(core, runtime);
        return;
    }
    observed_list(core, runtime, answer);
    JSON_EACH(instance, notified)
        observed_instance(core, runtime, instance);
    claims_look(core);
    if (runtime->of_vms && !runtime->listed)
        network_told(core);
    if (!runtime->listed || runtime->problem[0] != '\0') {
        runtime->listed = true;
        runtime->problem[0] = '\0';
        core->node_dirty = true;
        core_touch_all(core);
    }
}

void runtime_look_soon(struct core *core, struct runtime_state *runtime)
{
    uint64_t soon_ms = core_boot_ms(core) + LOOK_SOON_MS;
    if (runtime->list_due_ms > soon_ms)
        runtime->list_due_ms = soon_ms;
}

uint64_t runtime_look(struct core *core, struct runtime_state *runtime)
{
    uint64_t now = core_boot_ms(core);
    if (!runtime->up || runtime->version[0] == '\0' || runtime->list_call != 0)
        return 0;
    if (now < runtime->list_due_ms)
        return runtime->list_due_ms;
    runtime->list_call = ++core->last_call;
    runtime->list_asked = runtime->answers;
    json_free(runtime->notified);
    runtime->notified = json_new_array();
    runtime_send(core, runtime, runtime->list_call, "list", LIMIT_CALL_MS, NULL);
    return 0;
}
