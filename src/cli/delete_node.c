/* delete node: a device that does not come back, or was never meant to be there. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/confirm.h"
#include "cli/delete.h"
#include "cli/text.h"
#include "protocol/discovery.h"
#include "protocol/topic.h"

struct remains {
    const char *root;
    const char *presence; /* its topic: an object may be called presence, too */
    struct json *topics;  /* that are kept */
    bool online;
};

static void take(void *ctx, const struct session_message *message)
{
    struct remains *remains = ctx;
    struct error ignored = {0};
    size_t len = strlen(remains->root);
    bool ours = strncmp(message->topic, remains->root, len) == 0 && message->topic[len] == '/';
    bool is_presence = strcmp(message->topic, remains->presence) == 0;
    if (message->len == 0 || !message->retained)
        return;
    AUTO_JSON struct json *content = !ours || is_presence ? json_parse(message->payload, message->len, &ignored) : NULL;
    const char *looks_at = ours ? NULL : discovery_presence(content);
    if (ours || (looks_at != NULL && strcmp(looks_at, remains->presence) == 0))
        json_add_text(remains->topics, message->topic);
    if (is_presence)
        remains->online = json_get_boolean(content, "online", false);
}

static bool clear(struct session *session, const struct remains *remains, struct error *err)
{
    JSON_EACH(topic, remains->topics)
        if (!session_publish_soon(session, json_text(topic), "", 0, err))
            return false;
    return session_flush(session, err);
}

static bool delete_one(const struct options *options, const char *name, const struct dry_run *dry, struct error *err)
{
    AUTO_JSON struct json *kept = json_new_array();
    AUTO_FREE char *presence = topic_node(options->root, name, "presence", NULL);
    struct remains remains = {.root = options->root, .presence = presence, .topics = kept};
    AUTO_FREE char *below = mem_printf("%s/nodes/%s/#", options->root, name);
    AUTO_FREE char *filter = discovery_filter(options->root, name);
    AUTO_FREE char *discovery = mem_printf("?%s", filter); /* a plant without Home Assistant gives no right to it */
    const char *topics[] = {below, discovery};
    AUTO_SESSION struct session *session = session_open(options, topics, 2, take, &remains, err);
    if (session == NULL || !session_sync(session, err))
        return false;
    size_t count = json_size(kept);
    if (count == 0)
        return error_set(err, ERROR_NOT_FOUND, "the broker knows no node \"%s\"", name);
    if (remains.online && !options->force)
        return error_set(err, ERROR_CONFLICT, "node %s is online, and would be back at once. Stop its davitd, or give --force", name);
    if (!dry->is_dry && !confirm(options, err, "forget node %s, all of its %zu topics and what it is to run", name, count))
        return false;
    if (!dry->is_dry && !clear(session, &remains, err))
        return false;
    printf("node \"%s\" deleted (%zu topics)%s\n", name, count, dry->note);
    return true;
}

enum exit_code delete_nodes(const struct options *options, const char **names, size_t count, const struct dry_run *dry,
                            struct error *err)
{
    if (count == 0)
        return usage_error(err, "which node? Give its name");
    if (!address_check(options, err))
        return EXIT_CODE_USAGE;
    for (size_t i = 0; i < count; i++) {
        if (!name_is_node(names[i]))
            return usage_error(err, "\"%s\" is no node's name: a-z, 0-9, - and .", names[i]);
        if (!delete_one(options, names[i], dry, err))
            return err->code == ERROR_INVALID ? EXIT_CODE_USAGE : exit_code_of(err);
    }
    return EXIT_CODE_OK;
}
