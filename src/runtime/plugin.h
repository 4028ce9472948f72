/* Loads a plugin, and refuses by name one that this host cannot run. */
#ifndef RUNTIME_PLUGIN_H
#define RUNTIME_PLUGIN_H

#include "base/error.h"
#include "davit/runtime.h"

/* Stays loaded as long as the process lives. NULL on error; *reason is then a CamelCase word. */
MUST_CHECK const struct davit_runtime_plugin *plugin_load(const char *path, const char **reason, struct error *err);

#endif
