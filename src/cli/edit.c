#include "config.h"

#include "cli/edit.h"

#include <string.h>

#include "base/memory.h"
#include "cli/change.h"
#include "cli/status.h"
#include "cli/text.h"
#include "protocol/app.h"
#include "protocol/desired_node.h"

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

/* What it wants now, as an object of its kind; NULL and *err where the broker has none to change. The caller frees. */
static struct json *document_of(const struct target *target, struct error *err)
{
    if (target->kind == TARGET_NODE && !target_is_wanted(target)) {
        struct json *node = json_new_texts("apiVersion", "v1", "kind", "Node", NULL);
        json_set_text(json_set_object(node, "metadata"), "name", target->place->node);
        return node;
    }
    if (!target_is_wanted(target)) {
        (void)refuse(target, err);
        return NULL;
    }
    struct json *app = target->kind == TARGET_OBJECT ? app_unfold(&target->id, target->desired) : NULL;
    return app != NULL ? app : json_copy(target->desired);
}

/* A broker that was restored from a backup holds an old document: what would be changed is not what runs. */
static bool check_newest(const struct target *target, struct error *err)
{
    const char *source = json_get_text(json_get(target->status, "status"), "source");
    int64_t held = target_generation_of(target->desired), accepted = status_observed_generation(target->status);
    if (held == 0 || accepted <= held || (target->kind == TARGET_OBJECT && (source == NULL || strcmp(source, "node") != 0)))
        return true;
    return text_error(err, ERROR_CONFLICT, "node %s has accepted generation %lld, and the broker holds %lld: what is newest is not "
                                           "here to be changed. Apply it again", target->place->node, (long long)accepted, (long long)held);
}

/* By the decoder of the node, as `davit apply` does. */
static bool check_document(const struct target *target, const struct json *document, struct error *err)
{
    struct document read;
    struct refusal refusal;
    AUTO_FREE char *text = json_print(document);
    bool ok = target->kind == TARGET_NODE ? desired_node_read(target->place->node, text, strlen(text), &read, &refusal)
                                          : document_read_json(&target->id, document, &read, &refusal);
    if (!ok)
        return text_error(err, ERROR_INVALID, "the node would refuse that: %s: %s", refusal.reason, refusal.message);
    document_free(&read);
    return true;
}

bool edit_publish(struct session *session, struct target *target, edit_change *change, void *ctx, bool *changed,
                  struct error *err)
{
    AUTO_JSON struct json *before = document_of(target, err);
    AUTO_JSON struct json *document = before != NULL ? json_copy(before) : NULL;
    *changed = false;
    if (document == NULL || !check_newest(target, err) || !change(ctx, document, err))
        return false;
    target->generation = target_generation_of(target->desired);
    if (change_is_same(before, document) && !target_was_out_of_order(target))
        return true;
    *changed = true;
    return check_document(target, document, err) &&
           change_check_size(target, document, target->id.name, session_packet_limit(session), err) &&
           change_publish(session, target, document, err) && session_flush(session, err);
}
