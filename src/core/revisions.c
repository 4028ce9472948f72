/* The verb revisions: what an object was before, from the disk. */
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "core/request_verbs.h"
#include "protocol/revision.h"

struct asking {
    struct core *core;
    int64_t serial;
    int64_t wanted; /* this one's document, too; 0: none */
};

static void told(void *ctx, const char *text, const struct error *err)
{
    struct asking *asking = ctx;
    struct core *core = asking->core;
    const struct request_call *call = requests_find(core, asking->serial);
    struct error ignored; /* SQLite wrote it */
    AUTO_JSON struct json *rows = text != NULL ? json_parse(text, strlen(text), &ignored) : NULL;
    AUTO_JSON struct json *answer = call != NULL ? request_answer(call->args) : NULL;
    if (call == NULL)
        ;
    else if (err != NULL || rows == NULL)
        requests_fail(core, asking->serial, "StoreFailed", "the revisions could not be read: %.300s",
                      err != NULL ? err->message : "the database said nothing");
    else if (!revisions_write(rows, asking->wanted, answer))
        requests_fail(core, asking->serial, "NotFound", "revision %" PRId64 " of %s/%s is not kept: without a revision the answer "
                      "says which are", asking->wanted, call->object.resource, call->object.name);
    else
        requests_answer(core, asking->serial, mem_steal(&answer));
    free(asking);
}

void request_revisions(struct core *core, struct request_call *call)
{
    const struct object *object = objects_find(&core->objects, &call->object);
    const struct slot *ruling = object != NULL ? object_ruling(object) : NULL;
    const struct json *wanted = json_get(call->args, "revision");
    int64_t revision = 0;
    if (!revision_is_kept(call->object.resource)) {
        requests_fail(core, call->serial, "InvalidRequest", "no revisions are kept of %s", call->object.resource);
        return;
    }
    if (wanted != NULL && (!json_integer(wanted, &revision) || revision < 1)) {
        requests_fail(core, call->serial, "InvalidRequest", "\"revision\" is a number from 1 on");
        return;
    }
    if (ruling == NULL || ruling->source == SOURCE_OWNER) {
        requests_fail(core, call->serial, "NotFound", "%s \"%s\" %s in namespace \"%s\"", call->object.resource, call->object.name,
                      ruling == NULL ? "not found" : "has no revisions of its own: ask for those of its owner,",
                      call->object.namespace);
        return;
    }
    struct asking *asking = mem_alloc(sizeof(*asking));
    *asking = (struct asking){ .core = core, .serial = call->serial, .wanted = revision };
    const struct slot_row key = { .id = object->id, .source = slot_source_word(ruling->source), .group = ruling->group,
                                  .generation = ruling->generation };
    store_ask_revisions(core->store, &key, told, asking);
}
