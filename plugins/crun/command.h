/* What runs in a container: Kubernetes' rules over the image's own. Pure. */
#ifndef CRUN_COMMAND_H
#define CRUN_COMMAND_H

#include "base/json.h"

/* `command` replaces the image's Entrypoint and Cmd, `args` its Cmd. NULL: nothing is left to run, or no text. */
MUST_CHECK struct json *command_args(const struct json *container, const struct json *image, struct error *err);
/* The image's environment, then the container's; of one name the later rules. PATH and HOSTNAME where nobody says. */
MUST_CHECK struct json *command_env(const struct json *container, const struct json *image, const char *hostname,
                                    struct error *err);
const char *command_cwd(const struct json *container, const struct json *image);
/* "SIGTERM", "TERM", "15", "RTMIN+3". 0: not a signal. */
int command_signal(const char *text);

#endif
