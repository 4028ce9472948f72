/* davit set image: other images in a document on the broker; davit set groups: in which groups a node is. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/edit_run.h"
#include "protocol/desired_node.h"

struct images {
    const char **words; /* CONTAINER=IMAGE */
    size_t count;
};

/* The spec that has the containers; NULL: an App, or there is none. */
static struct json *pod_spec(struct json *document)
{
    struct json *spec = json_get_mutable(document, "spec");
    struct json *job = json_get_mutable(json_get_mutable(spec, "jobTemplate"), "spec");
    struct json *template = json_get_mutable(job != NULL ? job : spec, "template");
    return template != NULL ? json_get_mutable(template, "spec") : spec;
}

static bool is_for(const char *word, const char *container)
{
    size_t len = strcspn(word, "=");
    return strncmp(word, "*=", 2) == 0 || (container != NULL && strlen(container) == len && strncmp(word, container, len) == 0);
}

/* Returns how many containers of the list the word was for. */
static size_t set_in(struct json *spec, const char *list, const char *word)
{
    struct json *containers = json_get_mutable(spec, list);
    AUTO_JSON struct json *changed = json_new_array();
    size_t count = 0;
    if (containers == NULL)
        return 0;
    JSON_EACH(container, containers) {
        struct json *copy = json_copy(container);
        if (is_for(word, json_get_text(container, "name"))) {
            json_set_text(copy, "image", strchr(word, '=') + 1);
            count++;
        }
        json_add(changed, copy);
    }
    json_set(spec, list, json_copy(changed));
    return count;
}

static bool set_images(void *ctx, struct json *document, struct error *err)
{
    const struct images *images = ctx;
    struct json *spec = pod_spec(document);
    for (size_t i = 0; i < images->count; i++) {
        const char *word = images->words[i];
        bool is_app = json_text(json_get(spec, "image")) != NULL && json_get(spec, "containers") == NULL;
        size_t found = set_in(spec, "containers", word) + set_in(spec, "initContainers", word);
        if (is_app && (is_for(word, "main") || is_for(word, json_get_text(json_get(document, "metadata"), "name")))) {
            json_set_text(spec, "image", strchr(word, '=') + 1);
            found = 1;
        }
        if (found == 0)
            return error_set(err, ERROR_NOT_FOUND, "it has no container \"%.*s\"", (int)strcspn(word, "="), word);
    }
    return true;
}

static enum exit_code set_image(const struct options *options, struct error *err)
{
    struct images images = {0};
    size_t objects = 1;
    while (objects < options->word_count && strchr(options->words[objects], '=') == NULL)
        objects++;
    images.words = options->words + objects;
    images.count = options->word_count - objects;
    for (size_t i = 0; i < images.count; i++) {
        const char *equals = strchr(images.words[i], '=');
        if (equals == NULL || equals == images.words[i] || equals[1] == '\0')
            return usage_error(err, "\"%s\" is not CONTAINER=IMAGE", images.words[i]);
    }
    if (objects == 1 || images.count == 0)
        return usage_error(err, "set image needs an object and CONTAINER=IMAGE: davit set image deploy/web web=demo:2");
    return edit_objects(options, options->words + 1, objects - 1, "image updated", set_images, &images, err);
}

static bool set_group_list(void *ctx, struct json *document, struct error *err)
{
    const char *groups = ctx;
    struct json *metadata = json_get_mutable(document, "metadata");
    struct json *annotations = json_get_mutable(metadata, "annotations");
    (void)err;
    annotations = annotations != NULL ? annotations : json_set_object(metadata, "annotations");
    if (groups != NULL)
        json_set_text(annotations, DESIRED_NODE_GROUPS, groups);
    else
        json_remove(annotations, DESIRED_NODE_GROUPS);
    return true;
}

/* NODE… GROUP,GROUP; `-` takes the list back, and the node's configuration rules. */
static enum exit_code set_groups(const struct options *options, struct error *err)
{
    AUTO_TARGETS struct target_set set = {.options = options};
    AUTO_SESSION struct session *session = NULL;
    bool by_flag = fleet_is_meant(options);
    if (options->word_count < (by_flag ? 2u : 3u))
        return usage_error(err, "set groups needs a node and groups: davit set groups press-7 line-3,presses");
    const char *groups = options->words[options->word_count - 1];
    AUTO_FREE char *list = strcmp(groups, "-") == 0 ? NULL : mem_strdup(groups);
    return edit_nodes(&set, &session, options->words + 1, options->word_count - 2, "change the groups of", "groups set",
                      set_group_list, list, err);
}

enum exit_code verb_set(const struct options *options, struct error *err)
{
    const char *what = options->word_count > 0 ? options->words[0] : "";
    if (strcmp(what, "image") == 0)
        return set_image(options, err);
    if (strcmp(what, "groups") == 0)
        return set_groups(options, err);
    return usage_error(err, "set what? davit set image OBJECT CONTAINER=IMAGE, or davit set groups NODE GROUP,GROUP");
}
