#include "core/control_logs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/choice.h"

#define POD_NAME_IN_PATH 120 /* as the plugin names the folder */

static bool is_raw(const struct choice *choice)
{
    return choice->pod->vm != NULL;
}

static size_t open_attempt(const struct core *core, const struct choice *choice, int64_t attempt, int fds[ROTATED_FILES])
{
    const struct object *object = choice->object;
    const char *container = choice->container->name;
    AUTO_FREE char *path = mem_printf("%s/logs/%s_%.*s_%s/%s/%" PRId64 ".log", core->config->state_dir, object->id.namespace,
                                      POD_NAME_IN_PATH, object->id.name, object->uid, container, attempt);
    return is_raw(choice) ? rotated_open_shifted(path, fds) : rotated_open(path, fds);
}

static struct json *answer(const struct choice *choice, int64_t attempt, bool running)
{
    struct json *head = json_new_texts("uid", choice->object->uid, NULL);
    json_set_boolean(head, "ok", true);
    json_set_integer(head, "attempt", attempt);
    json_set_boolean(head, "running", running);
    if (is_raw(choice))
        json_set_text(head, "format", "raw");
    choice_tell(choice, head);
    return head;
}

static int64_t newest_attempt(const struct object *object, const struct instance *newest, const char *container)
{
    if (newest != NULL)
        return newest->attempt;
    for (size_t i = 0; i < object->memory_count; i++)
        if (strcmp(object->memory[i].name, container) == 0)
            return object->memory[i].begun;
    return -1;
}

/* Of what is followed: the pod may be another one by now. */
static bool has_gone(const struct choice *choice, const char *uid)
{
    return uid != NULL && strcmp(choice->object->uid, uid) != 0;
}

/* Why there is nothing to open. */
static struct json *refuse_absent(const struct choice *choice, bool previous)
{
    const char *container = choice->container->name, *name = choice->object->id.name;
    if (is_raw(choice) && previous)
        return choice_refuse("NotFound", mem_printf("virtual machine \"%s\" has no console log of a run before this one", name));
    if (is_raw(choice))
        return choice_refuse("NotFound", mem_printf("virtual machine \"%s\" has not started yet: davit describe vm %s says why",
                                                    name, name));
    if (previous)
        return choice_refuse("NotFound", mem_printf("previous terminated container \"%s\" in pod \"%s\" not found",
                                                    container, name));
    return choice_refuse("NotFound", mem_printf("container \"%s\" in pod \"%s\" has not started yet: davit describe pod %s "
                                                "says why", container, name, name));
}

struct json *control_log(struct core *core, const struct json *request, int fds[ROTATED_FILES], size_t *count)
{
    struct choice choice;
    struct json *refusal = NULL;
    bool previous = json_get_boolean(request, "previous", false);
    *count = 0;
    if (!choice_make(core, request, &choice, &refusal))
        return refusal;
    if (has_gone(&choice, json_get_text(request, "uid")))
        return choice_refuse("NotFound", mem_printf("%s \"%s\" is another one by now",
                                                    is_raw(&choice) ? "virtual machine" : "pod", choice.object->id.name));
    if (is_raw(&choice) && json_get_boolean(request, "times", false))
        return choice_refuse("Unsupported", mem_strdup("the console log of a virtual machine has no times, only what the guest "
                                                       "wrote: ask without since and timestamps"));
    int64_t newest = newest_attempt(choice.object, choice.newest, choice.container->name);
    int64_t attempt = json_get_integer(request, "attempt", newest - previous);
    *count = attempt >= 0 ? open_attempt(core, &choice, attempt, fds) : 0;
    if (*count == 0)
        return refuse_absent(&choice, previous);
    bool running = choice.newest != NULL && choice.newest->attempt == attempt && choice.newest->state != INSTANCE_EXITED;
    return answer(&choice, attempt, running);
}
