#include "config.h"

#include "cli/vm_word.h"

#include <string.h>

#include "base/memory.h"
#include "protocol/names.h"

#define RESOURCE "virtualmachines"

/* `vm` and a name behind it, as two words. */
static bool is_pair(const struct options *options, size_t at)
{
    const struct resource *resource = at + 1 < options->word_count ? resource_by_word(options->words[at]) : NULL;
    return resource != NULL && strcmp(resource->plural, RESOURCE) == 0;
}

bool vm_word_read(const struct options *options, size_t *at, char **object, struct error *err)
{
    if (*at >= options->word_count)
        return error_set(err, ERROR_INVALID, "which virtual machine? As: vm/hmi");
    *at += is_pair(options, *at) ? 1 : 0;
    const char *word = options->words[(*at)++], *slash = strchr(word, '/');
    AUTO_FREE char *kind = mem_strndup(word, slash != NULL ? (size_t)(slash - word) : 0);
    const struct resource *resource = slash != NULL ? resource_by_word(kind) : resource_by_plural(RESOURCE);
    const char *name = slash != NULL ? slash + 1 : word;
    if (resource == NULL || !name_is_subdomain(name))
        return error_set(err, ERROR_INVALID, "\"%s\" is no virtual machine: as hmi, or vm/hmi", word);
    *object = mem_printf("%s/%s", resource->plural, name);
    return true;
}

char *vm_word_title(const char *object)
{
    const char *slash = strchr(object, '/');
    AUTO_FREE char *plural = mem_strndup(object, (size_t)(slash - object));
    return mem_printf("%s%s", resource_by_plural(plural)->singular, slash);
}
