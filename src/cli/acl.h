/* Mosquitto's access rules for nodes, operators and sites, as text. docs/brokers.md says how they are used. Pure.
 *
 * A name that is no node's, group's or user's is refused: a wildcard in it would be a right to everything, and a blank another
 * rule. */
#ifndef CLI_ACL_H
#define CLI_ACL_H

#include "base/error.h"
#include "base/json.h"
#include "base/strbuf.h"

struct acl {
    const char *root;
    const char *site;    /* the nodes are behind this site's bridge; NULL: they are the broker's own clients */
    struct strbuf *out;
    struct json *groups; /* of a site, each once */
};

/* What every node may, by its name; or what a site's bridge may, whatever its nodes are. */
MUST_CHECK bool acl_begin(const struct acl *acl, struct error *err);
/* The rules of one node: "press-7 line-3 presses", its groups behind its name, with blanks or commas between. An empty line and
 * one that begins with # add nothing. */
MUST_CHECK bool acl_node(struct acl *acl, const char *line, struct error *err);
/* A node whose certificate is not believed any more: it may nothing, wherever it comes in. */
MUST_CHECK bool acl_revoked(const struct acl *acl, const char *node, struct error *err);
MUST_CHECK bool acl_operator(const struct acl *acl, const char *name, bool read_only, struct error *err);

#endif
