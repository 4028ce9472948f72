#include "config.h"

#include "cli/address.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static bool check_broker(const char *url, struct error *err)
{
    static const char *const SCHEMES[] = {"mqtt://", "mqtts://", "ws://", "wss://"};
    for (size_t i = 0; i < sizeof(SCHEMES) / sizeof(SCHEMES[0]); i++)
        if (strncmp(url, SCHEMES[i], strlen(SCHEMES[i])) == 0)
            return true;
    return error_set(err, ERROR_INVALID, "the broker \"%s\" must begin with mqtt://, mqtts://, ws:// or wss://", url);
}

bool address_check(const struct options *options, struct error *err)
{
    if (!check_broker(options->broker, err))
        return false;
    if (!name_is_root(options->root))
        return error_set(err, ERROR_INVALID, "\"%s\" is no topic root: one to four levels of letters, digits, - _ .",
                         options->root);
    if (options->node != NULL && !name_is_node(options->node))
        return error_set(err, ERROR_INVALID, "\"%s\" is no node's name: a-z, 0-9, - and .", options->node);
    if (options->group != NULL && !name_is_node(options->group))
        return error_set(err, ERROR_INVALID, "\"%s\" is no group's name: a-z, 0-9, - and .", options->group);
    if (options->ns != NULL && !name_is_label(options->ns))
        return error_set(err, ERROR_INVALID, "\"%s\" is no namespace: at most 63 of a-z, 0-9 and -", options->ns);
    return true;
}

bool address_check_target(const struct options *options, struct error *err)
{
    if (options->node == NULL && options->group == NULL && options->nodes.count == 0 && options->node_selector == NULL)
        return error_set(err, ERROR_INVALID, "which node? Give --node N, --group G, or set DAVIT_NODE");
    return address_check(options, err);
}

static bool split_word(const char *word, struct address *address, struct error *err)
{
    size_t len = strcspn(word, "/");
    bool first = address->count == 0;
    if (word[len] == '\0' || len == 0 || len >= sizeof(address->type))
        return error_set(err, ERROR_INVALID, "\"%s\" is not TYPE/NAME, as the words beside it are", word);
    if (!first && (strncmp(address->type, word, len) != 0 || address->type[len] != '\0'))
        return error_set(err, ERROR_INVALID, "one type at a time: %s and \"%s\"", address->type, word);
    memcpy(address->type, word, len);
    address->type[len] = '\0';
    address->names[address->count++] = word + len + 1;
    return true;
}

bool address_words(const struct options *options, struct address *address, struct error *err)
{
    *address = (struct address){0};
    if (options->word_count == 0)
        return error_set(err, ERROR_INVALID, "of what? As: pod NAME");
    address->names = mem_array(options->word_count, sizeof(*address->names));
    if (strchr(options->words[0], '/') != NULL) {
        for (size_t i = 0; i < options->word_count; i++)
            if (!split_word(options->words[i], address, err))
                return false;
        return true;
    }
    if (strlen(options->words[0]) >= sizeof(address->type))
        return error_set(err, ERROR_INVALID, "Davit knows no type of so long a name");
    (void)snprintf(address->type, sizeof(address->type), "%s", options->words[0]);
    for (size_t i = 1; i < options->word_count; i++)
        address->names[address->count++] = options->words[i];
    return true;
}

void address_free(struct address *address)
{
    free(address->names);
    address->names = NULL;
}

bool address_object(const struct options *options, const struct resource *resource, const char *name,
                    struct object_id *id, struct error *err)
{
    if (!name_is_subdomain(name))
        return error_set(err, ERROR_INVALID, "\"%s\" is no %s's name: a-z, 0-9, - and .", name, resource->singular);
    *id = (struct object_id){0};
    (void)snprintf(id->namespace, sizeof(id->namespace), "%s", options->ns);
    (void)snprintf(id->resource, sizeof(id->resource), "%s", resource->plural);
    (void)snprintf(id->name, sizeof(id->name), "%s", name);
    return true;
}
