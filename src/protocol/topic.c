#include "protocol/topic.h"

#include <string.h>

#include "base/memory.h"
#include "protocol/names.h"

/* Text behind `prefix` and a slash; NULL where it does not stand there. */
static const char *after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    if (strncmp(text, prefix, len) != 0 || text[len] != '/')
        return NULL;
    return text + len + 1;
}

/* Copies one level into `out`; the rest behind its slash, or "" at the end. NULL: too long. */
static const char *level(const char *text, char *out, size_t size)
{
    size_t len = strcspn(text, "/");
    if (len >= size)
        return NULL;
    memcpy(out, text, len);
    out[len] = '\0';
    return text[len] == '/' ? text + len + 1 : text + len;
}

static bool object_parse(const char *text, struct object_id *id, struct error *err)
{
    size_t slashes = 0;
    for (const char *c = text; *c != '\0'; c++)
        slashes += *c == '/';
    if (slashes != 2)
        return error_set(err, ERROR_INVALID, "the topic must end in NAMESPACE/RESOURCE/NAME");
    memset(id, 0, sizeof(*id));
    const char *rest = level(text, id->namespace, sizeof(id->namespace));
    if (rest != NULL)
        rest = level(rest, id->resource, sizeof(id->resource));
    if (rest != NULL)
        rest = level(rest, id->name, sizeof(id->name));
    if (rest == NULL || !name_is_label(id->namespace))
        return error_set(err, ERROR_INVALID, "the namespace in the topic is no DNS label");
    if (!name_is_subdomain(id->name))
        return error_set(err, ERROR_INVALID, "the name in the topic is no DNS subdomain");
    if (resource_by_plural(id->resource) == NULL)
        return error_set(err, ERROR_UNSUPPORTED, "\"%s\" is no resource that has a topic", id->resource);
    return true;
}

static bool desired_parse(const char *rest, bool own, struct topic *topic, struct error *err)
{
    if (own && strcmp(rest, "desired") == 0) {
        topic->kind = TOPIC_DESIRED_BUNDLE;
        return true;
    }
    rest = after(rest, "desired");
    if (rest == NULL)
        return true;
    if (own && strcmp(rest, "node") == 0) {
        topic->kind = TOPIC_DESIRED_NODE;
        return true;
    }
    if (!object_parse(rest, &topic->id, err))
        return false;
    topic->kind = TOPIC_DESIRED_OBJECT;
    return true;
}

static bool request_parse(const char *rest, struct topic *topic, struct error *err)
{
    topic->kind = TOPIC_REQUEST;
    rest = level(rest, topic->verb, sizeof(topic->verb));
    rest = rest != NULL ? level(rest, topic->who, sizeof(topic->who)) : NULL;
    if (rest == NULL || rest[0] != '\0' || !name_is_label(topic->verb) || !name_is_user(topic->who))
        return error_set(err, ERROR_INVALID, "a request's topic ends in VERB/WHO, and WHO is a user's name");
    return true;
}

bool topic_parse(const char *root, const char *node, const char *text, struct topic *topic, struct error *err)
{
    memset(topic, 0, sizeof(*topic));
    const char *rest = after(text, root);
    if (rest == NULL)
        return true;
    const char *group = after(rest, "groups");
    if (group != NULL) {
        rest = level(group, topic->group, sizeof(topic->group));
        if (rest == NULL || !name_is_node(topic->group))
            return error_set(err, ERROR_INVALID, "the group in the topic is no DNS subdomain");
        return desired_parse(rest, false, topic, err);
    }
    rest = after(rest, "nodes");
    rest = rest != NULL ? after(rest, node) : NULL;
    if (rest == NULL)
        return true;
    if (strcmp(rest, "sync") == 0)
        topic->kind = TOPIC_SYNC;
    else if (strcmp(rest, "presence") == 0)
        topic->kind = TOPIC_PRESENCE;
    else if (after(rest, "request") != NULL)
        return request_parse(after(rest, "request"), topic, err);
    else
        return desired_parse(rest, true, topic, err);
    return true;
}

char *topic_desired(const char *root, const char *node, const char *group, const struct object_id *id)
{
    bool of_group = group != NULL && group[0] != '\0';
    return mem_printf("%s/%s/%s/desired/%s/%s/%s", root, of_group ? "groups" : "nodes", of_group ? group : node,
                      id->namespace, id->resource, id->name);
}

char *topic_node(const char *root, const char *node, const char *word, const struct object_id *id)
{
    if (id == NULL)
        return mem_printf("%s/nodes/%s/%s", root, node, word);
    return mem_printf("%s/nodes/%s/%s/%s/%s/%s", root, node, word, id->namespace, id->resource, id->name);
}

bool topic_node_parse(const char *root, const char *text, char node[LIMIT_NAME_BYTES + 1],
                      char word[LIMIT_LABEL_BYTES + 1], struct object_id *id, bool *has_id)
{
    const char *rest = after(text, root);
    rest = rest != NULL ? after(rest, "nodes") : NULL;
    rest = rest != NULL ? level(rest, node, LIMIT_NAME_BYTES + 1) : NULL;
    rest = rest != NULL ? level(rest, word, LIMIT_LABEL_BYTES + 1) : NULL;
    if (rest == NULL || node[0] == '\0' || word[0] == '\0')
        return false;
    struct error ignored;
    *has_id = rest[0] != '\0';
    return !*has_id || object_parse(rest, id, &ignored);
}
