#include "config.h"

#include "cli/edit.h"

#include <string.h>

#include "base/memory.h"
#include "cli/change.h"
#include "cli/text.h"
#include "protocol/app.h"

static bool refuse(const struct target *target, struct error *err)
{
    const char *source = json_get_text(json_get(target->status, "status"), "source");
    const char *where = target->place->node != NULL ? target->place->node : "the group";
    if (source != NULL && strcmp(source, "node") != 0)
        return text_error(err, ERROR_CONFLICT, "%s \"%s\" on %s comes from %s: change it there", target->resource->singular,
                          target->id.name, where, source);
    if (target->status != NULL)
        return text_error(err, ERROR_NOT_FOUND, "the broker has no document of %s \"%s\" any more: apply it again",
                          target->resource->singular, target->id.name);
    return text_error(err, ERROR_NOT_FOUND, "%s \"%s\" not found in namespace \"%s\"%s", target->resource->plural,
                      target->id.name, target->id.namespace, target_node_note(target));
}

struct json *edit_document(const struct target *target, struct error *err)
{
    if (!target_is_wanted(target)) {
        (void)refuse(target, err);
        return NULL;
    }
    struct json *app = app_unfold(&target->id, target->desired);
    return app != NULL ? app : json_copy(target->desired);
}

bool edit_publish(struct session *session, struct target *target, edit_change *change, void *ctx, bool *changed,
                  struct error *err)
{
    AUTO_JSON struct json *document = edit_document(target, err);
    *changed = false;
    if (document == NULL || !change(ctx, document, err))
        return false;
    target->generation = target_generation_of(target->desired);
    if (change_of(target, document) == CHANGE_NONE)
        return true;
    *changed = true;
    return change_check_size(target, document, target->id.name, session_packet_limit(session), err) &&
           change_publish(session, target, document, err);
}
