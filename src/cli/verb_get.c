/* davit get: the tables of what the nodes say. */
#include "config.h"

#include <string.h>

#include "base/nearest.h"
#include "cli/address.h"
#include "cli/get.h"
#include "cli/verbs.h"

static const struct {
    const char *plural; /* first: nearest_word */
    const char *singular;
    const char *letters;
    enum exit_code (*get)(const struct get *get, struct error *err);
} RESOURCES[] = {
    {"pods", "pod", "po", get_pods},
    {"nodes", "node", "no", get_nodes},
    {"events", "event", "ev", get_events},
};

#define RESOURCE_COUNT (sizeof(RESOURCES) / sizeof(RESOURCES[0]))

static enum exit_code get_of_type(const struct get *get, const char *type, struct error *err)
{
    for (size_t i = 0; i < RESOURCE_COUNT; i++)
        if (strcmp(RESOURCES[i].plural, type) == 0 || strcmp(RESOURCES[i].singular, type) == 0 ||
            strcmp(RESOURCES[i].letters, type) == 0)
            return RESOURCES[i].get(get, err);
    const char *near = nearest_word(type, RESOURCES, RESOURCE_COUNT, sizeof(RESOURCES[0]));
    if (near != NULL)
        return usage_error(err, "cannot get %s. Did you mean %s?", type, near);
    return usage_error(err, "cannot get %s: only pods, nodes and events", type);
}

enum exit_code verb_get(const struct options *options, struct error *err)
{
    struct get get = {.options = options};
    AUTO_ADDRESS struct address address = {0};
    if (options->word_count == 0)
        return usage_error(err, "get what? pods, nodes or events");
    if (!address_check(options, err) || !address_words(options, &address, err) ||
        !output_parse(options, &get.output, err))
        return EXIT_CODE_USAGE;
    if (address.count > 1)
        return usage_error(err, "one name, or none for all of them");
    get.name = address.count == 1 ? address.names[0] : NULL;
    if (get.name != NULL && !name_is_subdomain(get.name))
        return usage_error(err, "\"%s\" is no object's name: a-z, 0-9, - and .", get.name);
    return get_of_type(&get, address.type, err);
}
