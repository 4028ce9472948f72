#include "config.h"

#include "cli/sites.h"

#include <string.h>
#include <uthash.h>

#include "base/memory.h"

struct sites {
    char *name;
    UT_hash_handle hh;
};

/* SITE of R/sites/SITE/presence; NULL: another topic. The caller frees. */
static char *site_of(const char *root, const char *topic)
{
    static const char first[] = "/sites/", last[] = "/presence";
    size_t len = strlen(root);
    if (strncmp(topic, root, len) != 0 || strncmp(topic + len, first, sizeof(first) - 1) != 0)
        return NULL;
    const char *name = topic + len + sizeof(first) - 1;
    size_t name_len = strcspn(name, "/");
    return strcmp(name + name_len, last) == 0 ? mem_strndup(name, name_len) : NULL;
}

bool sites_take(struct sites **sites, const char *root, const struct session_message *message, bool *changed)
{
    AUTO_FREE char *name = site_of(root, message->topic);
    struct sites *site = NULL;
    *changed = false;
    if (name == NULL)
        return false;
    HASH_FIND_STR(*sites, name, site);
    bool is_away = strcmp(message->payload, "0") == 0;
    *changed = is_away != (site != NULL);
    if (is_away && site == NULL) {
        site = mem_alloc(sizeof(*site));
        site->name = mem_steal(&name);
        HASH_ADD_KEYPTR(hh, *sites, site->name, strlen(site->name), site);
    } else if (!is_away && site != NULL) {
        HASH_DEL(*sites, site);
        free(site->name);
        free(site);
    }
    return true;
}

enum fleet_reach sites_reach(struct sites *sites, const struct json *presence)
{
    const char *name = json_get_text(presence, "site");
    struct sites *site = NULL;
    if (name != NULL)
        HASH_FIND_STR(sites, name, site);
    if (site != NULL)
        return FLEET_UNKNOWN;
    return json_get_boolean(presence, "online", false) ? FLEET_ONLINE : FLEET_OFFLINE;
}

void sites_free(struct sites **sites)
{
    struct sites *site;
    struct sites *next;
    HASH_ITER(hh, *sites, site, next) {
        HASH_DEL(*sites, site);
        free(site->name);
        free(site);
    }
}
