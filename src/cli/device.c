#include "config.h"

#include "cli/device.h"

#include <unistd.h>

#include "base/json.h"
#include "cli/control.h"

static bool is_meant(const struct options *options)
{
    bool named = options->broker_set || options->node != NULL || options->group != NULL || options->nodes.count > 0 ||
                 options->node_selector != NULL;
    return options->control_given || (!named && access(options->control, R_OK | W_OK) == 0);
}

bool device_join(struct options *options, uint64_t flags, struct error *err)
{
    if ((flags & FLAG_BROKER) == 0 || (flags & FLAG_CONTROL) == 0 || options->help || options->client || !is_meant(options))
        return true;
    if (options->group != NULL || options->nodes.count > 0 || options->node_selector != NULL)
        return error_set(err, ERROR_INVALID, "--control is this device alone: it excludes groups and other nodes");
    AUTO_JSON struct json *request = json_new_texts("op", "version", NULL);
    options->device = control_call(options->control, request, -1, NULL, NULL, err);
    if (options->device == NULL)
        return false;
    options->by_control = options->control_set = true;
    options->node = json_get_text(options->device, "node");
    options->root = json_get_text(options->device, "root");
    return options->root != NULL || error_set(err, ERROR_UNSUPPORTED, "this davitd is older than davit: it names no root");
}
