#include "protocol/bundle.h"

#include <string.h>

#include "base/memory.h"

static bool read_list(const struct json *json, struct document *document, struct refusal *refusal)
{
    const char *kind = json_get_text(json, "kind"), *version = json_get_text(json, "apiVersion");
    const struct json *items = json_get(json, "items");
    if (kind == NULL || version == NULL || strcmp(kind, "List") != 0 || strcmp(version, "v1") != 0) {
        refusal_set(refusal, "UnsupportedKind", "a bundle is a List of v1");
        return false;
    }
    if (!document_read_head(json, document, refusal))
        return false;
    if (!document->tombstone && json_type(items) != JSON_ARRAY) {
        refusal_set(refusal, "InvalidDocument", "items must be an array; a bundle that is to go has metadata.deletionTimestamp");
        return false;
    }
    if (json_size(items) > LIMIT_BUNDLE_OBJECTS) {
        refusal_set(refusal, "TooManyObjects", "%zu objects; a bundle has at most %d", json_size(items), LIMIT_BUNDLE_OBJECTS);
        return false;
    }
    return true;
}

/* The List without what a cluster writes, in it and in its items. */
static struct json *strip(const struct json *json)
{
    struct json *list = json_copy(json);
    document_strip(list);
    struct json *items = json_new_array();
    JSON_EACH(item, json_get(json, "items")) {
        struct json *stripped = json_copy(item);
        document_strip(stripped);
        json_add(items, stripped);
    }
    json_set(list, "items", items);
    if (json_size(json_get(list, "metadata")) == 0)
        json_remove(list, "metadata");
    return list;
}

bool bundle_read(const char *data, size_t len, struct document *document, struct refusal *refusal)
{
    struct error err;
    memset(document, 0, sizeof(*document));
    refusal->generation = -1;
    if (len > LIMIT_BUNDLE_BYTES) {
        refusal_set(refusal, "TooLarge", "%zu bytes; a bundle has at most %d", len, LIMIT_BUNDLE_BYTES);
        return false;
    }
    AUTO_JSON struct json *json = json_parse(data, len, &err);
    if (json == NULL) {
        refusal_set(refusal, "InvalidJSON", "%s", err.message);
        return false;
    }
    if (!read_list(json, document, refusal))
        return false;
    AUTO_JSON struct json *stripped = strip(json);
    AUTO_FREE char *text = json_print_canonical(stripped);
    digest_of(text, strlen(text), document->content);
    document->text = mem_strdup(""); /* its items are kept as slots */
    document->data = document->tombstone ? NULL : json_copy(json_get(json, "items"));
    return true;
}

bool bundle_read_item(const struct json *item, size_t index, size_t max_bytes, struct document *document,
                      struct refusal *refusal)
{
    struct refusal why = { .generation = -1 };
    bool good = document_read_json(NULL, item, document, &why);
    if (good && document->tombstone) {
        refusal_set(&why, "InvalidDocument", "it is a tombstone: leave it out, what a bundle does not hold goes");
        good = false;
    }
    if (good && strlen(document->text) > max_bytes) {
        refusal_set(&why, "TooLarge", "%zu bytes; this node takes documents of at most %zu", strlen(document->text), max_bytes);
        good = false;
    }
    if (good)
        return true;
    document_free(document);
    const char *name = json_get_text(json_get(item, "metadata"), "name");
    refusal_set(refusal, why.reason, "items[%zu] (%.100s): %.400s", index, name != NULL ? name : "without a name", why.message);
    return false;
}
