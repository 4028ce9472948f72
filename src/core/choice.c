#include "core/choice.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/names.h"

struct json *choice_refuse(const char *reason, char *message_taken)
{
    struct json *answer = json_new_texts("reason", reason, "message", message_taken, NULL);
    json_set_boolean(answer, "ok", false);
    free(message_taken);
    return answer;
}

static bool runs(const struct object *object)
{
    const struct run *run = object_run(object, object->uid);
    for (size_t i = 0; run != NULL && i < run->count; i++)
        if (run->instances[i].state == INSTANCE_RUNNING)
            return true;
    return false;
}

static bool is_pod_of(const struct object *pod, const struct object_id *owner)
{
    const struct slot *ruling = object_ruling(pod);
    char name[sizeof(owner->resource) + sizeof(owner->name)];
    snprintf(name, sizeof(name), "%s/%s", owner->resource, owner->name);
    return strcmp(pod->id.namespace, owner->namespace) == 0 && ruling != NULL && ruling->source == SOURCE_OWNER &&
           strcmp(ruling->group, name) == 0;
}

/* web-2 before web-10. */
static int compare_names(const struct object *one, const struct object *other)
{
    size_t one_len = strlen(one->id.name), other_len = strlen(other->id.name);
    if (one_len != other_len)
        return one_len < other_len ? -1 : 1;
    return strcmp(one->id.name, other->id.name);
}

/* The first that runs; where none does, the first. An App's are those of its Deployment. */
static const struct object *first_pod_of(const struct core *core, const struct object_id *named)
{
    const struct object *first = NULL;
    struct object_id of = *named, *owner = &of;
    if (strcmp(of.resource, "apps") == 0)
        snprintf(of.resource, sizeof(of.resource), "deployments");
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        if (!is_pod_of(object, owner))
            continue;
        bool better = first == NULL || (runs(object) && !runs(first));
        if (better || (runs(object) == runs(first) && compare_names(object, first) < 0))
            first = object;
    }
    return first;
}

/* "web", "pods/web", "deploy/web". False: there is no such kind of object. */
static bool read_id(const struct json *request, struct object_id *id)
{
    const char *namespace = json_get_text(request, "namespace");
    const char *text = json_get_text(request, "pod");
    const char *slash = text != NULL ? strchr(text, '/') : NULL;
    AUTO_FREE char *word = slash != NULL ? mem_printf("%.*s", (int)(slash - text), text) : mem_strdup("pods");
    const struct resource *resource = resource_by_word(word);
    *id = (struct object_id){ .resource = "" };
    snprintf(id->resource, sizeof(id->resource), "%s", resource != NULL ? resource->plural : word);
    snprintf(id->namespace, sizeof(id->namespace), "%s", namespace != NULL ? namespace : "default");
    snprintf(id->name, sizeof(id->name), "%s", slash != NULL ? slash + 1 : text != NULL ? text : "");
    return resource != NULL;
}

static const struct container *choose_container(const struct pod *pod, const char *name)
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

/* Something else has this name, and pods; NULL: nothing. */
static const struct object *namesake(const struct core *core, const struct object_id *id)
{
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (strcmp(object->id.name, id->name) == 0 && strcmp(object->id.namespace, id->namespace) == 0 &&
            first_pod_of(core, &object->id) != NULL)
            return object;
    return NULL;
}

static struct json *not_found(const struct core *core, const struct object_id *id)
{
    const struct object *other = namesake(core, id);
    if (other == NULL)
        return choice_refuse("NotFound", mem_printf("%s \"%s\" not found in namespace \"%s\"", id->resource, id->name, id->namespace));
    return choice_refuse("NotFound", mem_printf("%s \"%s\" not found in namespace \"%s\", but %s/%s is there: say that", id->resource, id->name,
                                                id->namespace, other->id.resource, other->id.name));
}

static struct json *find_object(const struct core *core, const struct json *request, const struct object **found)
{
    struct object_id id;
    if (!read_id(request, &id))
        return choice_refuse("NotFound", mem_printf("there is no kind of object that is called \"%s\"", id.resource));
    const struct object *object = objects_find(&core->objects, &id);
    bool is_pod = strcmp(id.resource, "pods") == 0 || strcmp(id.resource, "virtualmachines") == 0;
    *found = is_pod ? object : first_pod_of(core, &id);
    if (*found == NULL && object != NULL)
        return choice_refuse("NotFound", mem_printf("%s \"%s\" has no pod on this device", id.resource, id.name));
    if (*found == NULL || object_wanted(*found) == NULL)
        return not_found(core, &id);
    return NULL;
}

bool choice_make(const struct core *core, const struct json *request, struct choice *choice, struct json **refusal)
{
    const char *wanted = json_get_text(request, "container");
    *refusal = find_object(core, request, &choice->object);
    if (*refusal != NULL)
        return false;
    choice->pod = object_wanted(choice->object);
    choice->container = choose_container(choice->pod, wanted);
    if (choice->container == NULL) {
        const char *usual = json_get_text(choice->pod->annotations, "kubectl.kubernetes.io/default-container");
        *refusal = choice_refuse("NotFound", mem_printf("container %.63s is not valid for %s %s", wanted != NULL ? wanted : usual,
                                                        choice->pod->vm != NULL ? "virtual machine" : "pod",
                                                        choice->object->id.name));
        return false;
    }
    choice->newest = run_newest(object_run(choice->object, choice->object->uid), choice->container->name);
    return true;
}

void choice_tell(const struct choice *choice, struct json *answer)
{
    json_set_text(answer, "container", choice->container->name);
    struct json *names = json_set_array(answer, "containers");
    for (size_t i = pod_init_count(choice->pod); i < pod_count(choice->pod); i++)
        json_add_text(names, pod_container(choice->pod, i)->name);
}
