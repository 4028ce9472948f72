/* What this node is: the configuration, and over it the desired Node. Deciding thread only. */
#ifndef CORE_DESIRED_NODE_H
#define CORE_DESIRED_NODE_H

#include "core/core.h"

/* core->node anew, from the configuration and the accepted document. Nothing else follows: at start. */
void desired_node_derive(struct core *core);
/* Its document is on the disk: groups are joined and left, labels and taints hold. */
void desired_node_settled(struct core *core);
/* A Node of the manifests folder: what it forbids holds besides what the desired Node does. False: refused, for it says more. */
MUST_CHECK bool desired_node_manifest_check(const struct core *core, const struct json *json, struct refusal *refusal);
/* One that was checked; NULL: the folder has none. */
void desired_node_manifest(struct core *core, const struct json *json);
bool desired_node_forbids(const struct json *json); /* it is more than a name */
/* The rank and the copy of a group; false: this node is not in it. */
bool desired_node_group(const struct core *core, const char *group, struct slot_key *key);
/* The ranks of an object's slots of groups; those of groups that were left are emptied. */
void desired_node_fit(struct core *core, struct object *object);
/* Topics of groups that this node is not in come: the broker's session has an old subscription. */
void desired_node_unsubscribe(struct core *core, const char *group);

#endif
