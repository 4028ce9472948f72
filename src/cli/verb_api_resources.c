/* davit api-resources: the kinds that Davit knows, by the names that its other verbs take. */
#include "config.h"

#include <string.h>

#include "base/memory.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "protocol/names.h"

/* The singular is a name too, and needs no mention. */
static char *shorts_of(const struct resource *resource)
{
    char *list = mem_strdup("");
    for (size_t i = 0; i < RESOURCE_SHORTS && resource->shorts[i] != NULL; i++) {
        if (strcmp(resource->shorts[i], resource->singular) == 0)
            continue;
        char *longer = mem_printf("%s%s%s", list, *list != '\0' ? "," : "", resource->shorts[i]);
        free(list);
        list = longer;
    }
    return list;
}

enum exit_code verb_api_resources(const struct options *options, struct error *err)
{
    static const char *const HEADINGS[] = {"NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"};
    if (options->word_count > 0)
        return usage_error(err, "api-resources takes no \"%s\"", options->words[0]);
    AUTO_TABLE struct table table;
    table_init(&table);
    for (size_t i = 0; i < sizeof(HEADINGS) / sizeof(HEADINGS[0]); i++)
        table_column(&table, HEADINGS[i]);
    for (size_t i = 0; resource_at(i) != NULL; i++) {
        const struct resource *resource = resource_at(i);
        AUTO_FREE char *shorts = shorts_of(resource);
        table_row(&table, (const char *const[]){resource->plural, shorts, resource->api_version, "true", resource->kind});
    }
    table_row(&table, (const char *const[]){"nodes", "no", "v1", "false", "Node"});
    table_print(&table);
    return EXIT_CODE_OK;
}
