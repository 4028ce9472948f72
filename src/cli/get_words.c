/* The words of davit get: TYPE [NAME…], TYPE,TYPE, TYPE/NAME…, all. */
#include "config.h"

#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "cli/get.h"
#include "cli/node_view.h"

/* kubectl's `all`, and what Davit has beside. Not what holds secrets or data. */
static const char *const ALL[] = {"apps", "pods", "virtualmachines", "services", "daemonsets", "deployments", "statefulsets",
                                  "jobs", "cronjobs"};

static bool type_unknown(const char *word, struct error *err)
{
    static const char *const NEAR[] = {"pods", "nodes", "events", "images", "deployments", "daemonsets", "statefulsets", "jobs",
                                       "cronjobs", "apps", "services", "configmaps", "secrets", "virtualmachines",
                                       "persistentvolumeclaims", "all"};
    const char *near = nearest_word(word, NEAR, sizeof(NEAR) / sizeof(NEAR[0]), sizeof(NEAR[0]));
    if (near != NULL)
        return error_set(err, ERROR_INVALID, "cannot get %s. Did you mean %s?", word, near);
    return error_set(err, ERROR_INVALID, "cannot get %s: only nodes, events, images, all, and objects as pods, deployments, jobs, apps",
                     word);
}

static struct get_type *type_add(struct get *get, const struct resource *resource)
{
    for (size_t i = 0; i < get->type_count; i++)
        if (get->types[i].resource == resource)
            return &get->types[i];
    if (get->type_count == GET_TYPES)
        return NULL;
    struct get_type *type = &get->types[get->type_count++];
    type->resource = resource;
    type->columns = resource != NULL ? columns_of(resource->plural) : NODE_COLUMNS;
    return type;
}

static bool is_node_word(const char *word)
{
    return strcmp(word, "nodes") == 0 || strcmp(word, "node") == 0 || strcmp(word, "no") == 0;
}

/* NULL: the word is none. */
static struct get_type *type_by_word(struct get *get, const char *word, struct error *err)
{
    const struct resource *resource = resource_by_word(word);
    if (resource != NULL || is_node_word(word))
        return type_add(get, resource);
    (void)type_unknown(word, err);
    return NULL;
}

static bool types_read(struct get *get, const char *list, struct error *err)
{
    for (const char *at = list; *at != '\0'; at += *at == ',') {
        AUTO_FREE char *word = mem_strndup(at, strcspn(at, ","));
        at += strlen(word);
        get->is_all = get->is_all || strcmp(word, "all") == 0;
        for (size_t i = 0; strcmp(word, "all") == 0 && i < sizeof(ALL) / sizeof(ALL[0]); i++)
            (void)type_add(get, resource_by_plural(ALL[i]));
        if (strcmp(word, "all") != 0 && type_by_word(get, word, err) == NULL)
            return false;
    }
    return get->type_count > 0 || error_set(err, ERROR_INVALID, "get what? \"%s\" names no type", list);
}

static bool name_add(struct get_type *type, const char *name, struct error *err)
{
    if (!name_is_subdomain(name))
        return error_set(err, ERROR_INVALID, "\"%.80s\" is no object's name: a-z, 0-9, - and .", name);
    if (type->name_count == LIMIT_NAMES)
        return error_set(err, ERROR_LIMIT, "more than %d names of one type", LIMIT_NAMES);
    type->names[type->name_count++] = name;
    return true;
}

static bool read_pair(struct get *get, const char *word, struct error *err)
{
    const char *slash = strchr(word, '/');
    if (slash == NULL)
        return error_set(err, ERROR_INVALID, "\"%.80s\" is not TYPE/NAME, as the words beside it are", word);
    AUTO_FREE char *name = mem_strndup(word, (size_t)(slash - word));
    struct get_type *type = type_by_word(get, name, err);
    return type != NULL && name_add(type, slash + 1, err);
}

bool get_read_words(struct get *get, struct error *err)
{
    const struct options *options = get->options;
    bool is_pairs = strchr(options->words[0], '/') != NULL;
    for (size_t i = 0; is_pairs && i < options->word_count; i++)
        if (!read_pair(get, options->words[i], err))
            return false;
    if (!is_pairs && !types_read(get, options->words[0], err))
        return false;
    for (size_t i = 1; !is_pairs && i < options->word_count; i++)
        for (size_t j = 0; j < get->type_count; j++)
            if (!name_add(&get->types[j], options->words[i], err))
                return false;
    if (options->watch && get->type_count > 1)
        return error_set(err, ERROR_INVALID, "-w is of one type at a time");
    return true;
}
