/* davit get: the tables of what the nodes say. */
#include "config.h"

#include <string.h>

#include "base/nearest.h"
#include "cli/address.h"
#include "cli/get.h"
#include "cli/verbs.h"

static const struct {
    const char *plural;
    const char *singular;
    const char *letters;
    enum exit_code (*get)(const struct get *get, struct error *err);
} OTHERS[] = {
    {"nodes", "node", "no", get_nodes},
    {"events", "event", "ev", get_events},
};

#define OTHER_COUNT (sizeof(OTHERS) / sizeof(OTHERS[0]))

static enum exit_code get_of_type(const struct get *get, const char *type, struct error *err)
{
    static const char *const NEAR[] = {"pods", "nodes", "events", "deployments", "daemonsets", "statefulsets", "jobs",
                                       "cronjobs", "apps", "services", "configmaps", "secrets", "persistentvolumeclaims"};
    const struct resource *resource = resource_by_word(type);
    for (size_t i = 0; i < OTHER_COUNT; i++)
        if (strcmp(OTHERS[i].plural, type) == 0 || strcmp(OTHERS[i].singular, type) == 0 ||
            strcmp(OTHERS[i].letters, type) == 0)
            return OTHERS[i].get(get, err);
    if (resource != NULL)
        return get_objects(get, resource, err);
    const char *near = nearest_word(type, NEAR, sizeof(NEAR) / sizeof(NEAR[0]), sizeof(NEAR[0]));
    if (near != NULL)
        return usage_error(err, "cannot get %s. Did you mean %s?", type, near);
    return usage_error(err, "cannot get %s: only nodes, events, and objects as pods, deployments, jobs, apps", type);
}

enum exit_code verb_get(const struct options *options, struct error *err)
{
    struct get get = {.options = options};
    AUTO_ADDRESS struct address address = {0};
    if (options->word_count == 0)
        return usage_error(err, "get what? pods, nodes, events, deployments, jobs, apps …");
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
