/* Sites behind a bridge, as the bridges' notifications tell of them: R/sites/SITE/presence, `1` or `0`, retained. */
#ifndef CLI_SITES_H
#define CLI_SITES_H

#include "base/json.h"
#include "cli/fleet.h"
#include "cli/session.h"

struct sites; /* a set of those that are away; NULL: none */

/* False: the topic is no site's. *changed: the site came or went. */
bool sites_take(struct sites **sites, const char *root, const struct session_message *message, bool *changed);
/* What a node's presence says of it, in the light of its site. NULL: offline. */
enum fleet_reach sites_reach(struct sites *sites, const struct json *presence);
void sites_free(struct sites **sites);

#endif
