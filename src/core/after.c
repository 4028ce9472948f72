#include "core/after.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "core/owned.h"
#include "protocol/after.h"

#define OWNERS_MAX 4   /* above a pod: Job, CronJob; Deployment, App */
#define LOOKS_MAX 1000 /* at objects, in the search for a circle */

enum after_level after_level(const struct object *object)
{
    if (object == NULL || object->summary == NULL || object_ruling(object) == NULL)
        return AFTER_ABSENT;
    int64_t code = json_get_integer(object->summary, "stateCode", STATE_UNKNOWN);
    bool ready = json_get_integer(object->summary, "ready", 0) == 1 || code == STATE_SUCCEEDED || code == STATE_STORED;
    return ready ? AFTER_READY : AFTER_UNREADY;
}

void after_turned(struct core *core)
{
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (object->waits_for[0] != '\0')
            core_touch(core, object);
}

/* What an object, or the pods that it means, start after. */
static size_t dependencies_of(const struct object *object, struct object_id ids[LIMIT_AFTER])
{
    const struct slot *ruling = object != NULL ? object_ruling(object) : NULL;
    struct error ignored; /* what cannot be read was refused */
    size_t count = 0;
    AUTO_STRBUF struct strbuf words;
    strbuf_init(&words, 8192);
    if (ruling == NULL)
        return 0;
    const struct json *template = json_get(ruling->data, "template");
    const struct json *annotations = ruling->pod != NULL ? ruling->pod->annotations
                                                         : json_get(json_get(template, "metadata"), "annotations");
    const char *text = json_get_text(annotations, AFTER_ANNOTATION);
    JSON_EACH(one, json_get(json_get(ruling->data, "spec"), "after"))
        strbuf_printf(&words, "%s,", json_text(one));
    text = text != NULL ? text : words.data;
    return text != NULL && after_parse(text, object->id.namespace, ids, &count, &ignored) ? count : 0;
}

/* A pod and all above it: what waits for one of them waits for the pod. */
struct family {
    struct object_id ids[OWNERS_MAX];
    size_t count;
    size_t looks;
};

static void family_of(struct core *core, const struct object *object, struct family *family)
{
    memset(family, 0, sizeof(*family));
    while (object != NULL && family->count < OWNERS_MAX) {
        const struct slot *ruling = object_ruling(object);
        family->ids[family->count++] = object->id;
        const char *slash = ruling != NULL && ruling->source == SOURCE_OWNER ? strchr(ruling->group, '/') : NULL;
        struct object_id id = { .name = "" };
        if (slash == NULL)
            return;
        memcpy(id.namespace, object->id.namespace, sizeof(id.namespace));
        snprintf(id.resource, sizeof(id.resource), "%.*s", (int)(slash - ruling->group), ruling->group);
        snprintf(id.name, sizeof(id.name), "%s", slash + 1);
        object = objects_find(&core->objects, &id);
    }
}

static bool is_member(const struct family *family, const struct object_id *id)
{
    for (size_t i = 0; i < family->count; i++)
        if (object_id_compare(&family->ids[i], id) == 0)
            return true;
    return false;
}

static bool leads_back(struct core *core, struct family *family, const struct object_id *id, size_t depth)
{
    struct object_id ids[LIMIT_AFTER];
    if (is_member(family, id))
        return true;
    if (depth == LIMIT_AFTER_DEPTH || ++family->looks > LOOKS_MAX)
        return false;
    size_t count = dependencies_of(objects_find(&core->objects, id), ids);
    for (size_t i = 0; i < count; i++)
        if (leads_back(core, family, &ids[i], depth + 1))
            return true;
    return false;
}

static void say(struct core *core, struct object *object, const struct object_id *id)
{
    bool absent = after_level(objects_find(&core->objects, id)) == AFTER_ABSENT;
    struct family family;
    family_of(core, object, &family);
    const char *why = leads_back(core, &family, id, 0) ? "which waits for this in turn: a circle"
                      : absent                         ? "which is not on this node"
                                                       : "which is not ready";
    snprintf(object->waits_for, sizeof(object->waits_for), "waits for %.40s/%.120s, %s", id->resource, id->name, why);
}

void after_look(struct core *core, struct object *object)
{
    struct object_id ids[LIMIT_AFTER];
    object->waits_for[0] = '\0';
    object->has_run = object->has_run || object->runs != NULL;
    if (object->has_run)
        return;
    size_t count = dependencies_of(object, ids);
    for (size_t i = 0; i < count && object->waits_for[0] == '\0'; i++)
        if (after_level(objects_find(&core->objects, &ids[i])) != AFTER_READY)
            say(core, object, &ids[i]);
}
