/* Something that is done on workloads of many nodes by a request: asked before where it is more than one node. */
#ifndef CLI_FLEET_ACT_H
#define CLI_FLEET_ACT_H

#include "cli/fleet.h"

/* `verb` is the request's, `object` what is meant on each node ("deploy/web"), `done` the past participle. */
enum exit_code fleet_act(const struct options *options, const char *verb, const char *object, const struct json *args,
                         const char *done, struct error *err);

#endif
