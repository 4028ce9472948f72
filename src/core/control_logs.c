#include "core/control_logs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/choice.h"

#define POD_NAME_IN_PATH 120 /* as the plugin names the folder */

static struct json *finish(struct json *answer)
{
    json_set_text(answer, "op", "result");
    return answer;
}

static int open_attempt(const struct core *core, const struct object *object, const char *container, int64_t attempt)
{
    AUTO_FREE char *path = mem_printf("%s/logs/%s_%.*s_%s/%s/%" PRId64 ".log", core->config->state_dir, object->id.namespace,
                                      POD_NAME_IN_PATH, object->id.name, object->uid, container, attempt);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static struct json *answer(const struct choice *choice, int64_t attempt, bool running)
{
    struct json *head = json_new_texts("op", "result", NULL);
    json_set_boolean(head, "ok", true);
    json_set_integer(head, "attempt", attempt);
    json_set_boolean(head, "running", running);
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

struct json *control_log(struct core *core, const struct json *request, int *fd)
{
    struct choice choice;
    struct json *refusal = NULL;
    bool previous = json_get_boolean(request, "previous", false);
    *fd = -1;
    if (!choice_make(core, request, &choice, &refusal))
        return finish(refusal);
    const char *container = choice.container->name, *name = choice.object->id.name;
    int64_t attempt = newest_attempt(choice.object, choice.newest, container) - previous;
    *fd = attempt >= 0 ? open_attempt(core, choice.object, container, attempt) : -1;
    if (*fd < 0 && previous)
        return finish(choice_refuse("NotFound", mem_printf("previous terminated container \"%s\" in pod \"%s\" not found",
                                                           container, name)));
    if (*fd < 0)
        return finish(choice_refuse("NotFound", mem_printf("container \"%s\" in pod \"%s\" has not started yet: davit describe "
                                                           "pod %s says why", container, name, name)));
    bool running = !previous && choice.newest != NULL && choice.newest->state != INSTANCE_EXITED;
    return answer(&choice, attempt, running);
}
