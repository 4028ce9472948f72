/* The runtime hosts, one for pods and one for virtual machines: started, opened, away and back. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/observed.h"
#include "core/runtime.h"

struct runtime_state *runtime_of(struct core *core, const struct object *object)
{
    return object_is_vm(object) ? &core->vms : &core->runtime;
}

const struct runtime_state *runtime_seen(const struct core *core, const struct object *object)
{
    return object_is_vm(object) ? &core->vms : &core->runtime;
}

void runtime_touch(struct core *core, const struct runtime_state *runtime)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (runtime_of(core, object) == runtime)
            core_touch(core, object);
}

bool runtime_all_listed(const struct core *core)
{
    bool no_vms = core->env->vms_start == NULL || !core->vms.wanted;
    return core->runtime.listed && (no_vms || core->vms.listed);
}

void runtime_start_wanted(struct core *core)
{
    struct runtime_state *vms = &core->vms;
    if (!vms->wanted || vms->asked)
        return;
    vms->asked = true;
    if (core->env->vms_start != NULL)
        core->env->vms_start(core->env->ctx);
    else
        snprintf(vms->problem, sizeof(vms->problem), "this device runs no virtual machines: install the package davit-libvirt, and "
                 "look at [runtime.libvirt] enabled= in davitd.conf");
}

void runtime_opened(struct core *core, struct runtime_state *runtime, const struct frame_view *frame)
{
    struct error ignored; /* an answer without a version is one of an unknown version */
    AUTO_JSON struct json *answer = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &ignored);
    const char *version = json_get_text(answer, "version");
    snprintf(runtime->version, sizeof(runtime->version), "%s", version != NULL ? version : runtime->name);
    runtime->needs_images = json_get_boolean(answer, "images", true);
    runtime->list_due_ms = 0;
    core->node_dirty = true;
    runtime_look(core, runtime);
}

void runtime_refused(struct core *core, struct runtime_state *runtime, const struct frame_view *frame)
{
    const char *message = json_get_text(frame->head, "message");
    snprintf(runtime->problem, sizeof(runtime->problem), "plugin %s is refused: %.200s", runtime->name,
             message != NULL ? message : "it did not say why");
    log_error("%s", runtime->problem);
    core->node_dirty = true;
}

static const struct runtime_config *config_of(const struct core *core, const struct runtime_state *runtime)
{
    if (strcmp(runtime->name, "fake") == 0)
        return &core->config->fake;
    return runtime->of_vms ? &core->config->libvirt : &core->config->crun;
}

void runtime_open(struct core *core, struct runtime_state *runtime)
{
    runtime_lost(core, runtime);
    runtime->up = true;
    runtime->problem[0] = '\0';
    AUTO_JSON struct json *json = json_new_texts("node", core->config->node, NULL);
    AUTO_FREE char *state = mem_printf("%s/%s", core->config->state_dir, runtime->name);
    AUTO_FREE char *run = mem_printf("%s/%s", core->config->run_dir, runtime->name);
    AUTO_FREE char *logs = mem_printf("%s/logs", core->config->state_dir);
    json_set_text(json, "stateDir", state);
    json_set_text(json, "runDir", run);
    json_set_text(json, "logDir", logs);
    json_set_text(json, "libexecDir", core->config->libexec_dir);
    json_set_integer(json, "logMaxBytes", core->config->logs.max_bytes);
    json_set_integer(json, "logMaxFiles", core->config->logs.max_files);
    json_set(json, "options", json_copy(config_of(core, runtime)->options));
    AUTO_FREE char *body = json_print(json);
    struct json *head = json_new_texts("op", "open", NULL);
    (runtime->of_vms ? core->env->to_vms : core->env->to_runtime)(core->env->ctx, head, body, strlen(body));
}

/* What waited for it tries again at once. */
static void runtime_back(struct core *core, struct runtime_state *runtime)
{
    runtime->problem[0] = '\0';
    runtime->list_due_ms = 0;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        if (runtime_of(core, object) != runtime)
            continue;
        for (size_t i = 0; i < object->memory_count; i++)
            object->memory[i].retry_boot_ms = object->memory[i].failures = 0;
        core_touch(core, object);
    }
}

/* What the plugin stands on went away, or came back (libvirtd): {"event":"lost","message"}, {"event":"back"}. */
static bool away_or_back(struct core *core, struct runtime_state *runtime, const struct json *event)
{
    const char *word = json_get_text(event, "event"), *message = json_get_text(event, "message");
    bool lost = word != NULL && strcmp(word, "lost") == 0;
    if (!lost && (word == NULL || strcmp(word, "back") != 0))
        return false;
    core->node_dirty = true;
    if (!lost) {
        runtime_back(core, runtime);
        return true;
    }
    snprintf(runtime->problem, sizeof(runtime->problem), "%.250s", message != NULL ? message : "it does not answer");
    runtime_touch(core, runtime);
    return true;
}

void runtime_notified(struct core *core, struct runtime_state *runtime, const struct frame_view *frame)
{
    struct error err;
    AUTO_JSON struct json *event = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, &err);
    const struct json *instance = json_get(event, "instance");
    if (away_or_back(core, runtime, event))
        return;
    if (instance == NULL) {
        log_warn("the runtime told of something that is no event: %.200s", frame->body != NULL ? frame->body : "");
        return;
    }
    /* The list on its way may be older than this: told again behind it. */
    if (runtime->notified != NULL)
        json_add(runtime->notified, json_copy(instance));
    if (runtime->listed)
        observed_instance(core, runtime, instance);
}
