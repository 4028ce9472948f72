#include "core/control_logs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define POD_NAME_IN_PATH 120 /* as the plugin names the folder */

static struct json *refuse(const char *reason, char *message_taken)
{
    struct json *answer = json_new_texts("op", "result", "reason", reason, "message", message_taken, NULL);
    json_set_boolean(answer, "ok", false);
    free(message_taken);
    return answer;
}

static const struct object *find_pod(const struct core *core, const struct json *request, const char **name)
{
    struct object_id id = { .resource = "pods" };
    const char *namespace = json_get_text(request, "namespace");
    *name = json_get_text(request, "pod");
    snprintf(id.namespace, sizeof(id.namespace), "%s", namespace != NULL ? namespace : "default");
    snprintf(id.name, sizeof(id.name), "%s", *name != NULL ? *name : "");
    return objects_find(&core->objects, &id);
}

/* The one that is named; else the annotation's; else the first, as kubectl has it. NULL: there is no such. */
static const struct container *choose(const struct pod *pod, const char *name)
{
    const char *usual = json_get_text(pod->annotations, "kubectl.kubernetes.io/default-container");
    const char *wanted = name != NULL ? name : usual;
    if (wanted == NULL)
        return pod_container(pod, pod_init_count(pod));
    for (size_t i = 0; i < pod_count(pod); i++)
        if (strcmp(pod_container(pod, i)->name, wanted) == 0)
            return pod_container(pod, i);
    return NULL;
}

static int open_attempt(const struct core *core, const struct object *object, const char *container, int64_t attempt)
{
    AUTO_FREE char *path = mem_printf("%s/logs/%s_%.*s_%s/%s/%" PRId64 ".log", core->config->state_dir, object->id.namespace,
                                      POD_NAME_IN_PATH, object->id.name, object->uid, container, attempt);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static struct json *answer(const struct pod *pod, const struct container *container, int64_t attempt, bool running)
{
    struct json *head = json_new_texts("op", "result", "container", container->name, NULL);
    json_set_boolean(head, "ok", true);
    json_set_integer(head, "attempt", attempt);
    json_set_boolean(head, "running", running);
    struct json *names = json_set_array(head, "containers");
    for (size_t i = pod_init_count(pod); i < pod_count(pod); i++)
        json_add_text(names, pod_container(pod, i)->name);
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
    const char *name = NULL, *wanted = json_get_text(request, "container");
    const struct object *object = find_pod(core, request, &name);
    const struct pod *pod = object != NULL ? object_wanted(object) : NULL;
    bool previous = json_get_boolean(request, "previous", false);
    *fd = -1;
    if (pod == NULL)
        return refuse("NotFound", mem_printf("pods \"%.200s\" not found", name != NULL ? name : ""));
    const struct container *container = choose(pod, wanted);
    if (container == NULL)
        return refuse("NotFound", mem_printf("container %.63s is not valid for pod %s", wanted != NULL ? wanted : "", name));
    const struct instance *newest = run_newest(object_run(object, object->uid), container->name);
    int64_t attempt = newest_attempt(object, newest, container->name) - previous;
    *fd = attempt >= 0 ? open_attempt(core, object, container->name, attempt) : -1;
    if (*fd < 0 && previous)
        return refuse("NotFound", mem_printf("previous terminated container \"%s\" in pod \"%s\" not found", container->name, name));
    if (*fd < 0)
        return refuse("NotFound", mem_printf("container \"%s\" in pod \"%s\" has not started yet: davit describe pod %s says why",
                                             container->name, name, name));
    bool running = !previous && newest != NULL && newest->state != INSTANCE_EXITED;
    return answer(pod, container, attempt, running);
}
