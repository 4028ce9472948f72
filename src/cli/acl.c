#include "config.h"

#include "cli/acl.h"

#include <string.h>

#include "base/memory.h"
#include "protocol/names.h"

struct rule {
    const char *access;
    const char *topic; /* below the root; %s: the name */
};

/* "a/#" is "a" too. */
static const struct rule NODE_RULES[] = {
    {"read", "nodes/%s/desired/#"},     {"read", "nodes/%s/request/#"},   {"write", "nodes/%s/state/#"},
    {"write", "nodes/%s/status/#"},     {"write", "nodes/%s/metrics/#"},  {"write", "nodes/%s/history/#"},
    {"write", "nodes/%s/events"},       {"write", "nodes/%s/response/#"},
};

/* A node reads its own presence and sync back: a late will, and the end of the flood. */
static const struct rule CLIENT_RULES[] = {
    {"readwrite", "nodes/%s/presence"},
    {"readwrite", "nodes/%s/sync"},
};

static const struct rule BRIDGE_RULES[] = {
    {"write", "nodes/%s/presence"},
};

static const struct rule SITE_RULES[] = {
    {"write", "sites/%s/presence"},
};

static const struct rule OPERATOR_READS[] = {
    {"read", "nodes/+/events"},          {"read", "nodes/+/history/#"},   {"read", "sites/+/presence"},
    {"read", "nodes/+/response/%s/#"},   {"readwrite", "clients/+/sync"},
};

/* What nodes say is written too: who takes a node away for good empties its topics. */
static const struct rule OPERATOR_RULES[] = {
    {"readwrite", "nodes/+/desired/#"},  {"readwrite", "groups/+/desired/#"}, {"readwrite", "nodes/+/presence"},
    {"readwrite", "nodes/+/state/#"},    {"readwrite", "nodes/+/status/#"},   {"readwrite", "nodes/+/metrics/#"},
    {"write", "nodes/+/request/+/%s"},
};

/* Not desired/, and not revisions: documents are there, and Secrets in them. Not exec, and nothing that has an effect. */
static const struct rule READER_RULES[] = {
    {"read", "nodes/+/presence"},             {"read", "nodes/+/state/#"},             {"read", "nodes/+/status/#"},
    {"read", "nodes/+/metrics/#"},            {"write", "nodes/+/request/ping/%s"},    {"write", "nodes/+/request/describe/%s"},
    {"write", "nodes/+/request/logs/%s"},     {"write", "nodes/+/request/top/%s"},     {"write", "nodes/+/request/events/%s"},
};

static void rules_add(const struct acl *acl, const char *kind, const struct rule *rules, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = strstr(rules[i].topic, "%s");
        int before = at != NULL ? (int)(at - rules[i].topic) : (int)strlen(rules[i].topic);
        strbuf_printf(acl->out, "%s %s %s/%.*s%s%s\n", kind, rules[i].access, acl->root, before, rules[i].topic,
                      at != NULL ? name : "", at != NULL ? at + 2 : "");
    }
}

#define RULES_ADD(acl, kind, rules, name) rules_add(acl, kind, rules, sizeof(rules) / sizeof((rules)[0]), name)

bool acl_begin(const struct acl *acl, struct error *err)
{
    if (acl->site == NULL) {
        strbuf_add(acl->out, "# Each node has its own name as its user name.\n");
        RULES_ADD(acl, "pattern", NODE_RULES, "%u");
        RULES_ADD(acl, "pattern", CLIENT_RULES, "%u");
        strbuf_printf(acl->out, "pattern read %s/groups/all/desired/#\n", acl->root);
        return true;
    }
    if (!name_is_node(acl->site))
        return error_set(err, ERROR_INVALID, "\"%.100s\" is no name of a site: a DNS subdomain, as hamburg", acl->site);
    strbuf_printf(acl->out, "# The bridge of the site %s, whose user name is the site's.\nuser %s\n", acl->site, acl->site);
    RULES_ADD(acl, "topic", SITE_RULES, acl->site);
    strbuf_printf(acl->out, "topic read %s/groups/all/desired/#\n", acl->root);
    return true;
}

/* A site reads a group once, however many of its nodes are in it. */
static bool group_add(struct acl *acl, const char *node, const char *group, struct error *err)
{
    if (!name_is_node(group))
        return error_set(err, ERROR_INVALID, "node %s: \"%.100s\" is no name of a group: a DNS subdomain, as line-3", node, group);
    if (strcmp(group, "all") == 0 || (acl->site != NULL && json_get(acl->groups, group) != NULL))
        return true;
    if (acl->site != NULL)
        json_set_boolean(acl->groups, group, true);
    strbuf_printf(acl->out, "topic read %s/groups/%s/desired/#\n", acl->root, group);
    return true;
}

bool acl_node(struct acl *acl, const char *line, struct error *err)
{
    AUTO_FREE char *copy = mem_strdup(line);
    char *rest = copy + strspn(copy, " \t\r");
    const char *node = strsep(&rest, ", \t\r");
    bool good = true;

    if (node[0] == '\0' || node[0] == '#')
        return true;
    if (!name_is_node(node))
        return error_set(err, ERROR_INVALID, "\"%.100s\" is no name of a node: a DNS subdomain, as press-7", node);
    if (acl->site != NULL) {
        RULES_ADD(acl, "topic", NODE_RULES, node);
        RULES_ADD(acl, "topic", BRIDGE_RULES, node);
    } else if (rest != NULL && rest[strspn(rest, ", \t\r")] != '\0') {
        strbuf_printf(acl->out, "user %s\n", node);
    }
    for (const char *group; good && (group = strsep(&rest, ", \t\r")) != NULL;)
        good = group[0] == '\0' || group_add(acl, node, group, err);
    return good;
}

bool acl_revoked(const struct acl *acl, const char *node, struct error *err)
{
    if (!name_is_node(node))
        return error_set(err, ERROR_INVALID, "\"%.100s\" is no name of a node: a DNS subdomain, as press-7", node);
    strbuf_printf(acl->out, "user %s\ntopic deny #\n", node);
    return true;
}

bool acl_operator(const struct acl *acl, const char *name, bool read_only, struct error *err)
{
    if (!name_is_user(name))
        return error_set(err, ERROR_INVALID, "\"%.100s\" is no name of an operator: letters, digits, - _ . @ :", name);
    strbuf_printf(acl->out, "user %s\n", name);
    RULES_ADD(acl, "topic", OPERATOR_READS, name);
    if (read_only)
        RULES_ADD(acl, "topic", READER_RULES, name);
    else
        RULES_ADD(acl, "topic", OPERATOR_RULES, name);
    return true;
}
