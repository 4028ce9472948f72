#include "protocol/after.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/names.h"

static bool parse_one(const char *word, const char *ns, struct object_id *id, struct error *err)
{
    const char *slash = strchr(word, '/');
    AUTO_FREE char *type = mem_strndup(word, slash != NULL ? (size_t)(slash - word) : 0);
    const struct resource *resource = resource_by_word(type);
    if (resource == NULL || !name_is_subdomain(slash + 1))
        return error_set(err, ERROR_INVALID, "after: \"%.100s\" is no object, as apps/db, pods/x or deployments/x", word);
    memset(id, 0, sizeof(*id));
    snprintf(id->namespace, sizeof(id->namespace), "%s", ns);
    snprintf(id->resource, sizeof(id->resource), "%s", resource->plural);
    snprintf(id->name, sizeof(id->name), "%s", slash + 1);
    return true;
}

bool after_parse(const char *text, const char *ns, struct object_id out[LIMIT_AFTER], size_t *count, struct error *err)
{
    *count = 0;
    while (*(text += strspn(text, ", ")) != '\0') {
        size_t len = strcspn(text, ", ");
        AUTO_FREE char *word = mem_strndup(text, len);
        if (*count == LIMIT_AFTER)
            return error_set(err, ERROR_LIMIT, "after: more than %d objects", LIMIT_AFTER);
        if (!parse_one(word, ns, &out[(*count)++], err))
            return false;
        text += len;
    }
    return true;
}

bool after_check(const struct json *annotations, struct error *err)
{
    struct object_id ids[LIMIT_AFTER];
    const char *text = json_get_text(annotations, AFTER_ANNOTATION);
    size_t count = 0;
    return text == NULL || after_parse(text, "default", ids, &count, err) || error_wrap(err, "metadata.annotations");
}
